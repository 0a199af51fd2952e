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
	versions := func(ctx context.Context) error {
		if !b.has("versions") {
			return nil
		}
		n, err := startNode(ctx, b.signet, b.dir+"/versions", "os", versionsPolicy())
		if err != nil {
			return err
		}
		b.versionsNode = n
		if err := n.makeKey(ctx, manyKey, "ecdsa-p256"); err != nil {
			return err
		}
		if err := rotateTo(ctx, n, manyKey, b.versions); err != nil {
			return err
		}
		b.seconds("filling: %d versions of a key", time.Since(begin), b.versions)
		return nil
	}
	loaded := func(ctx context.Context) error {
		if !b.has("loaded") {
			return nil
		}
		n, err := startNode(ctx, b.signet, b.dir+"/loaded", "os", benchPolicy(operations()[:1], false))
		if err != nil {
			return err
		}
		b.loadedNode = n
		if err := fill(ctx, n, b.keys, b.tokens); err != nil {
			return err
		}
		b.seconds("filling: %d keys and %d tokens", time.Since(begin), b.keys, b.tokens)
		return nil
	}
	b.progress("filling nodes with versions, keys and tokens")
	parts := []func(context.Context) error{versions, loaded}
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
