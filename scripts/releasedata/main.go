package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	out := flag.String("out", "api/apitest/testdata/releases", "the directory of all releases")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: releasedata [--out DIR] BINARY") }
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out); err != nil {
		fmt.Fprintln(os.Stderr, "releasedata:", err)
		os.Exit(1)
	}
}

// variant is one data directory: how its last process ended, and whether it has a
// snapshot of raft, with entries after it.
type variant struct {
	name     string
	snapshot bool
	killed   bool
}

func variants() []variant {
	return []variant{{"log", false, true}, {"snapshot", true, false}}
}

func run(binary, out string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	v, err := versionOf(binary)
	if err != nil {
		return err
	}
	dir := filepath.Join(out, "v"+v)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, variant := range variants() {
		if err := variant.make(binary, v, dir); err != nil {
			return fmt.Errorf("%s: %w", variant.name, err)
		}
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(readme(v)), 0o644)
}

// versionOf asks the binary what release it is.
func versionOf(binary string) (string, error) {
	out, err := exec.Command(binary, "version", "-o", "json").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", binary, err)
	}
	var info struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(out, &info); err != nil || info.Version == "" {
		return "", fmt.Errorf("%s version: no version in %q", binary, out)
	}
	return info.Version, nil
}

// make tells the story of one data directory and packs what is left.
func (v variant) make(binary, version, out string) error {
	dir, err := os.MkdirTemp("", "signet-releasedata-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's temporary directory
	d := &daemon{binary: binary, dir: dir, m: &manifest{Version: version, Made: time.Now().UTC().Truncate(time.Second), Snapshot: v.snapshot}}
	defer d.abandon()
	if err := d.story(v); err != nil {
		return fmt.Errorf("%w\n%s", err, d.log.String())
	}
	text, err := json.MarshalIndent(d.m, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, manifestFile), text, 0o600); err != nil {
		return err
	}
	return pack(filepath.Join(out, v.name+".tar.gz"), dir, manifestFile, "data", "audit")
}

func readme(version string) string {
	return fmt.Sprintf(`# What signet %[1]s leaves behind

Data directories and audit logs, written by the binary of %[1]s and packed by
`+"`go run ./scripts/releasedata BINARY`"+`. The tests of api/apitest
open each of them with the current daemon. Do not edit and do not make again: what
counts is that the release itself wrote them.

**The shares, tokens and keys in here are fixtures.** They were made for this
directory, they are public, and they protect nothing. Never use them.

| file | state | its last process | audit log |
|---|---|---|---|
| log.tar.gz | in the raft log alone | was killed with SIGKILL | from the first record on |
| snapshot.tar.gz | a raft snapshot, and entries after it | stopped on SIGTERM | begins anew after 2100 entries, as when an operator moves the old one away |

Each has `+"`data/`, `audit/` and `manifest.json`"+`: the shares, the tokens with the time at
which each expires (the root token never does, the others live 32 days at most: the
tests expect of them what the clock makes of them), how each process ended, and
questions with the answers that %[1]s gave. Free pages of raft.db are zeroed.
`, version)
}
