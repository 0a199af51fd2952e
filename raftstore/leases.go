package raftstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/raftstore/lease"
)

// Requests between peers that this package answers itself.
const (
	opEcho  = "echo"  // a voter's part in a round: it needs no unsealed node
	opLease = "lease" // a holder asks the leader
	opIndex = "index" // the leader waits for a holder's state
)

// Leases is a node's right to serve, and on the leader the right of all others. It
// is made with the store and lives as long.
type Leases struct {
	store *Store
	cell  lease.Cell
	sole  atomic.Bool                                   // nobody else can lead, and nobody else ever could: see Grant
	index func() uint64                                 // of the state that new requests see
	reach func(ctx context.Context, index uint64) error // waits until that state has got to index
	wake  chan struct{}                                 // the holder asks now; capacity 1

	mu     sync.Mutex // guards what follows; never held while waiting
	life   lease.Life // 0: this node holds none, and asks for none
	holder lease.Holder
	flight *flight // the request under way
	next   *flight // the one after it, for those who came since

	lead *granting // of this leadership; nil on others

	leaders atomic.Uint64          // see LeaderIndex
	clock   atomic.Pointer[string] // what the leader said of this node's clock; nil for nothing
}

// flight is one request for a lease and those who wait for what it brings.
type flight struct {
	done  chan struct{}
	index uint64 // of the leader's state when the request arrived
	err   error
}

// Serve begins to ask for leases, for a node that was just unsealed. index is the
// state's that new requests see, and must never fall until Rest; reach waits until
// it has got to another.
func (l *Leases) Serve(index func() uint64, reach func(context.Context, uint64) error) {
	var life [8]byte
	_, _ = rand.Read(life[:]) // does not fail
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index, l.reach = index, reach
	l.life = lease.Life(binary.BigEndian.Uint64(life[:]) | 1)
	l.holder = lease.NewHolder(l.life)
	l.publish()
	l.nudge()
}

// Rest gives the lease up, and asks for none until Serve. A leader grants none from
// here on either.
func (l *Leases) Rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.life = 0
	l.holder.Drop()
	l.publish()
	l.lead = nil
	l.sole.Store(false)
}

func (l *Leases) publish() { l.cell.Publish(l.holder.Lease()) }

func (l *Leases) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// LongestLease is for how long after a command of the barrier class some node may still
// serve from before it.
const LongestLease = lease.Booking

// Errors of the lease.
var (
	ErrNoLease = lease.ErrNoLease
	ErrBehind  = lease.ErrBehind
)

// Valid says whether a request may begin now on a state at index. Errors:
// ErrNoLease, ErrBehind.
func (l *Leases) Valid(index uint64) error {
	if l.sole.Load() && l.store.Leading() {
		return nil
	}
	return l.cell.Valid(bootTime, index)
}

// Held says whether an answer may still leave, whose request began under a lease.
// What was revoked since then was revoked while the request was under way.
func (l *Leases) Held() bool { return l.Valid(^uint64(0)) == nil }

// Left is how long the lease is good for from now.
func (l *Leases) Left() time.Duration {
	return max(0, time.Duration(l.cell.Load().Until()-bootTime()))
}

// run asks for a lease all the time, until ctx ends.
func (l *Leases) run(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-l.wake:
		case <-l.store.LeadershipChanged():
		case <-ctx.Done():
			return
		}
		wait := lease.Renewal
		if l.resting() {
			wait = lease.Duration
		} else if _, err := l.Fence(ctx); err != nil {
			wait = lease.Renewal / 5
		}
		t.Reset(wait)
	}
}

func (l *Leases) resting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.life == 0
}

