package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"
)

const barrierLimit = 50 // ms

// barrier measures how long it takes until a key is disabled on every node.
func (b *bench) barrier(ctx context.Context) error {
	b.progress("barrier: starting a cluster")
	c, err := startCluster(ctx, b.signet, filepath.Join(b.dir, "barrier"), "sync", `path "transit/*" { capabilities = ["create", "read", "update"] }`)
	if err != nil {
		return err
	}
	defer c.kill()
	if err := c.nodes[0].makeKey(ctx, signaturesBy, signaturesBy); err != nil {
		return err
	}
	leader, others, err := c.leader(ctx)
	if err != nil {
		return err
	}
	for _, at := range []struct {
		name string
		*node
	}{{"the leader", leader}, {"a follower", others[0]}} {
		b.progress("barrier: disabling a key at %s, %d times", at.name, b.disables)
		took, err := at.disable(ctx, b.disables)
		if err != nil {
			return err
		}
		slices.Sort(took)
		var ms []float64
		for _, t := range took {
			ms = append(ms, micros(t)/1000)
		}
		b.clusterFigure(figure{Name: fmt.Sprintf("barrier: disabling a key at %s, until no node signs with it", at.name), Unit: "ms", Value: spreadOf(ms), Aim: barrierLimit})
		p99 := quantile(took, 0.99) / 1000
		b.clusterFigure(figure{Name: "barrier: the same, p99", Unit: "ms", Value: spread{p99, p99, p99}})
	}
	return c.stop(ctx)
}

// disable suspends a version and puts it back, n times, and says how long each
// suspension took.
func (n *node) disable(ctx context.Context, times int) ([]time.Duration, error) {
	a := newAPI(n.addr, n.token, 1)
	put := func(state string) error {
		return a.call(ctx, http.MethodPost, "transit/keys/"+signaturesBy+"/state", map[string]any{"version": 1, "state": state}, nil)
	}
	var took []time.Duration
	for range times {
		begin := time.Now()
		if err := put("suspended"); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
		if err := put("active"); err != nil {
			return nil, err
		}
	}
	return took, nil
}
