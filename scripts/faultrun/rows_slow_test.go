package faultrun

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client/wire"
)

// slowNetwork shows that nothing goes wrong, not that anything goes on: an answer takes a
// second at the least, and a leader that hears no majority for half a second steps down.
// It puts a proxy between every two nodes, which holds back each piece of a
// stream, and breaks connections now and then: TCP shows loss as delay, and heavy loss
// as a connection that breaks.
func slowNetwork(r *run) {
	at := time.Now()
	var stops []func()
	for _, from := range r.clients() {
		for _, to := range r.others(from) {
			stops = append(stops, r.net.Through(from, to, slowly(rand.New(rand.NewPCG(r.seed, uint64(len(stops)))))))
		}
	}
	time.Sleep(20 * time.Second)
	for _, stop := range stops {
		stop()
	}
	r.struck(at, nil)
	r.settle()
}

// slowly copies both ways with half a second of delay; three pieces in ten come
// another half second later, as if they had been sent again, and all behind them.
func slowly(random *rand.Rand) func(in, out net.Conn) {
	var mu sync.Mutex
	late := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		d := 500 * time.Millisecond
		for random.IntN(10) < 3 {
			d += 500 * time.Millisecond
		}
		return d
	}
	return func(in, out net.Conn) {
		var wg sync.WaitGroup
		wg.Go(func() { delayed(in, out, late) })
		wg.Go(func() { delayed(out, in, late) })
		wg.Wait()
	}
}

type piece struct {
	due  time.Time
	data []byte
}

func delayed(from, to net.Conn, late func() time.Duration) {
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			b := make([]byte, 16<<10)
			n, err := from.Read(b)
			if n > 0 {
				pieces <- piece{time.Now().Add(late()), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
	for range pieces { // until the reader has seen that it is over
	}
}

// lag stops a follower until the leader has cut its log, so that only a snapshot
// brings it back.
func lag(r *run) {
	n := r.others(r.leader())[0]
	at := time.Now()
	r.stop(n)
	r.struck(at, r.others(n))
	behind, before := r.index(r.leader()), len(r.leader().Log())
	r.fillLog()
	r.res.notes = fmt.Sprintf("%d entries behind", r.index(r.leader())-behind)
	r.resume(n)
	r.settle()
	if !strings.Contains(r.leader().Log()[before:], logIsCut) {
		r.t.Errorf("%s came back without a snapshot from the leader", n.ID())
	}
}

// logIsCut is what raft says on a leader that has to send a snapshot.
const logIsCut = "failed to get log"

// index is that of a node's state.
func (r *run) index(n *apitest.Node) int64 {
	r.t.Helper()
	c := client{r: r}
	answer, _ := c.ask(n, "GET", "transit/keys/"+r.signer, r.root, nil)
	index, err := strconv.ParseInt(answer.Header.Get(wire.HeaderIndex), 10, 64)
	if err != nil {
		r.t.Fatalf("the index of %s: %s", n.ID(), answer)
	}
	return index
}

// fillLog makes so many writes, most through the leader, that nodes take a snapshot and
// cut their logs.
func (r *run) fillLog() {
	r.t.Helper()
	leader := r.leader()
	from := r.index(leader)
	var wg sync.WaitGroup
	done := atomic.Bool{}
	for range 48 {
		wg.Go(func() {
			for c := (client{r: r}); !done.Load() && !r.over(); {
				_, _ = c.ask(leader, "POST", "auth/token/create", r.root, object{"policies": "default", "ttl": "1m"})
			}
		})
	}
	for end := time.Now().Add(8 * time.Minute); r.index(leader) < from+9500 && time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
	}
	done.Store(true)
	wg.Wait()
	time.Sleep(11 * time.Second) // snapshots are looked at every 5 to 10 s
}

// passOn copies both ways until both ends are closed.
func passOn(in, out net.Conn) {
	var wg sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		wg.Go(func() {
			_, _ = io.Copy(way[1], way[0])
			_ = in.Close()
			_ = out.Close()
		})
	}
	wg.Wait()
}

// lagCut is lag, and the way of the snapshot breaks in its middle, again and again.
func lagCut(r *run) {
	leader := r.leader()
	n := r.others(leader)[0]
	at := time.Now()
	r.stop(n)
	r.struck(at, r.others(n))
	r.fillLog()
	if r.leader() != leader {
		r.t.Fatal("another node leads: make the run again")
	}
	cuts := &atomic.Int64{}
	// The way back has to go through the router too: see Through.
	stopBack := r.net.Through(n, leader, func(in, out net.Conn) { passOn(in, out) })
	stop := r.net.Through(leader, n, func(in, out net.Conn) {
		if cuts.Load() >= 4 {
			passOn(in, out)
			return
		}
		defer func() { _ = in.Close(); _ = out.Close() }()
		go func() {
			_, _ = io.Copy(in, out)
			_ = in.Close()
		}()
		if sent, _ := io.CopyN(out, in, 150<<10); sent == 150<<10 {
			cuts.Add(1)
		}
	})
	r.resume(n)
	r.settle()
	stop()
	stopBack()
	r.settle()
	r.res.notes = fmt.Sprintf("%d streams were cut", cuts.Load())
	if cuts.Load() < 4 {
		r.t.Errorf("%d streams were cut: the row shows nothing", cuts.Load())
	}
}
