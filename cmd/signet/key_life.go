package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

func newKeyDeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete NAME [--grace DURATION|--now]", Short: "delete a key",
		Args: exactly("NAME"),
		Long: `Deletes a key, if its settings allow it: signet key config NAME --deletion-allowed

A deleted key does nothing, and is destroyed when its grace period is over: seven
days, or what --grace says. Until then signet key undelete brings it back. Less
than seven days needs the capability sudo.

--now destroys the key at once, also one that is deleted already. Nobody gets it
back: what it signed cannot be signed again, what it encrypted cannot be decrypted.`,
		Example: "  signet key delete web\n  signet key delete web --grace 30d\n  signet key delete web --now --yes",
	}
	f := cmd.Flags()
	var grace wire.Duration
	f.Var(durationFlag{&grace}, "grace", "how long it can be undeleted, such as 24h or 30d (default: 7d)")
	now := f.Bool("now", false, "destroy it at once, for good")
	yes := f.Bool("yes", false, "with --now: do not ask")
	return c.onTransit(cmd, func(ctx context.Context, t client.Transit, args []string) error {
		switch {
		case *now && grace.Set:
			return usage(cmd, "either --grace or --now")
		case grace.Set && grace.Value == 0:
			return usage(cmd, "a grace period of 0 destroys the key at once: say --now")
		case *yes && !*now:
			return usage(cmd, "--yes goes with --now")
		case *now:
			return c.destroyKey(ctx, t, args[0], *yes)
		}
		return c.deleteKey(ctx, t, args[0], grace)
	})
}

// deletedKey is the result of `signet key delete`.
type deletedKey struct {
	Deleted     string     `json:"deleted"`
	DestroyTime *time.Time `json:"destroy_time,omitzero"` // nil: the caller may not see it
	Destroyed   bool       `json:"destroyed"`
}

func (c *cli) deleteKey(ctx context.Context, t client.Transit, name string, grace wire.Duration) error {
	var err error
	if grace.Set {
		err = t.DeleteKeyAfter(ctx, name, grace.Value)
	} else {
		err = t.DeleteKey(ctx, name)
	}
	if err != nil {
		return err
	}
	out := deletedKey{Deleted: name}
	text := "deleted: " + printable(name)
	// It is done. Whoever may delete need not be allowed to list.
	if keys, err := t.DeletedKeys(ctx); err == nil {
		if key, there := keys.KeyInfo[name]; there {
			out.DestroyTime = &key.DestroyTime
			text += ", can be undeleted until " + key.DestroyTime.Format(time.RFC3339)
		}
	}
	return c.emit(out, line(text))
}

// destroyKey destroys a key for good, once somebody has said so twice.
func (c *cli) destroyKey(ctx context.Context, t client.Transit, name string, sure bool) error {
	if !sure && !c.interactive() {
		return usageError("--now destroys the key for good, and there is nobody to ask", "if that is what you want, say: --now --yes")
	}
	if !sure {
		if err := c.confirm(ctx, "this destroys the key "+printable(name)+" with all its versions, for good", name); err != nil {
			return err
		}
	}
	if err := t.DeleteKeyAfter(ctx, name, 0); err != nil {
		return err
	}
	return c.emit(deletedKey{Deleted: name, Destroyed: true}, line("destroyed: "+printable(name)))
}

func newKeyUndeleteCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "undelete NAME", Short: "put a deleted key back to use",
		Long: "Puts a deleted key back to use, with all its versions. See what can be undeleted with: signet key list --deleted"}
	return c.onKey(cmd, func(ctx context.Context, t client.Transit, name string) (wire.KeyData, error) {
		return t.UndeleteKey(ctx, name)
	})
}

func newKeyTrimCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "trim NAME --min-available-version N", Short: "erase the oldest versions of a key for good",
		Long: `Erases the versions of a key before N for good. They must be out of use first:
N is at most the key's minimum versions for decryption and for encryption.`,
		Example: "  signet key config web --min-decryption-version 3 --min-encryption-version 3\n  signet key trim web --min-available-version 3",
	}
	from := cmd.Flags().Int("min-available-version", 0, "the oldest version `N` to keep (required)")
	return c.onKey(cmd, func(ctx context.Context, t client.Transit, name string) (wire.KeyData, error) {
		if *from < 1 {
			return wire.KeyData{}, usage(cmd, "--min-available-version is missing or not positive")
		}
		return t.TrimKey(ctx, name, *from)
	})
}

// emitDeleted prints the keys that can be undeleted.
func (c *cli) emitDeleted(ctx context.Context, t client.Transit) error {
	keys, err := t.DeletedKeys(ctx)
	if err != nil {
		return err
	}
	slices.Sort(keys.Keys)
	return c.emit(keys, func(w io.Writer) error {
		if len(keys.Keys) == 0 {
			return nil
		}
		rows := []row{{"NAME", "DELETED", "DESTROYED AFTER"}}
		for _, name := range keys.Keys {
			rows = append(rows, row{name, keys.KeyInfo[name].DeletionTime, keys.KeyInfo[name].DestroyTime})
		}
		return columns(rows...)(w)
	})
}

// How many versions a table shows unless it is asked for all, and how many come
// with one answer then.
const (
	shownVersions = 100
	pageVersions  = 1000
)

// readNewest reads a key with its newest versions, and says when there are more.
func (c *cli) readNewest(ctx context.Context, t client.Transit, name string) (wire.KeyData, error) {
	key, err := t.ReadKeyNewest(ctx, name, shownVersions)
	if all := key.LatestVersion - key.MinAvailableVersion + 1; err == nil && len(key.Keys) < all {
		c.note(fmt.Sprintf("the newest %d of %d versions; see all with --all-versions", len(key.Keys), all))
	}
	return key, err
}

// readAll reads a key with all its versions, page by page.
func readAll(ctx context.Context, t client.Transit, name string) (wire.KeyData, error) {
	all := wire.KeyVersions{}
	for after := 0; ; {
		key, err := t.ReadKeyVersions(ctx, name, after, pageVersions)
		if err != nil {
			return wire.KeyData{}, err
		}
		for number, v := range key.Keys {
			all[number] = v
		}
		// The oldest may have been trimmed, and a page begins after those.
		if after = max(after, key.MinAvailableVersion-1) + len(key.Keys); len(key.Keys) == 0 || after >= key.LatestVersion {
			key.Keys = all
			return key, nil
		}
	}
}

// confirm asks a person to type a word, and returns an error if it is another.
func (c *cli) confirm(ctx context.Context, what, word string) error {
	_, _ = fmt.Fprintf(c.stderr, "signet: %s\ntype %s to go on: ", what, printable(word))
	typed := make(chan string, 1)
	// A read from a terminal cannot be interrupted; if the context ends, the
	// process does soon after, and this goroutine with it.
	go func() {
		var text string
		_, _ = fmt.Fscanln(c.stdin, &text)
		typed <- text
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case text := <-typed:
		if strings.TrimSpace(text) != word {
			return usageError("not confirmed; nothing was done", "")
		}
		return nil
	}
}
