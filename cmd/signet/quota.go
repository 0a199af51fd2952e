package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newQuotaCommand(c *cli) *cobra.Command {
	return group("quota", "write, read, list and delete rate limits",
		newQuotaWriteCommand(c), newQuotaReadCommand(c), newQuotaListCommand(c), newQuotaDeleteCommand(c))
}

func newQuotaWriteCommand(c *cli) *cobra.Command {
	var rate, interval, block = wire.Float{}, wire.DurationOf(time.Second), wire.Duration{}
	var path string
	per := wire.QuotaPerSource
	cmd := &cobra.Command{
		Use: "write NAME --rate N", Short: "create or replace a rate limit", Args: exactly("NAME"),
		Long: `Creates or replaces a rate limit: how many requests each source address, each
token, or each application with all its tokens together, may make in an interval.
As many may come at once.

A request must have room at every limit that covers its path, so two limits on
one path make two windows. A path covers itself and everything below it; with
"*" at its end, every path that begins so; none covers everything. Over a limit
the answer is status 429, with the time from which there is room again.

What opens, closes and shows a node is never limited, and who may write limits
can always reach them.`,
		Example: `  signet quota write burst --rate 10 --per token --path transit
  signet quota write daily --rate 5000 --interval 24h --per token --path transit
  signet quota write everybody --rate 200 --block 1m`,
	}
	f := cmd.Flags()
	f.Var(floatFlag{&rate}, "rate", "requests in an interval, over 0 (required)")
	f.Var(durationFlag{&interval}, "interval", "the interval, 1ms to 24h")
	f.StringVar(&path, "path", "", "what is limited, such as transit or transit/sign/web* (default: everything)")
	f.Var(choiceFlag{&per, []string{wire.QuotaPerSource, wire.QuotaPerToken, wire.QuotaPerApplication}}, "per", "what is counted: source (each address), token (each token) or application (each application)")
	f.Var(durationFlag{&block}, "block", "refuse whoever goes over the limit everything for so long")
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		if !rate.Set {
			return usage(cmd, "--rate is missing")
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		err = cl.Sys().WriteQuota(ctx, args[0], client.Quota{
			Path: path, PerToken: per == wire.QuotaPerToken, PerApplication: per == wire.QuotaPerApplication, Rate: rate.Value, Interval: interval.Value, Block: block.Value,
		})
		if err != nil {
			return err
		}
		return c.emit(map[string]string{"written": args[0]}, line("written: "+printable(args[0])))
	})
}

func newQuotaReadCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "read NAME", Short: "show a rate limit", Args: exactly("NAME")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		q, err := cl.Sys().ReadQuota(ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(q, quotaTable(q))
	})
}

func quotaTable(q wire.QuotaData) func(io.Writer) error {
	path, block := q.Path, "no"
	if path == "" {
		path = "everything"
	}
	if q.BlockInterval.Value != 0 {
		block = q.BlockInterval.Value.String()
	}
	return columns(
		row{"name", q.Name},
		row{"path", path},
		row{"for each", q.Per},
		row{"requests", strconv.FormatFloat(q.Rate, 'g', -1, 64)},
		row{"in", q.Interval.Value.String()},
		row{"blocks for", block},
	)
}

func newQuotaListCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list the rate limits", Args: exactly()}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		names, err := cl.Sys().ListQuotas(ctx)
		if err != nil {
			return err
		}
		return c.emit(wire.Keys{Keys: names}, lines(names))
	})
}

func newQuotaDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "delete NAME", Short: "delete a rate limit", Args: exactly("NAME")}
	return c.printing(cmd, func(ctx context.Context, args []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		_, was := cl.Sys().ReadQuota(ctx, args[0])
		if err := cl.Sys().DeleteQuota(ctx, args[0]); err != nil {
			return err
		}
		return c.emitGone(args[0], "rate limit", was)
	})
}

// quotaCapability returns what the policy must grant beside sudo.
func quotaCapability(err *client.Error) string {
	switch {
	case err.Method == http.MethodDelete:
		return "delete"
	case err.Method != http.MethodGet:
		return "update"
	case err.Path == "sys/quotas/rate-limit":
		return "list"
	}
	return "read"
}

// floatFlag is a flag that reads what the server reads.
type floatFlag struct{ to *wire.Float }

func (f floatFlag) String() string {
	if f.to == nil || !f.to.Set {
		return ""
	}
	return strconv.FormatFloat(f.to.Value, 'g', -1, 64)
}

func (f floatFlag) Set(text string) error {
	v, err := wire.ParseFloat(text)
	if err == nil {
		*f.to = wire.FloatOf(v)
	}
	return err
}

func (f floatFlag) Type() string { return "number" }
