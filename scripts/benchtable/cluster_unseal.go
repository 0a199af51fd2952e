package main

import (
	"context"
	"fmt"
	"time"
)

// clusterUnseal measures the unseal of nodes with many keys: a lone one, and one of
// a cluster, where the others go on.
func (b *bench) clusterUnseal(ctx context.Context) error {
	b.progress("unseal: starting a lone node and a cluster")
	n, c, err := b.startBoth(ctx, "unseal", "sync", benchPolicy(operations()[:1], false))
	if err != nil {
		return err
	}
	defer c.kill()
	defer func() { _ = n.kill() }()
	b.progress("unseal: filling both with %d keys", b.keys)
	leader, others, err := c.leader(ctx)
	if err != nil {
		return err
	}
	for _, full := range []*node{n, leader} {
		if err := full.makeKey(ctx, signaturesBy, signaturesBy); err != nil {
			return err
		}
		if err := fill(ctx, full, b.keys, 0); err != nil {
			return err
		}
	}
	for _, one := range []struct {
		name  string
		nodes []*node
	}{{"a lone node", []*node{n}}, {"a follower of three", others}} {
		first, err := b.unseals(ctx, one.name, one.nodes)
		if err != nil {
			return err
		}
		b.clusterFigure(figure{
			Name: fmt.Sprintf("unseal: the last share to the first signature with %d keys, %s", b.keys, one.name), Unit: "ms",
			Value: spreadOf(first), Aim: float64(firstLimit.Milliseconds()),
		})
	}
	return nil
}

// unseals kills nodes, in turn, and returns how long each took from the unseal to
// the first signature, in ms.
func (b *bench) unseals(ctx context.Context, name string, nodes []*node) ([]float64, error) {
	var out []float64
	for i := range b.restarts {
		b.progress("unseal: %s, %d of %d", name, i+1, b.restarts)
		n := nodes[i%len(nodes)]
		if err := n.kill(); err != nil {
			return nil, err
		}
		if err := n.start(ctx); err != nil {
			return nil, err
		}
		if err := sleep(ctx, time.Second); err != nil { // it hears from the others, as it would before a person gives a share
			return nil, err
		}
		took, err := n.firstSignature(ctx, signaturesBy)
		if err != nil {
			return nil, err
		}
		out = append(out, micros(took)/1000)
	}
	return out, nil
}
