package apitest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// server is a daemon with arguments that apitest.New has no option for.
type server struct {
	cmd *exec.Cmd
	url string
}

func runServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(apitest.Binary(t), append([]string{"server"}, args...)...)}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	s.cmd.Stderr = &stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 4 || fields[1] != "ready" {
		t.Fatalf("%q instead of the ready line: %v\n%s", line, err, stderr.String())
	}
	s.url = strings.TrimPrefix(fields[2], "addr=")
	return s
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server stopped with %v", err)
	}
}

func (s *server) send(t *testing.T, method, path, token, body string, status int) []byte {
	t.Helper()
	req, err := http.NewRequest(method, s.url+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s (%v)", method, path, resp.StatusCode, status, all, err)
	}
	return all
}

func (s *server) post(t *testing.T, path, token, body string, status int) []byte {
	t.Helper()
	return s.send(t, "POST", path, token, body, status)
}

func (s *server) get(t *testing.T, path, token string, status int) []byte {
	t.Helper()
	return s.send(t, "GET", path, token, "", status)
}

// wantExit runs the daemon's binary to its end and expects an exit status and a
// text on stderr.
func wantExit(t *testing.T, status int, text string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, apitest.Binary(t), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != status || !strings.Contains(stderr.String(), text) {
		t.Errorf("signet %s: want exit status %d and %q on stderr, got %v:\n%s", strings.Join(args, " "), status, text, err, stderr.String())
	}
}

// configFor writes a configuration file with a data directory and further lines.
func configFor(t *testing.T, dataDir, more string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "signet.hcl"), fmt.Appendf(nil,
		"data_dir = %q\nlistener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}\n%s", dataDir, more))
}

// runToEnd runs the daemon's binary, expects exit status 1 and returns what it
// printed.
func runToEnd(t *testing.T, tmp string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, apitest.Binary(t), args...)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+tmp)
	cmd.Dir = tmp
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("signet %s: want exit status 1, got %v:\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
