package faultrun

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// slowNetwork puts a proxy between every two nodes, which holds back each piece of a
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
	leader := r.leader()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			c := &client{r: r, id: 200 + i, rand: rand.New(rand.NewPCG(r.seed, uint64(i)))}
			for range 600 {
				_, _ = c.ask(leader, "POST", "auth/token/create", r.root, object{"policies": "default", "ttl": "1m"})
			}
		})
	}
	wg.Wait()
	time.Sleep(12 * time.Second) // snapshots are looked at every 5 to 10 s
	r.resume(n)
	r.settle()
	r.res.notes = fmt.Sprintf("%d entries behind", 16*600)
}
