package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const devToken = "dev-root-of-the-interop-tests"

// newDaemon builds Signet from the checkout around this module and runs a
// development node until the test ends. It has to end in good order.
func newDaemon(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "signet")
	build := exec.Command("go", "-C", filepath.Join("..", "..", ".."), "build", "-buildvcs=false", "-o", name, "./cmd/signet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the daemon: %v\n%s", err, out)
	}
	cmd := exec.Command(name, "server", "--dev", "--dev-root-token", devToken, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	address := ""
	for address == "" && lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 4 && fields[1] == "ready" {
			address = strings.TrimPrefix(fields[2], "addr=")
		}
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		for lines.Scan() { // Wait closes the pipe: everything is read before
		}
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the daemon ended with %v:\n%s", err, stderr.String())
		}
	})
	if address == "" {
		t.Fatal("the daemon was never ready")
	}
	return &server{address, devToken}
}

// run1 runs one command as main does and returns what it prints.
func run1(t *testing.T, of *server, stdin string, args ...string) (string, error) {
	t.Helper()
	env := map[string]string{}
	if of != nil {
		env = map[string]string{"SIGNET_ADDR": of.addr, "SIGNET_TOKEN": of.token}
	}
	var out bytes.Buffer
	err := run(t.Context(), args, func(name string) string { return env[name] }, strings.NewReader(stdin), &out)
	if err != nil {
		err = fmt.Errorf("%q: %w", args, err)
	}
	return out.String(), err
}
