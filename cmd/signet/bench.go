package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// Bounds of a run: above them the client measures itself, or a mistyped zero
// keeps a server busy for a day.
const (
	maxBenchDuration    = time.Hour
	maxBenchConcurrency = 1024
	minBenchRate        = 0.001
	maxBenchRate        = 1_000_000
)

// benchOptions are the flags of signet bench.
type benchOptions struct {
	mount, key  string
	duration    time.Duration
	concurrency int
	batch, size int
	rate        float64
	sign        wire.SignOptions
	token       benchToken
}

func newBenchCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench OPERATION", Short: "measure how fast the server answers", Args: exactly("OPERATION"),
		Long: `Repeats an operation for a while and prints how many were done and how long each
took. The operations are:
` + benchOpHelp() + `

The first operation of each worker opens its connection, is checked (a signature
verifies, a plaintext comes back) and is not counted. With --rate, an operation
that had to begin late counts from when it was due. Errors are counted by code and
stop nothing, unless nothing succeeds. Ctrl-C ends it early. It exits with 1 if more
operations fail than succeed.

Every operation is a real one: it writes an audit record on the server, and
uses up encryptions of the key.`,
		Example: "  signet bench sign --key web --duration 10s --concurrency 16\n  signet bench encrypt --key box --batch 100 --size 1024 -o json",
	}
	var o benchOptions
	f := cmd.Flags()
	mount := mountFlag(cmd)
	f.StringVar(&o.key, "key", "", "`name` of the key")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "how long, up to 1h")
	f.IntVar(&o.concurrency, "concurrency", 1, "`N` operations at the same time, up to 1024")
	f.IntVar(&o.batch, "batch", 0, "send `N` inputs an operation as a batch, up to 1000 (0: one, without a batch)")
	f.IntVar(&o.size, "size", 32, "`bytes` of each input")
	f.Float64Var(&o.rate, "rate", 0, "at most `N` operations a second (0: as fast as the server answers)")
	hashFlags(cmd, &o.sign)
	o.token.flags(cmd)
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		o.mount = *mount
		op, err := o.check(cmd, args[0])
		if err != nil {
			return err
		}
		return c.bench(ctx, op, o)
	})
}

// check returns the operation, if the options go with it.
func (o *benchOptions) check(cmd *cobra.Command, name string) (benchOp, error) {
	op, ok := benchOpNamed(name)
	wrong := ""
	switch {
	case !ok:
		var names []string
		for _, op := range benchOps() {
			names = append(names, op.name)
		}
		wrong = fmt.Sprintf("unknown operation %q, want one of %s", name, strings.Join(names, ", "))
	case op.takes&takesKey != 0 && o.key == "":
		wrong = "--key is missing"
	case op.takes&takesToken != 0 && (o.token.issuer == "" || o.token.profile == ""):
		wrong = "--issuer or --profile is missing"
	case o.mount == "":
		wrong = "--mount is empty"
	case op.refuses(cmd) != "":
		wrong = name + " takes no --" + op.refuses(cmd)
	case o.duration <= 0 || o.duration > maxBenchDuration:
		wrong = fmt.Sprintf("--duration is up to %v, not %v", maxBenchDuration, o.duration)
	case o.concurrency < 1 || o.concurrency > maxBenchConcurrency:
		wrong = fmt.Sprintf("--concurrency is 1 to %d, not %d", maxBenchConcurrency, o.concurrency)
	case o.batch < 0 || o.batch > wire.MaxBatch:
		wrong = fmt.Sprintf("--batch is up to %d, not %d", wire.MaxBatch, o.batch)
	case o.size < 0 || o.size > maxInput/2/max(o.batch, 1):
		wrong = fmt.Sprintf("--size is up to %d with this --batch, not %d", maxInput/2/max(o.batch, 1), o.size)
	case o.rate != 0 && !(o.rate >= minBenchRate && o.rate <= maxBenchRate): // NaN is neither
		wrong = fmt.Sprintf("--rate is %v to %d, or 0 for none, not %v", minBenchRate, maxBenchRate, o.rate)
	}
	if wrong != "" {
		return op, usage(cmd, wrong)
	}
	return op, nil
}

