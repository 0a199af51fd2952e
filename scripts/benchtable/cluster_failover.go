package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	firstWriteLimit = 3000 // ms, from the kill of the leader
	gapLimit        = 2000 // ms without a signature: the lease
)

// loss is what one kill of the leader has shown, in ms.
type loss struct {
	write   float64 // until a write of a client of the survivors was done
	removal float64 // until a write that takes something away was done: it waits for the leases of before
	gaps    []float64
}

// failover kills leaders and lets them come back.
func (b *bench) failover(ctx context.Context) error {
	b.progress("failover: starting a cluster")
	c, err := startCluster(ctx, b.signet, filepath.Join(b.dir, "failover"), "sync", `path "transit/*" { capabilities = ["create", "read", "update"] }`)
	if err != nil {
		return err
	}
	defer c.kill()
	if err := c.nodes[0].makeKey(ctx, signaturesBy, signaturesBy); err != nil {
		return err
	}
	var losses []loss
	for i := range b.kills {
		b.progress("failover: kill %d of %d", i+1, b.kills)
		l, err := c.lose(ctx, i)
		if err != nil {
			return err
		}
		losses = append(losses, l)
	}
	var gaps []float64
	for _, l := range losses {
		gaps = append(gaps, l.gaps...)
	}
	b.clusterFigure(figure{
		Name: fmt.Sprintf("failover: kill -9 of the leader to the first write, %d times", b.kills), Unit: "ms",
		Value: over(losses, func(l loss) float64 { return l.write }), Aim: firstWriteLimit,
	})
	b.clusterFigure(figure{Name: "failover: the same to the first write that takes something away", Unit: "ms", Value: over(losses, func(l loss) float64 { return l.removal })})
	b.clusterFigure(figure{Name: "failover: longest time without a signature on a survivor", Unit: "ms", Value: spreadOf(gaps), Aim: gapLimit, Worst: true})
	return c.stop(ctx)
}

// lose kills the leader while clients of the survivors write and sign, and puts the
// node back.
func (c *cluster) lose(ctx context.Context, round int) (loss, error) {
	var l loss
	leader, survivors, err := c.leader(ctx)
	if err != nil {
		return l, err
	}
	signing, stop := context.WithCancel(ctx)
	defer stop()
	var signers sync.WaitGroup
	gaps := make([]float64, len(survivors))
	for i, n := range survivors {
		signers.Go(func() { gaps[i] = longestGap(signing, n) })
	}
	defer signers.Wait()
	defer stop()
	if err := sleep(ctx, 300*time.Millisecond); err != nil { // they sign now
		return l, err
	}
	begin := time.Now()
	if err := leader.kill(); err != nil {
		return l, err
	}
	if l.write, l.removal, err = firstWrites(ctx, survivors, begin, round); err != nil {
		return l, err
	}
	if err := sleep(ctx, 300*time.Millisecond); err != nil {
		return l, err
	}
	stop()
	signers.Wait()
	l.gaps = gaps
	if err := leader.start(ctx); err != nil {
		return l, err
	}
	if err := until(ctx, "unsealing the killed node", func() error { return leader.unseal(ctx) }); err != nil {
		return l, err
	}
	return l, c.settle(ctx)
}

// firstWrites says when the first write of each sort was done, in ms since begin.
// One client of the survivors makes a key, and turns to the next node after a
// refusal; another one rotates a key, which waits for the leases of before.
func firstWrites(ctx context.Context, survivors []*node, begin time.Time, round int) (write, removal float64, err error) {
	paths := []string{fmt.Sprintf("transit/keys/after-%d", round), "transit/keys/" + signaturesBy + "/rotate"}
	took, failed := make([]float64, 2), make([]error, 2)
	var writers sync.WaitGroup
	for i, path := range paths {
		writers.Go(func() {
			at := round
			failed[i] = until(ctx, "writing after the kill", func() error {
				at++
				return survivors[at%len(survivors)].root.call(ctx, http.MethodPost, path, map[string]string{}, nil)
			})
			took[i] = micros(time.Since(begin)) / 1000
		})
	}
	writers.Wait()
	for _, e := range failed {
		if e != nil {
			return 0, 0, e
		}
	}
	return took[0], took[1], nil
}

// longestGap signs on a node until ctx ends and returns the longest time between
// two signatures, in ms.
func longestGap(ctx context.Context, n *node) float64 {
	a := newAPI(n.addr, n.token, 1)
	begin := time.Now()
	var at []time.Duration
	for ctx.Err() == nil {
		if a.call(ctx, http.MethodPost, "transit/sign/"+signaturesBy, map[string]string{"input": "aGVsbG8="}, nil) == nil {
			at = append(at, time.Since(begin))
		}
		_ = sleep(ctx, 2*time.Millisecond)
	}
	return longest(at, time.Since(begin))
}

// longest returns the longest time between two of the moments, or the first and the
// beginning, or the last and the end, in ms.
func longest(at []time.Duration, end time.Duration) float64 {
	var gap, before time.Duration
	for _, t := range append(slices.Clip(at), end) {
		gap, before = max(gap, t-before), t
	}
	return micros(gap) / 1000
}
