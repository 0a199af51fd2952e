package vaultclient

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const devToken = "dev-root-of-the-client-tests"

// binary is the daemon, built once a test process. Its name is taken away at once:
// it is executed through the open file, and nothing stays behind.
var binary = sync.OnceValues(func() (*os.File, error) {
	dir, err := os.MkdirTemp("", "signet-vaultclient-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's temporary directory
	name := filepath.Join(dir, "signet")
	cmd := exec.Command("go", "-C", filepath.Join("..", "..", ".."), "build", "-buildvcs=false", "-o", name, "./cmd/signet")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the daemon: %w\n%s", err, out)
	}
	return os.Open(name)
})

// newDaemon runs the daemon until the test ends and returns its address. Then it is
// stopped, and has to end in good order.
func newDaemon(t *testing.T, args ...string) string {
	t.Helper()
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()), append([]string{"server"}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
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
	return address
}

// dev runs a development node and returns a client with its root token.
func dev(t *testing.T) *client {
	t.Helper()
	return newClientOf(t, newDaemon(t, "--dev", "--dev-root-token", devToken, "--listen", "127.0.0.1:0"), devToken)
}

// newClientOf is a client of one daemon with a token.
func newClientOf(t *testing.T, address, token string) *client {
	t.Helper()
	c, err := newClient(address, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// with is a client of the same daemon with another token.
func with(t *testing.T, c *client, token string) *client {
	t.Helper()
	return newClientOf(t, c.Address(), token)
}

// must takes a result without error.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantNil expects no error.
func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantStatus expects an error as the library reports those of the server, with a
// status and a text.
func wantStatus(t *testing.T, err error, status int, text string) {
	t.Helper()
	var re *responseError
	if !errors.As(err, &re) || re.StatusCode != status || !strings.Contains(strings.Join(re.Errors, " "), text) {
		t.Errorf("want status %d with %q, got %v", status, text, err)
	}
}

// denied expects what a caller without a live token, or without the right, gets.
func denied(t *testing.T, err error) {
	t.Helper()
	wantStatus(t, err, http.StatusForbidden, "permission denied")
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s are %q, want %q", what, got, want)
	}
}

// configured writes a configuration file for a new node and returns its name.
func configured(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "signet.hcl")
	wantNil(t, os.WriteFile(name, fmt.Appendf(nil, "data_dir = %q\nlistener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}\naudit {\n  path = %q\n}\n",
		filepath.Join(dir, "data"), filepath.Join(dir, "audit")), 0o600))
	return name
}

// patience is how long a test waits for what takes seconds.
const patience = time.Minute
