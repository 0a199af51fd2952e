package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a node may take to start, and to stop, on a machine that does other
// things too.
const (
	startTime = 60 * time.Second
	stopTime  = 40 * time.Second
)

// process is one run of the daemon.
type process struct {
	cmd    *exec.Cmd
	url    string
	exited chan struct{} // closed when the process is gone
	err    error         // of Wait; set before exited is closed
}

// Start runs the daemon and waits for its line "signet ready".
func (n *Node) Start() {
	n.t.Helper()
	if err := n.start(); err != nil {
		n.t.Fatalf("apitest: %v\n%s", err, n.Log())
	}
}

// StartRefused runs the daemon, expects it to end by itself with exit status 1
// before it is ready, and returns what it printed.
func (n *Node) StartRefused() string {
	n.t.Helper()
	before := len(n.Log())
	err := n.start()
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		n.t.Fatalf("apitest: the node should have refused to start with exit status 1: %v\n%s", err, n.Log())
	}
	return n.Log()[before:]
}

func (n *Node) start() error {
	n.t.Helper()
	if n.Running() {
		return errors.New("the node runs already")
	}
	watch := &readyWatch{to: n.log, ready: make(chan string, 1)}
	p := &process{cmd: n.command(), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = watch, n.log
	if err := within(n.space, p.cmd.Start); err != nil {
		return err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	select {
	case p.url = <-watch.ready:
	case <-p.exited:
		return fmt.Errorf("the node ended before it was ready: %w", p.err)
	case <-time.After(startTime):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("the node was not ready after %s", startTime)
	}
	n.setProcess(p)
	n.lives = append(n.lives, false)
	if n.o.dev {
		n.findDevDirs()
	}
	return nil
}

func (n *Node) command() *exec.Cmd {
	n.t.Helper()
	binary := plainBinary
	if n.o.hooked {
		binary = hookedBinary
	}
	if n.o.clocked {
		binary = clockBinary
	}
	args := []string{"server", "--config", n.configFile()}
	if n.o.dev {
		args = []string{"server", "--dev", "--dev-root-token", n.root, "--listen", "127.0.0.1:0"}
	}
	path := n.binary
	if path == "" {
		path = executable(n.t, binary)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+n.dir)
	if n.o.hooked {
		cmd.Env = append(cmd.Env, "SIGNET_TEST_KEYRING_RECORD="+n.KeyRecord())
	}
	if n.o.clocked {
		cmd.Env = append(cmd.Env, "SIGNET_TESTCLOCK="+n.clockFile())
	}
	// No node outlives a test process that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (n *Node) clockFile() string { return filepath.Join(n.dir, "clock") }

// SetClock sets the wall clock of a node made with Clocked, while it runs too: ahead of
// the machine's, or behind it.
func (n *Node) SetClock(ahead time.Duration) {
	n.t.Helper()
	next := n.clockFile() + ".next" // renamed: it is read at any moment
	err := os.WriteFile(next, []byte(ahead.String()), 0o600)
	if err == nil {
		err = os.Rename(next, n.clockFile())
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// findDevDirs looks where a development node put its temporary directory.
func (n *Node) findDevDirs() {
	found, err := filepath.Glob(filepath.Join(n.dir, "signet-dev-*"))
	if err != nil || len(found) != 1 {
		n.t.Fatalf("apitest: a development node has one directory, found %v (%v)", found, err)
	}
	n.o.dataDir, n.o.auditDir = found[0], filepath.Join(found[0], "audit")
}

// Running says whether a process runs.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc != nil
}

func (n *Node) setProcess(p *process) (old *process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old, n.proc = n.proc, p
	return old
}

// url is the address of the running process, "" when there is none.
func (n *Node) url() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return ""
	}
	return n.proc.url
}

// URL is the address of the running process.
func (n *Node) URL() string {
	n.t.Helper()
	url := n.url()
	if url == "" {
		n.t.Fatal("apitest: the node does not run")
	}
	return url
}

// Address is host and port of the running process.
func (n *Node) Address() string {
	n.t.Helper()
	_, address, _ := strings.Cut(n.URL(), "://")
	return address
}

// Pid is the process id of the running process.
func (n *Node) Pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc.cmd.Process.Pid
}

// Stop ends the process with SIGTERM and expects exit status 0.
func (n *Node) Stop() {
	n.t.Helper()
	_ = n.URL() // it runs
	p := n.setProcess(nil)
	// A connection on which nothing was ever sent holds a stop up for seconds.
	n.http.CloseIdleConnections()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	n.awaitExit(p)
	if p.err != nil {
		n.t.Errorf("apitest: the node stopped with %v", p.err)
	}
}

// awaitExit waits for a process that was asked to stop.
func (n *Node) awaitExit(p *process) {
	n.t.Helper()
	defer n.http.CloseIdleConnections()
	select {
	case <-p.exited:
	case <-time.After(stopTime):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it says where it waits
		select {
		case <-p.exited:
		case <-time.After(2 * time.Second):
		}
		_ = p.cmd.Process.Kill()
		<-p.exited
		n.t.Errorf("apitest: the node did not stop within %s", stopTime)
	}
}

// Expect lets the log hold an alarm which the test causes itself: "audit record is
// lost", by a disk that fails.
func (n *Node) Expect(alarm string) { n.expected = alarm }

// Ended says whether the process has ended by itself; Exit tells how.
func (n *Node) Ended() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return false
	}
	select {
	case <-n.proc.exited:
		return true
	default:
		return false
	}
}

// TryStart is Start for a node that may refuse to: then it says what it printed.
func (n *Node) TryStart() (printed string, refused bool) {
	n.t.Helper()
	before := len(n.Log())
	err := n.start()
	if err == nil {
		return "", false
	}
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		n.t.Fatalf("apitest: %v\n%s", err, n.Log())
	}
	return n.Log()[before:], true
}

// Exit waits until the process has ended by itself and returns its exit status.
func (n *Node) Exit() int {
	n.t.Helper()
	_ = n.URL() // it runs
	p := n.setProcess(nil)
	n.unclean()
	n.awaitExit(p)
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends the running process a signal, such as SIGSTOP.
func (n *Node) Signal(sig syscall.Signal) {
	n.t.Helper()
	if err := syscall.Kill(n.Pid(), sig); err != nil {
		n.t.Fatal(err)
	}
}

// Kill ends the process with SIGKILL.
func (n *Node) Kill() {
	n.t.Helper()
	_ = n.URL() // it runs
	p := n.setProcess(nil)
	n.unclean()
	_ = p.cmd.Process.Kill()
	n.awaitExit(p)
}

// unclean notes that the last process did not close in order: it may leave an
// intent without its outcome.
func (n *Node) unclean() {
	if last := len(n.lives) - 1; last >= 0 {
		n.lives[last] = true
	}
}

// Restart stops the node and starts it again; a configured one is sealed then.
func (n *Node) Restart() {
	n.t.Helper()
	n.Stop()
	n.Start()
}

// readyWatch passes the daemon's output on and finds the address in its line
// "signet ready addr=… sealed=…".
type readyWatch struct {
	to    *buffer
	line  []byte
	ready chan string
}

func (w *readyWatch) Write(p []byte) (int, error) {
	_, _ = w.to.Write(p) // a buffer takes everything
	w.line = append(w.line, p...)
	for {
		line, rest, ok := bytes.Cut(w.line, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.line = rest
		fields := strings.Fields(string(line))
		if len(fields) == 4 && fields[0] == "signet" && fields[1] == "ready" {
			select {
			case w.ready <- strings.TrimPrefix(fields[2], "addr="):
			default:
			}
		}
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
