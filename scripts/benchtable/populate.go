package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// populators is how many requests fill a node at a time.
const populators = 64

// repeat calls do with 0 to n-1, up to width at a time, and returns the first
// error, after which it begins no more.
func repeat(ctx context.Context, n, width int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(width, n) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fill makes keys and tokens on a node.
func fill(ctx context.Context, n *node, keys, tokens int) error {
	err := repeat(ctx, keys, populators, func(ctx context.Context, i int) error {
		return n.makeKey(ctx, fmt.Sprintf("loaded-%06d", i), "ecdsa-p256")
	})
	if err != nil {
		return err
	}
	return repeat(ctx, tokens, populators, func(ctx context.Context, _ int) error {
		_, err := n.root.createToken(ctx, "bench")
		return err
	})
}

// rotateTo gives a key so many versions.
func rotateTo(ctx context.Context, n *node, key string, versions int) error {
	return repeat(ctx, versions-1, 4, func(ctx context.Context, _ int) error {
		return n.root.call(ctx, "POST", "transit/keys/"+key+"/rotate", nil, nil)
	})
}
