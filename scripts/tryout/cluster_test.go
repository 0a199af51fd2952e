package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// scripts/cluster --once runs three nodes, loses one, removes one, takes one in, in
// this order, and leaves nothing behind.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the daemon and runs four of them")
	}
	root := filepath.Join("..", "..")
	noteSources(t, root)
	temporary := t.TempDir()
	cmd := exec.Command(filepath.Join(root, "scripts", "cluster"), "--once")
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary, "SIGNET_TOKEN=sgt.other", "SIGNET_ADDR=http://127.0.0.1:1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // it cleans up then
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s\n%s", err, out, stderr.String())
	}
	rest := string(out)
	for _, want := range []string{
		`(?m)^\d+\. Make the cluster, on n1$`,
		`(?m)^\d+\. Let n2 join$`,
		`(?m)^\d+\. Let n3 join$`,
		`(?m)^   n1 +leader +no +yes +yes +\d+ .*\n   n2 +voter +no .*\n   n3 +voter +no `,
		`(?m)^\d+\. Sign on n1, verify on n3\n   n1: vault:v1:M.*\n   n3: valid\n   n3 refuses`,
		`(?m)^   made and revoked on n2, refused by n1, n2 and n3$`,
		`(?m)^\d+\. Kill n1, which leads\n   n2 signs\n   n3 writes, and n[23] leads$`,
		`(?m)^\d+\. Start n1 again\n   n1 is unsealed, and has what was written without it$`,
		`(?m)^\d+\. Remove n3, for good\n   n3 serves nothing any more$`,
		`(?m)^   n4 joined, was given the lead, and verifies what n1 signed: valid$`,
		`(?m)^   n4 +leader `,
		`(?m)^Done\. The nodes are stopped, and nothing is left of them\.\n$`,
	} {
		at := regexp.MustCompile(want).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("%s is not in what is left:\n%s\nof\n%s", want, rest, out)
		}
		rest = rest[at[1]:]
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A wrong command line starts nothing.
func TestClusterUsage(t *testing.T) {
	for _, args := range [][]string{{"--bogus"}, {"--port", "80"}, {"--port", "x"}, {"--dir"}, {"start"}, {"stop", "a", "b"}, {"stop", "--once"}, {"elsewhere"}, {"--once", "--dir", "x"}} {
		out, err := exec.Command(filepath.Join("..", "..", "scripts", "cluster"), args...).CombinedOutput()
		failed, ok := err.(*exec.ExitError)
		if !ok || failed.ExitCode() != 2 || !bytes.Contains(out, []byte("\nhint: see ")) {
			t.Errorf("scripts/cluster %q: %v\n%s", args, err, out)
		}
	}
}

// A cluster of --dir is found without its directory, a node that was removed is not
// waited for, and what is printed the next time fits those that are left.
func TestClusterOfADirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the daemon and runs three of them")
	}
	root := filepath.Join("..", "..")
	noteSources(t, root)
	temporary, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	environment := append(os.Environ(), "TMPDIR="+temporary)
	script := func(args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "cluster"), args...)
		cmd.Env, cmd.SysProcAttr = environment, &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		return cmd
	}
	// run starts the cluster and returns when it has printed all.
	run := func() (printed string, cmd *exec.Cmd) {
		cmd = script("--dir", kept)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = cmd.Stdout
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			printed += lines.Text() + "\n"
			if strings.HasPrefix(lines.Text(), "It is for trying things out") {
				go func() { _, _ = io.Copy(io.Discard, out) }()
				return printed, cmd
			}
		}
		t.Fatalf("it ended: %v\n%s", cmd.Wait(), printed)
		return "", nil
	}
	sh := func(line string) {
		t.Helper()
		cmd := exec.Command("bash", "-c", "dir=$0; signet=$dir/bin/signet; export SIGNET_TOKEN=$(<$dir/token) SIGNET_ADDR=$(sed -n 's/^api_addr *= \"\\(.*\\)\"$/\\1/p' $dir/n1.hcl)\n"+line, kept)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	stop := func(cmd *exec.Cmd) {
		t.Helper()
		if out, err := script("stop").CombinedOutput(); err != nil {
			t.Fatalf("stop: %v\n%s", err, out)
		}
		_ = cmd.Wait() // ended by a signal
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}

	printed, cmd := run()
	for _, want := range []string{"\n   export SIGNET_ADDR=$n1,$n2,$n3\n", "raft remove n2\n", " start n1 "} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	sh("$signet operator raft remove n2 && kill -9 $(<$dir/n2.pid) && while kill -0 $(<$dir/n2.pid) 2>/dev/null; do sleep 0.1; done")
	out, err := script("start", "n2").CombinedOutput()
	if failed := (*exec.ExitError)(nil); !errors.As(err, &failed) || failed.ExitCode() != 1 || !bytes.Contains(out, []byte("n2 is no member any more")) {
		t.Errorf("start of a removed node: %v\n%s", err, out)
	}
	stop(cmd)

	printed, cmd = run()
	if !strings.Contains(printed, "\n   export SIGNET_ADDR=$n1,$n3\n") || strings.Contains(printed, "remove n2") || strings.Contains(printed, "Kill one") || !strings.Contains(printed, "Let another node join:") {
		t.Errorf("of two nodes it says\n%s", printed)
	}
	stop(cmd)
}
