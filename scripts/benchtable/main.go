package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	config
	dir      string // for the nodes; removed at the end
	stderr   io.Writer
	progress func(format string, args ...any)

	versionsNode, loadedNode *node

	mu     sync.Mutex // guards out.Figures, which two parts fill at a time
	out    report
	errors []string // requests that failed
}

func main() {
	c, err := parseFlags(os.Args[1:], os.Stderr)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, c, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// run measures and prints. It returns an error if something failed, a request
// included; figures over their aim are none.
func run(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "signet-benchtable.")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	begin := time.Now()
	b := &bench{config: c, dir: dir, stderr: stderr}
	b.progress = func(format string, args ...any) {
		_, _ = fmt.Fprintf(stderr, "%4.0f s  "+format+"\n", append([]any{time.Since(begin).Seconds()}, args...)...)
	}
	failed := b.parts(ctx)
	b.out.About, b.out.How, b.out.Took = c.about, c.how(), time.Since(begin).Seconds()
	b.out.versions, b.out.keys, b.out.tokens = c.versions, c.keys, c.tokens
	b.out.Errors = b.errors
	if c.jsonFile != "" {
		failed = errors.Join(failed, b.out.save(c.jsonFile))
	}
	if len(b.out.tables()) > 0 {
		failed = errors.Join(failed, b.out.write(stdout, c.markdown))
	}
	for _, e := range b.errors {
		failed = errors.Join(failed, errors.New(e))
	}
	return failed
}

// parts runs what was chosen. What was measured before an error stays.
func (b *bench) parts(ctx context.Context) error {
	for _, p := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"operations", b.operationsPart},
		{"idle", b.idlePart},
		{"match", b.matchPart},
	} {
		if !b.has(p.name) {
			continue
		}
		if err := p.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if err := b.clusterParts(ctx); err != nil {
		return err
	}
	err := b.fillNodes(ctx)
	if b.versionsNode != nil {
		if err == nil {
			err = b.versionsPart(ctx)
		}
		if err = endNode(b.versionsNode, err); err != nil {
			if b.loadedNode != nil {
				_ = b.loadedNode.kill()
			}
			return fmt.Errorf("versions: %w", err)
		}
	}
	if b.loadedNode == nil {
		return err
	}
	if err == nil {
		err = b.loadedPart(ctx)
	}
	if err = endNode(b.loadedNode, err); err != nil {
		return fmt.Errorf("loaded: %w", err)
	}
	return nil
}