// refuses returns a flag that was given and does not go with the operation.
func (op benchOp) refuses(cmd *cobra.Command) string {
	needs := map[string]takes{
		"mount": takesMount, "key": takesKey, "size": takesSize, "batch": takesBatch,
		"hash": takesHash, "padding": takesHash, "marshaling": takesHash,
		"issuer": takesToken, "profile": takesToken, "sub": takesToken, "aud": takesToken,
	}
	for _, flag := range slices.Sorted(maps.Keys(needs)) {
		if cmd.Flags().Changed(flag) && op.takes&needs[flag] == 0 {
			return flag
		}
	}
	return ""
}

func (c *cli) bench(ctx context.Context, op benchOp, o benchOptions) error {
	cl, err := benchClient(ctx, o.concurrency)
	if err != nil {
		return err
	}
	defer cl.Close()
	report := benchReport{Operation: op.name, Address: addressInUse(), Concurrency: o.concurrency, Rate: o.rate}
	target := benchTarget{client: cl, keys: cl.Transit(o.mount), key: o.key, sign: o.sign}
	if op.takes&takesMount != 0 {
		report.Mount, report.Key = o.mount, o.key
	}
	if op.takes&takesToken != 0 {
		report.Issuer, report.Profile, report.Batch = o.token.issuer, o.token.profile, o.batch
		target.token, target.items = o.token, o.batch
	}
	if op.takes&takesSize != 0 {
		report.Batch, report.Size = o.batch, o.size
		target.batch, target.inputs = o.batch > 0, randomInputs(max(o.batch, 1), o.size)
	}
	c.note(report.plan(o.duration))
	c.note("every operation writes an audit record on the server")

	work, err := op.start(ctx, &target)
	if err != nil {
		return err
	}
	run := benchRun{work: work, duration: o.duration, concurrency: o.concurrency, warn: func(text string) { c.note("warning: " + text) }}
	if o.rate > 0 {
		run.interval = time.Duration(float64(time.Second) / o.rate)
	}
	progress, wipe := progressTo(c.stderr, &run)
	err = run.run(ctx, progress)
	wipe()
	if err != nil {
		return err
	}
	report.Interrupted = ctx.Err() != nil
	report.measured(&run)
	if err := c.emit(&report, report.table()); err != nil {
		return err
	}
	return report.verdict(cmp.Or(run.first, ctx.Err(), errNothingMeasured), c.note)
}

// verdict is first if nothing succeeded, or less than failed: what was measured then
// is not the operation.
func (b *benchReport) verdict(first error, note func(string)) error {
	if b.Operations > 0 && b.Operations >= b.ErrorCount {
		return nil
	}
	if b.Operations > 0 {
		note(fmt.Sprintf("most operations failed, %d of %d; the first with:", b.ErrorCount, b.ErrorCount+b.Operations))
	}
	return first
}

var errNothingMeasured = errors.New("no operation ended in time: give a longer --duration")

// benchClient returns a client that repeats nothing, so that each failure is
// seen, keeps a connection for each worker, and reads the token once.
func benchClient(ctx context.Context, concurrency int) (*client.Client, error) {
	cfg := client.FromEnvironment()
	token, err := cfg.Token(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Token = client.StaticToken(token)
	cfg.Retry = client.Retry{Attempts: 1}
	cfg.IdleConnections = concurrency
	return client.New(cfg)
}

// plan says before it starts what a run will do.
func (b *benchReport) plan(duration time.Duration) string {
	text := b.Operation
	if b.Key != "" {
		text += " with the key " + b.Key + " of " + b.Mount
	}
	if b.Issuer != "" {
		text += " of the issuer " + b.Issuer
	}
	text += " at " + b.Address + fmt.Sprintf(", %d at a time, for %v", b.Concurrency, duration)
	if b.Batch > 0 {
		text += fmt.Sprintf(", batches of %d", b.Batch)
	}
	if b.Size > 0 {
		text += fmt.Sprintf(", inputs of %d bytes", b.Size)
	}
	if b.Rate > 0 {
		text += fmt.Sprintf(", at most %v a second", b.Rate)
	}
	return printable(text)
}
