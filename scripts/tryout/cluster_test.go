package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
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
