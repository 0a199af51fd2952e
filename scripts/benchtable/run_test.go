package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binaries builds what a run needs.
func binaries(t *testing.T) (signet, floor string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: it builds and runs a node")
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("this measures by /proc, which is not here")
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+"/", "../../cmd/signet", "../benchfloor").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "signet"), filepath.Join(dir, "benchfloor")
}

// A run over real nodes fills every table and leaves nothing behind.
func TestARunOverRealNodes(t *testing.T) {
	signet, floor := binaries(t)
	t.Setenv("TMPDIR", t.TempDir())
	out := filepath.Join(t.TempDir(), "out.json")
	c, err := parseFlags([]string{
		"-signet", signet, "-floor", floor, "-about", "here", "-pairs", "1", "-seconds", "0.1", "-conns", "2",
		"-op", "es256-sign,aes256-decrypt-batch", "-part", "operations,versions,loaded", "-versions", "104", "-rotations", "2", "-restarts", "1", "-keys", "3", "-tokens", "5", "-json", out,
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), c, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout.String(), stderr.String())
	}
	text := stdout.String()
	for _, want := range []string{
		"here\n", "\nes256-sign            os ", "\nes256-sign            sync ", "\naes256-decrypt-batch  os ", "\nA key with 2 versions (A) and with 104 (B)\n",
		"\nread ", "\nread version 1 ", "\nverify by version 1 ", "\nrotate ", "\nAn empty node (A) and one with 3 keys and 5 tokens (B)\n", "unseal to first signature after a kill",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if saved, err := os.ReadFile(out); err != nil || !bytes.Contains(saved, []byte(`"pairs"`)) {
		t.Errorf("the file: %v", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// An interrupted run ends its nodes and says that it was interrupted.
func TestAnInterruptedRun(t *testing.T) {
	signet, floor := binaries(t)
	t.Setenv("TMPDIR", t.TempDir())
	c, err := parseFlags([]string{"-signet", signet, "-floor", floor, "-pairs", "99", "-seconds", "30", "-op", "es256-sign"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if err := run(ctx, c, &stdout, &stderr); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
