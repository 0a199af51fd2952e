package raftstore

import (
	"net"
	"sync"
)

// handshakesOnce is how many strangers may be at the door at once.
const handshakesOnce = 64

// door are the connections that came in and have not shown yet who they are, the
// oldest first. When there are too many, one of those is hung up on that have most of
// them open, and of these the oldest: whoever holds connections open without a word
// keeps no member out, whose handshake takes a few milliseconds.
type door struct {
	mu    sync.Mutex
	conns []net.Conn
}

// begin counts a connection in, and hangs up on another one where there are too many.
func (g *door) begin(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns = append(g.conns, conn)
	if len(g.conns) <= handshakesOnce {
		return
	}
	from := map[string]int{}
	for _, c := range g.conns {
		from[hostOf(c)]++
	}
	worst := 0
	for i, c := range g.conns {
		if from[hostOf(c)] > from[hostOf(g.conns[worst])] {
			worst = i
		}
	}
	_ = g.conns[worst].Close() // its handshake fails
	g.conns = append(g.conns[:worst:worst], g.conns[worst+1:]...)
}

// end counts a connection out, once or more often.
func (g *door) end(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, c := range g.conns {
		if c == conn {
			g.conns = append(g.conns[:i:i], g.conns[i+1:]...)
			return
		}
	}
}

func hostOf(c net.Conn) string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	return host
}