// Fence asks the leader, which confirms with a majority after this call that it
// leads, for the index of its state: whatever any node acknowledged before this
// call stands at that index or before it. It renews the lease too. Errors: what
// kept the answer away.
func (l *Leases) Fence(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	if l.life == 0 {
		l.mu.Unlock()
		return 0, ErrNoLease
	}
	f := l.next
	if f == nil {
		f = &flight{done: make(chan struct{})}
		if l.flight == nil {
			l.flight = f
			go l.fly(f)
		} else {
			l.next = f
		}
	}
	l.mu.Unlock()
	select {
	case <-f.done:
		return f.index, f.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// askTime bounds one request for a lease.
const askTime = lease.Patience

// fly makes a request, and then the one that others wait for meanwhile.
func (l *Leases) fly(f *flight) {
	for f != nil {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		f.index, f.err = l.renew(ctx)
		cancel()
		close(f.done)
		l.mu.Lock()
		f, l.next = l.next, nil
		l.flight = f
		l.mu.Unlock()
	}
}

// granted is the leader's answer to a request for a lease.
type granted struct {
	Grant lease.Grant
	Index uint64 // of the leader's state when the request arrived
}

var errLeaderless = errors.New("this node knows no leader")

func (l *Leases) renew(ctx context.Context) (uint64, error) {
	leader, _ := l.store.Leader()
	if leader == "" {
		return 0, errLeaderless
	}
	l.mu.Lock()
	if l.life == 0 {
		l.mu.Unlock()
		return 0, ErrNoLease
	}
	request := l.holder.Request(lease.At{Index: l.index()}, bootTime(), l.store.opts.Now().UnixNano())
	l.publish()
	l.mu.Unlock()
	var answer granted
	var err error
	if leader == l.store.identity.NodeID {
		answer, err = l.arrive(ctx, leader, request)
	} else {
		err = l.ask(ctx, leader, opLease, request, &answer)
	}
	refused := (*PeerError)(nil)
	if errors.As(err, &refused) && refused.Code == codeClock {
		l.clock.Store(&refused.Text)
	} else {
		l.clock.Store(nil) // whatever is in the way now, nobody says that it is the clock
	}
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life != request.Nonce.Life {
		return 0, ErrNoLease
	}
	if err := l.holder.Grant(answer.Grant, bootTime()); err != nil {
		return 0, err
	}
	l.publish()
	l.leaders.Store(answer.Index)
	return answer.Index, nil
}

// ClockWrong is what the leader said of this node's clock if it refused the last lease
// for it, else "".
func (l *Leases) ClockWrong() string {
	if text := l.clock.Load(); text != nil {
		return *text
	}
	return ""
}

// LeaderIndex is the index of the leader's state as of the last lease.
func (l *Leases) LeaderIndex() uint64 { return l.leaders.Load() }

// ask is Store.Ask with JSON both ways.
func (l *Leases) ask(ctx context.Context, id, op string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	b, err := l.store.Ask(ctx, id, op, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("node %s answers what is no answer to %s", id, op)
	}
	return nil
}

// answer takes the requests between peers that are about leases; done is false for
// others.
func (l *Leases) answer(ctx context.Context, from, op string, body []byte) (out []byte, done bool, err error) {
	var result any
	switch op {
	case opEcho:
		result, err = l.echo(body)
	case opLease:
		var r lease.Request
		if json.Unmarshal(body, &r) != nil {
			return nil, true, errBadMessage
		}
		result, err = l.arrive(ctx, from, r)
	case opIndex:
		result, err = l.report(ctx, body)
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	out, err = json.Marshal(result)
	return out, true, err
}

var errBadMessage = &PeerError{"bad_message", "the message is not one of this version"}

// echo is the voter's part in a round. The term is read after the question came,
// and raft shows a later term before a vote in it leaves the node.
func (l *Leases) echo(body []byte) (lease.Echo, error) {
	var round lease.RoundNonce
	if json.Unmarshal(body, &round) != nil {
		return lease.Echo{}, errBadMessage
	}
	return lease.Echo{Round: round, Term: l.store.Term()}, nil
}

// report waits for the state that the leader waits for, and says how far it is.
func (l *Leases) report(ctx context.Context, body []byte) (lease.Report, error) {
	var index uint64
	if json.Unmarshal(body, &index) != nil {
		return lease.Report{}, errBadMessage
	}
	l.mu.Lock()
	life, reach := l.life, l.reach
	l.mu.Unlock()
	if life == 0 {
		return lease.Report{}, &PeerError{"no_lease", ErrNoLease.Error()}
	}
	_ = reach(ctx, index) // whatever it got to is reported
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life != life {
		return lease.Report{}, &PeerError{"no_lease", ErrNoLease.Error()}
	}
	report := l.holder.Report(lease.At{Index: l.index()})
	l.publish()
	return report, nil
}

// MinIndex is the oldest index that Valid accepts now.
func (l *Leases) MinIndex() uint64 { return l.cell.Load().MinIndex() }
