package main

import (
	"context"
	"fmt"
	"time"
)

const (
	loadedLimit  = 1.1                    // times what a signature costs on an empty node
	firstLimit   = 500 * time.Millisecond // from the unseal to the first signature
	signaturesBy = "ecdsa-p256"
)

// loadedPart compares a node that is full of keys and tokens with an empty one,
// and starts it again.
func (b *bench) loadedPart(ctx context.Context) error {
	full := b.loadedNode
	o := operations()[0]
	empty, err := startNode(ctx, b.signet, b.dir+"/empty", "os", benchPolicy([]operation{o}, false))
	if err != nil {
		return err
	}
	defer func() { _ = empty.kill() }()
	b.progress("es256-sign on an empty node and on one with %d keys and %d tokens", b.keys, b.tokens)
	var both [2][]exchange
	for i, n := range []*node{empty, full} {
		if both[i], err = b.prepared(ctx, n, o); err != nil {
			return err
		}
	}
	turns, err := b.turns(ctx, "es256-sign, loaded", b.load, [2]target{empty.target(), full.target()}, both)
	if err != nil {
		return err
	}
	b.out.Loaded = append(b.out.Loaded, compare("es256-sign", turns, loadedLimit))
	for i, n := range []*node{empty, full} {
		mib, err := resident(n.pid())
		if err != nil {
			return err
		}
		b.figure([]string{"empty: resident", "loaded: resident"}[i], "MiB", spread{mib, mib, mib}, 0)
	}
	if err := empty.stop(); err != nil {
		return err
	}
	for _, how := range []string{"stop", "kill"} {
		if err := b.restart(ctx, full, how); err != nil {
			return fmt.Errorf("after a %s: %w", how, err)
		}
	}
	return nil
}

// restart ends the node and starts it again, some times.
func (b *bench) restart(ctx context.Context, n *node, how string) error {
	var ready, first, memory []float64
	for i := range b.restarts {
		b.progress("start after a %s, %d of %d", how, i+1, b.restarts)
		end := n.stop
		if how == "kill" {
			end = n.kill
		}
		if err := end(); err != nil {
			return err
		}
		if err := n.start(ctx); err != nil {
			return err
		}
		took, err := n.firstSignature(ctx, signaturesBy)
		if err != nil {
			return err
		}
		mib, err := resident(n.pid())
		if err != nil {
			return err
		}
		ready, first, memory = append(ready, micros(n.ready)/1000), append(first, micros(took)/1000), append(memory, mib)
	}
	b.figure("loaded: start to ready after a "+how, "ms", spreadOf(ready), 0)
	b.figure("loaded: unseal to first signature after a "+how, "ms", spreadOf(first), float64(firstLimit.Milliseconds()))
	b.figure("loaded: resident after that", "MiB", spreadOf(memory), 0)
	return nil
}
