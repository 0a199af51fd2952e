package faultrun

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// strace attaches strace to a node with options, until the returned function is called.
// It skips the row where strace does not run.
func (r *run) strace(n *apitest.Node, options ...string) (detach func()) {
	r.t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		r.t.Skip("strace is not installed")
	}
	cmd := exec.Command(path, append(append([]string{"-f", "-o", "/dev/null"}, options...), "-p", strconv.Itoa(n.Pid()))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Skipf("strace does not run here: %v", err)
	}
	attached := make(chan bool, 1)
	go func() { // until the node ends
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if strings.Contains(lines.Text(), "attached") {
				select {
				case attached <- true:
				default:
				}
			}
		}
		close(attached)
	}()
	if !<-attached {
		r.t.Skip("strace cannot attach here")
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	}
}

// slowSync lets each sync of one of a node's files take so long, for a while.
func (r *run) slowSync(n *apitest.Node, file string, takes, lasts time.Duration) {
	at := time.Now()
	detach := r.strace(n, "-P", file, "-e", "trace=fdatasync,fsync", "-e", fmt.Sprintf("inject=fdatasync,fsync:delay_enter=%d", takes.Microseconds()))
	r.struck(at, r.others(n))
	time.Sleep(time.Until(at.Add(lasts)))
	detach()
	r.reviveIfEnded(n)
	r.settle()
}

// slowLeader makes the leader's disk slow for longer than it leads with one.
func slowLeader(r *run) {
	n := r.leader()
	before := len(n.Log())
	r.slowSync(n, logFile(r, n), 500*time.Millisecond, 10*time.Second)
	r.res.notes = "it kept the lead"
	if strings.Contains(n.Log()[before:], "gave the lead away") {
		r.res.notes = "it gave the lead away"
	}
}

// logFile is a node's raft log.
func logFile(r *run, n *apitest.Node) string {
	found, _ := filepath.Glob(filepath.Join(n.DataDir(), "*", "raft.db"))
	if len(found) != 1 {
		r.t.Fatalf("%s has %d logs", n.ID(), len(found))
	}
	return found[0]
}

// syncFails lets one fdatasync of a node fail with EIO. The node must end: what the
// disk has nobody knows. If it was the audit log's, it gives up its lease.
func syncFails(r *run, n *apitest.Node, file string) {
	n.Expect("audit record is lost") // of requests that were not answered
	at := time.Now()
	detach := r.strace(n, "-P", file, "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO:when=1")
	r.eventually("the node ends after a sync that failed, or gives up its lease", func() bool {
		return n.Ended() || r.look(n, "sys/health").Status == 503
	})
	detach()
	r.struck(at, r.others(n))
	if !n.Ended() { // it serves nothing until it is started again, or mended
		n.Kill()
		r.res.notes = "the node gave up its lease"
		r.revive(n)
	} else {
		r.reviveIfEnded(n)
	}
	r.settle()
}
