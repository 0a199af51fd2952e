package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// onRotation makes the command of a call that returns an issuer's schedule.
func (c *cli) onRotation(cmd *cobra.Command, do func(j client.JWT, ctx context.Context, issuer string) (wire.RotationData, error)) *cobra.Command {
	cmd.Args = exactly("NAME")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		data, err := do(j, ctx, args[0])
		if err != nil {
			return err
		}
		return c.emit(data, rotationTable(data, time.Now()))
	})
}

func newIssuerRotateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate NAME", Short: "publish the next key of an issuer",
		Long: `Publishes the next version of an issuer's key. It signs when the lead time is over,
and every verifier has fetched it then; the one before goes on verifying until the
last token under it has ended. Nothing fails meanwhile.

With --import the next key is one that was made elsewhere. The file is wrapped on this
machine; destroy it when the key is imported.

What was begun is taken back with: signet issuer cancel-rotation NAME`,
	}
	var from importFlags
	from.add(cmd)
	return c.onRotation(cmd, func(j client.JWT, ctx context.Context, issuer string) (wire.RotationData, error) {
		key, err := from.wrapped(ctx, c, cmd, j, func() (bool, error) {
			old, err := j.ReadIssuer(ctx, issuer)
			return symmetric(old.KeyType), err
		})
		switch {
		case err != nil:
			return wire.RotationData{}, err
		case key == nil:
			return j.Rotate(ctx, issuer)
		}
		data, err := j.RotateTo(ctx, issuer, *key)
		if err == nil {
			c.imported(from.file)
		}
		return data, err
	})
}

func newIssuerRotationCommand(c *cli) *cobra.Command {
	return c.onRotation(&cobra.Command{Use: "rotation NAME", Short: "show what happened and will happen to an issuer's keys, and when"}, client.JWT.Rotation)
}

func newIssuerCancelCommand(c *cli) *cobra.Command {
	return c.onRotation(&cobra.Command{Use: "cancel-rotation NAME", Short: "take a key back that is published and does not sign yet"}, client.JWT.CancelRotation)
}

// rotationTable shows the time line, with how long it is until each point.
func rotationTable(d wire.RotationData, now time.Time) func(io.Writer) error {
	return func(w io.Writer) error {
		active := "none: nothing is signed"
		if d.ActiveVersion != 0 {
			active = fmt.Sprint(d.ActiveVersion)
		}
		rows := []row{{"issuer", d.Issuer}, {"signs", active}}
		if d.PendingVersion != 0 {
			rows = append(rows, row{"signs next", fmt.Sprintf("%d, from %s on (%s)", d.PendingVersion, d.ActiveAt.UTC().Format(time.RFC3339), fromNow(d.ActiveAt, now))})
		}
		if !d.NextRotation.IsZero() {
			rows = append(rows, row{"next rotation", fmt.Sprintf("%s (%s)", d.NextRotation.UTC().Format(time.RFC3339), fromNow(d.NextRotation, now))})
		}
		if err := columns(rows...)(w); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		rows = []row{{"TIME", "WHEN", "VERSION", "EVENT", "KID"}}
		for _, e := range d.Timeline {
			event := e.Event
			if e.Expected {
				event = "will be " + event
			}
			rows = append(rows, row{e.Time, fromNow(e.Time, now), e.Version, event, e.KID})
		}
		return columns(rows...)(w)
	}
}

// fromNow is how far away a time is, in words.
func fromNow(at, now time.Time) string {
	d := at.Sub(now)
	word := func(d time.Duration) string {
		switch {
		case d < time.Minute:
			return d.Round(100 * time.Millisecond).String()
		case d < 48*time.Hour:
			return strings.TrimSuffix(d.Round(time.Second).String(), "0s")
		}
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	switch {
	case d.Abs() < 100*time.Millisecond:
		return "now"
	case d < 0:
		return word(-d) + " ago"
	}
	return "in " + word(d)
}

func newIssuerCompromiseCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "compromise NAME KID [--dry-run]", Short: "give a key of an issuer up that others may have", Args: exactly("NAME", "KID"),
		Long: `Gives the version of an issuer's key with a kid up, at once and for good. It leaves
the published keys, every token under it is refused, whatever it says of its age,
and another version signs. Verifiers elsewhere may keep the published keys they
have for the issuer's --jwks-max-age.

--dry-run changes nothing, and says what would be affected. It needs the
capability sudo too.`,
		Example: "  signet issuer compromise acme 1vn0... --dry-run\n  signet issuer compromise acme 1vn0... --yes",
	}
	dry := cmd.Flags().Bool("dry-run", false, "change nothing, and say what would be affected")
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		switch {
		case *dry && *yes:
			return usage(cmd, "either --dry-run or --yes")
		case !*dry && !*yes && !c.interactive():
			return usageError("every token under the key is refused from then on, and there is nobody to ask", "if that is what you want, say: --yes; what is affected says: --dry-run")
		case !*dry && !*yes:
			if err := c.confirm(ctx, "every token that the key of "+printable(args[0])+" with this kid signed is refused from then on, for good", args[0]); err != nil {
				return err
			}
		}
		data, err := j.Compromise(ctx, args[0], args[1], *dry)
		if err != nil {
			return err
		}
		return c.emit(data, compromiseTable(data, time.Now()))
	})
}

func compromiseTable(d wire.CompromiseData, now time.Time) func(io.Writer) error {
	at := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.UTC().Format(time.RFC3339) + " (" + fromNow(t, now) + ")"
	}
	next := "none"
	switch {
	case d.NextVersion != 0:
		next = fmt.Sprintf("%d, %s", d.NextVersion, d.NextKID)
	case d.NextUnknown:
		next = "one that is made for it"
	}
	if d.NextUnknown {
		next += "; verifiers that keep the published keys do not know it yet"
	}
	rows := []row{
		{"given up", !d.DryRun},
		{"version", fmt.Sprintf("%d, %s", d.Version, d.KID)},
		{"state", d.State},
		{"signed since", at(d.SignedSince, "never")},
		{"signed until", at(d.SignedUntil, "never")},
		{"its tokens end by", at(d.TokensEnd, "there are none")},
		{"kept elsewhere until", at(d.CachedUntil, "-")},
		{"signs from then on", next},
		{"profiles", d.Profiles},
	}
	return columns(rows...)
}

func newIssuerStateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "state NAME KID STATE", Short: "suspend a key of an issuer, put it back, or destroy one that is over", Args: exactly("NAME", "KID", "STATE"),
		Long: `Puts the version of an issuer's key with a kid into a state: suspended, active or
retired to put it back, destroyed for good if it is retired or compromised. The
others are what rotate and compromise do.`,
		Example: "  signet issuer state acme 1vn0... suspended --reason 'laptop lost'",
	}
	reason := cmd.Flags().String("reason", "", "`text` for the audit log, at most 256 bytes")
	return c.onJWT(cmd, func(ctx context.Context, j client.JWT, args []string) error {
		issuer, err := j.SetIssuerVersionState(ctx, args[0], args[1], args[2], *reason)
		if err != nil {
			return err
		}
		return c.emit(issuer, issuerTable(issuer))
	})
}
