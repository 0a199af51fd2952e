package main

import (
	"context"
	"errors"
	"time"
)

// fillNodes makes the nodes that the later parts need, and fills them side by
// side: most of the time goes by waiting for the disk.
func (b *bench) fillNodes(ctx context.Context) error {
	begin := time.Now()
	var parts []func(context.Context) error
	// The nodes live as long as the run, not as long as their filling.
	if b.has("versions") {
		n, err := startNode(ctx, b.signet, b.dir+"/versions", "os", versionsPolicy())
		if err != nil {
			return err
		}
		b.versionsNode = n
		parts = append(parts, func(ctx context.Context) error {
			err := errors.Join(n.makeKey(ctx, manyKey, "ecdsa-p256"), rotateTo(ctx, n, manyKey, b.versions))
			b.seconds("filling: %d versions of a key", time.Since(begin), b.versions)
			return err
		})
	}
	if b.has("loaded") {
		n, err := startNode(ctx, b.signet, b.dir+"/loaded", "os", benchPolicy(operations()[:1], false))
		if err != nil {
			return err
		}
		b.loadedNode = n
		parts = append(parts, func(ctx context.Context) error {
			err := fill(ctx, n, b.keys, b.tokens)
			b.seconds("filling: %d keys and %d tokens", time.Since(begin), b.keys, b.tokens)
			return err
		})
	}
	if len(parts) > 0 {
		b.progress("filling nodes with versions, keys and tokens")
	}
	return repeat(ctx, len(parts), len(parts), func(ctx context.Context, i int) error { return parts[i](ctx) })
}

// endNode stops a node that a part is done with, if there is one.
func endNode(n *node, err error) error {
	if n == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, n.kill())
	}
	return n.stop()
}
