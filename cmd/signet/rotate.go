package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

func newRotateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: "make a new term of the barrier", Args: exactly(),
		Long: `Makes a new term of the barrier, the key that seals all that the server keeps.
What older terms sealed stays readable. Shares, keys and tokens stay what they
are. The server also rotates by itself, after 90 days; see rotate-config.`,
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if err := cl.Sys().RotateBarrier(ctx); err != nil {
			return err
		}
		return c.emit(map[string]bool{"rotated": true}, line("rotated"))
	})
}

func newKeyStatusCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "key-status", Short: "show the barrier's active term", Args: exactly(),
		Long: "Shows the number of the barrier's active term, since when it is active, and how\nmany changes it has sealed.",
	}
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		cl, err := c.connect()
		if err != nil {
			return err
		}
		st, err := cl.Sys().BarrierStatus(ctx)
		if err != nil {
			return err
		}
		return c.emit(st, columns(
			row{"term", st.Term},
			row{"active since", st.InstallTime},
			row{"changes sealed", st.Encryptions},
		))
	})
}

func newRotateConfigCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate-config", Short: "show or change when the barrier rotates by itself", Args: exactly(),
		Long: `Shows when the barrier rotates by itself. With flags, changes that first: a term
is replaced when it has reached an age, or has sealed a number of changes.`,
		Example: "  signet operator rotate-config\n  signet operator rotate-config --interval 30d --max-operations 1000000",
	}
	var req wire.RotationRequest
	f := cmd.Flags()
	enabled := f.Bool("enabled", true, "whether it rotates by itself")
	operations := f.Int("max-operations", 0, "rotate after `N` changes, at least 1000")
	f.Var(durationFlag{&req.Interval}, "interval", "rotate at this age, such as 30d (0: never by age)")
	return c.printing(cmd, func(ctx context.Context, _ []string) error {
		if f.Changed("enabled") {
			req.Enabled = wire.BoolOf(*enabled)
		}
		if f.Changed("max-operations") {
			req.MaxOperations = wire.IntOf(*operations)
		}
		cl, err := c.connect()
		if err != nil {
			return err
		}
		if req != (wire.RotationRequest{}) {
			if err := cl.Sys().ConfigureRotation(ctx, req); err != nil {
				return err
			}
		}
		r, err := cl.Sys().Rotation(ctx)
		if err != nil {
			return err
		}
		return c.emit(r, columns(
			row{"rotates by itself", r.Enabled},
			row{"at the age of", seconds(r.Interval, "never")},
			row{"after changes", fmt.Sprint(r.MaxOperations)},
		))
	})
}
