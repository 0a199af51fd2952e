package raftstore

import (
	"errors"
	"net"
	"sync"
	"time"
)

// refusals is what the other members last made of this node's certificate. A node that
// was removed while it was dead, or given up elsewhere, hears nothing else of that: the
// rosters that say so are of others, who hang up on it.
type refusals struct {
	mu    sync.Mutex
	words map[string]word // by node id
}

// word is the last one of a member.
type word struct {
	refused bool
	since   time.Time // it has said so without a break
	last    time.Time
}

const (
	// refusedLong is how long the refusals have to go on: a member that has just been
	// admitted may call before all others have heard of it.
	refusedLong = 2 * time.Second
	// refusedLately is how long a word counts. Elections are tried several times a second.
	refusedLately = 30 * time.Second
)

// note keeps the word of a member.
func (r *refusals) note(id string, refused bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.words == nil {
		r.words = map[string]word{}
	}
	w := r.words[id]
	if w.refused != refused || now.Sub(w.last) > refusedLately {
		w = word{refused: refused, since: now}
	}
	w.last = now
	r.words[id] = w
}

// all says whether members refuse this node, and none has taken it lately.
func (r *refusals) all(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	refused := false
	for _, w := range r.words {
		switch {
		case now.Sub(w.last) > refusedLately:
		case !w.refused:
			return false
		case w.last.Sub(w.since) >= refusedLong:
			refused = true
		}
	}
	return refused
}

// certificateRefused recognizes what verify at the other end leads to. In TLS 1.3 it
// comes with the first read, and has no type of its own.
func certificateRefused(err error) bool {
	alert := (*net.OpError)(nil)
	return errors.As(err, &alert) && alert.Op == "remote error" && alert.Err != nil && alert.Err.Error() == "tls: bad certificate"
}

// Read implements net.Conn, and notes once what the other end makes of this node.
func (c *peerConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if refused := certificateRefused(err); (n > 0 || refused) && c.heard.CompareAndSwap(false, true) {
		c.port.refusals.note(c.id, refused, time.Now())
	}
	return n, err
}

// RefusedByPeers says whether other members refuse this node's certificate, and none has
// taken it lately: it was removed, or the cluster was recovered without it. It says
// nothing of members that cannot be reached.
func (s *Store) RefusedByPeers() bool {
	return s.port != nil && s.port.refusals.all(time.Now())
}
