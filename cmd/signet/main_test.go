package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"signet": main})
}

// Stories of the binary without a server: usage, help, what it says when the
// network or the answer is wrong.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: bareEnvironment,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"answer": answerCommand, "closed-port": closedPortCommand, "scheme": schemeCommand, "code": codeCommand,
		},
	})
}

// Stories of the binary with a real daemon, the same binary.
func TestDaemonScript(t *testing.T) {
	if testing.Short() {
		t.Skip("starts daemons")
	}
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/daemon",
		Setup: bareEnvironment,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon": daemonCommand, "node": nodeCommand, "until": untilCommand, "trim": trimCommand, "code": codeCommand,
		},
	})
}

// bareEnvironment keeps the developer's own settings out, and gives each script
// a home of its own.
func bareEnvironment(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("NO_PROXY", "*")
	return nil
}

// answerCommand starts a server that gives one recorded answer to everything:
//
//	answer [tls] STATUS FILE
//
// and sets SIGNET_ADDR, and SIGNET_TOKEN to a token.
func answerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("answer cannot be negated")
	}
	secure := len(args) > 0 && args[0] == "tls"
	if secure {
		args = args[1:]
	}
	if len(args) != 2 {
		ts.Fatalf("usage: answer [tls] STATUS FILE")
	}
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	body := ts.ReadFile(args[1])
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	ts.Defer(server.Close)
	ts.Setenv("SIGNET_ADDR", server.URL)
	ts.Setenv("SIGNET_TOKEN", "sgt.recorded")
}

// closedPortCommand sets SIGNET_ADDR to an address where nothing listens.
func closedPortCommand(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv("SIGNET_ADDR", "https://"+l.Addr().String())
	ts.Setenv("SIGNET_TOKEN", "sgt.none")
}

// schemeCommand replaces the scheme of SIGNET_ADDR.
func schemeCommand(ts *testscript.TestScript, neg bool, args []string) {
	_, host, ok := strings.Cut(ts.Getenv("SIGNET_ADDR"), "://")
	if neg || len(args) != 1 || !ok {
		ts.Fatalf("usage: scheme http|https, after answer")
	}
	ts.Setenv("SIGNET_ADDR", args[0]+"://"+host)
}

// codeCommand runs a command that must exit with a code other than 0:
//
//	code N COMMAND ARG...
//
// `! exec` would take any, a panic's 2 among them, so it looks for that too.
func codeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	failed := (*exec.ExitError)(nil)
	if !errors.As(err, &failed) || failed.ExitCode() != want {
		ts.Fatalf("got %v, want exit code %d", err, want)
	}
	if strings.Contains(ts.ReadFile("stderr"), "goroutine ") {
		ts.Fatalf("it panicked")
	}
}

// daemonCommand runs `signet server` with args in the background, waits for its
// ready line, sets SIGNET_ADDR from it, and stops it at the end of the script.
func daemonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("daemon cannot be negated")
	}
	address, stop, err := startDaemon(ts.Getenv("WORK"), args...)
	ts.Defer(stop)
	ts.Check(err)
	ts.Setenv("SIGNET_ADDR", address)
}

// startDaemon runs `signet server` with args in dir until stop is called, and
// returns the address of its ready line.
func startDaemon(dir string, args ...string) (address string, stop func(), err error) {
	path, err := exec.LookPath("signet") // TestMain has put it there
	if err != nil {
		return "", func() {}, err
	}
	cmd := exec.Command(path, append([]string{"server"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	cmd.SysProcAttr = outlivesNobody(syscall.SIGKILL)
	var logs bytes.Buffer // read only after Wait
	cmd.Stderr = &logs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", func() {}, err
	}
	if err := cmd.Start(); err != nil {
		return "", func() {}, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	ready, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		return "", func() {}, fmt.Errorf("the daemon did not get ready: %w\n%s", err, logs.String())
	}
	if _, err := fmt.Sscanf(ready, "signet ready addr=%s", &address); err != nil {
		return "", stop, fmt.Errorf("unexpected ready line %q: %w", ready, err)
	}
	return address, stop, nil
}

// outlivesNobody has a child get a signal when this process ends, however it does: a
// test that times out runs no cleanup.
func outlivesNobody(sig syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: sig}
}

// trimCommand writes the rest of the line of FILE that begins with PREFIX to OUT:
//
//	trim FILE PREFIX OUT
//
// It is how a script takes a value out of a table, to pipe it in or, with an
// OUT of the form env:NAME, to put it into the environment.
func trimCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: trim FILE PREFIX OUT")
	}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		value, ok := strings.CutPrefix(line, args[1])
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		if name, isVar := strings.CutPrefix(args[2], "env:"); isVar {
			ts.Setenv(name, value)
			return
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(value+"\n"), 0o600))
		return
	}
	ts.Fatalf("no line of %s begins with %q", args[0], args[1])
}
