package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/internal/wall"
)

// version is the release this source is of (semantic versioning), the same in
// `signet version` and in the server's seal status.
const version = "0.4.0" + wall.Build

// buildInfo is what the binary knows of itself.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`   // "" if built without version control
	Modified bool   `json:"modified"` // the checkout had changes beyond the commit
	Time     string `json:"time"`     // of the commit, RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// build reads what the Go toolchain has stamped into the binary.
func build() buildInfo {
	out := buildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			out.Commit = s.Value
		case "vcs.time":
			out.Time = s.Value
		case "vcs.modified":
			out.Modified = s.Value == "true"
		}
	}
	return out
}

// buildDate returns the time of the commit the binary was built from, RFC 3339,
// "" if built without version control. A time of compilation would make builds
// differ that are otherwise the same.
func buildDate() string { return build().Time }

func newVersionCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "print version, commit and Go version", Args: exactly()}
	return c.printing(cmd, func(context.Context, []string) error {
		b := build()
		commit := b.Commit
		if b.Modified {
			commit += " (modified)"
		}
		return c.emit(b, columns(
			row{"signet", b.Version}, row{"commit", commit}, row{"time", b.Time}, row{"go", b.Go}, row{"platform", b.Platform},
		))
	})
}
