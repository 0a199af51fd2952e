package apitest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// kill -9 loses nothing that is in the page cache, so it cannot show that anything
// reached the disk. The order of the system calls can: what an answer rests on is
// synced before the answer is written to the socket.
func TestDurabilityByTheOrderOfSystemCalls(t *testing.T) {
	t.Parallel()
	strace := tool(t, "strace")
	for _, durability := range []string{"sync", "os"} {
		t.Run(durability, func(t *testing.T) {
			n := apitest.New(t, apitest.Durability(durability))
			n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
			token := n.NewToken("default")
			tr := startTrace(t, strace, n)
			sign := n.Must("transit/sign/web", object{"input": b64("traced")})
			create := n.Must("transit/keys/traced", object{"type": "ecdsa-p256"})
			rotate := n.Must("transit/keys/traced/rotate", nil)
			refused := n.Get("transit/keys/web", token)
			read := n.Get("transit/keys/web", n.Root())
			tr.stop()

			synced := func(steps ...step) []step {
				if durability == "sync" {
					return steps
				}
				return slices.DeleteFunc(steps, func(s step) bool { return s.call == "fdatasync" && s.file == "audit.log" })
			}
			one := func(r apitest.Reply) []step {
				return synced(
					step{"read", "TCP", " HTTP/1.1"},
					step{"write", "audit.log", r.RequestID()},
					step{"fdatasync", "audit.log", ""},
					step{"write", "TCP", r.RequestID()},
				)
			}
			two := func(r apitest.Reply) []step {
				return synced(
					step{"read", "TCP", " HTTP/1.1"},
					step{"write", "audit.log", `\"intent\"&` + r.RequestID()},
					step{"fdatasync", "audit.log", ""},
					step{"pwrite64", "raft.db", ""},
					step{"fdatasync", "raft.db", ""},
					step{"write", "audit.log", `\"outcome\"&` + r.RequestID()},
					step{"fdatasync", "audit.log", ""},
					step{"write", "TCP", r.RequestID()},
				)
			}
			// Without the method: net/http reads its first letter ahead.
			tr.want(t, "sign", " /v1/transit/sign/web ", one(sign))
			tr.want(t, "create", " /v1/transit/keys/traced ", two(create))
			tr.want(t, "rotate", " /v1/transit/keys/traced/rotate ", two(rotate))
			tr.want(t, "refused read", " /v1/transit/keys/web ", one(refused))
			tr.want(t, "read", " /v1/transit/keys/web ", one(read))
			if durability == "os" && tr.has("fdatasync", "audit.log", sign.RequestID()) {
				t.Error("durability os syncs each record")
			}
		})
	}
}

// step is a system call that must have ended before the next one begins.
type step struct {
	call, file string
	data       string // parts of what strace prints, with & between
}

// traced is a system call as strace has seen it.
type traced struct {
	call, args string
	begin, end int // lines of the trace; the call was under way between them
	ok         bool
}

type trace struct {
	cmd   *exec.Cmd
	file  string
	calls []traced
}

// startTrace attaches strace to a running node.
func startTrace(t *testing.T, strace string, n *apitest.Node) *trace {
	t.Helper()
	tr := &trace{file: filepath.Join(t.TempDir(), "trace")}
	tr.cmd = exec.Command(strace, "-f", "-yy", "-s", "8192", "-e", "trace=read,write,pwrite64,fdatasync,fsync,openat",
		"-o", tr.file, "-p", strconv.Itoa(n.Pid()))
	tr.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := tr.cmd.StderrPipe()
	must(t, err, tr.cmd.Start())
	t.Cleanup(tr.stop)
	lines := bufio.NewScanner(stderr)
	attached := make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "attached") {
				attached <- ""
				return
			}
		}
		attached <- "strace: " + all.String()
	}()
	select {
	case why := <-attached:
		if why != "" {
			t.Skipf("strace cannot attach here: %s", why)
		}
	case <-time.After(30 * time.Second):
		t.Skip("strace does not attach here")
	}
	return tr
}

func (tr *trace) stop() {
	if tr.cmd.ProcessState != nil {
		return
	}
	time.Sleep(200 * time.Millisecond)        // the client may have an answer before strace has seen its write end
	_ = tr.cmd.Process.Signal(syscall.SIGINT) // detaches
	_ = tr.cmd.Wait()
	tr.read()
}

var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
)

// read joins the halves of calls during which strace saw another thread.
func (tr *trace) read() {
	content, err := os.ReadFile(tr.file)
	if err != nil {
		return
	}
	open := map[string]int{} // thread → index of its unfinished call
	for i, line := range strings.Split(string(bytes.TrimSpace(content)), "\n") {
		if m := resumedLine.FindStringSubmatch(line); m != nil {
			if at, ok := open[m[1]]; ok {
				c := &tr.calls[at]
				c.args, c.end = c.args+m[3], i
				c.ok = succeeded(m[3])
				delete(open, m[1])
			}
			continue
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		args, unfinished := strings.CutSuffix(m[3], "<unfinished ...>")
		tr.calls = append(tr.calls, traced{call: m[2], args: args, begin: i, end: i, ok: !unfinished && succeeded(m[3])})
		if unfinished {
			open[m[1]] = len(tr.calls) - 1
		}
	}
}

var result = regexp.MustCompile(`\) += (-?\d+)[^"]*$`)

func succeeded(rest string) bool {
	m := result.FindStringSubmatch(rest)
	return m != nil && m[1][0] != '-'
}

func (c *traced) is(s step) bool {
	for part := range strings.SplitSeq(s.data, "&") {
		if !strings.Contains(c.args, part) {
			return false
		}
	}
	return c.ok && c.call == s.call && strings.Contains(c.args, s.file)
}

// want expects the steps in order after a request, each begun only when the one
// before had ended.
func (tr *trace) want(t *testing.T, what, request string, steps []step) {
	t.Helper()
	last := steps[len(steps)-1]
	reply := slices.IndexFunc(tr.calls, func(c traced) bool { return c.is(last) })
	if reply < 0 {
		t.Fatalf("%s: no answer in a trace of %d calls", what, len(tr.calls))
	}
	// Searched from the answer backwards: of each step the latest that is early
	// enough.
	before, seen := tr.calls[reply].begin, []string{}
	for i := len(steps) - 2; i >= 0; i-- {
		found := -1
		for j, c := range tr.calls {
			if c.is(steps[i]) && c.end < before && (i > 0 || strings.Contains(c.args, request)) {
				found = j
			}
		}
		if found < 0 {
			t.Fatalf("%s: no %s of %s (%s) that ended before: %s", what, steps[i].call, steps[i].file, steps[i].data, strings.Join(seen, " ← "))
		}
		before = tr.calls[found].begin
		seen = append(seen, fmt.Sprintf("%s %s (line %d)", steps[i].call, steps[i].file, before))
	}
	t.Logf("%s: answer ← %s", what, strings.Join(seen, " ← "))
}

// has says whether a call on a file happened between the record of a request and
// its answer.
func (tr *trace) has(call, file, request string) bool {
	from, to := -1, -1
	for i, c := range tr.calls {
		if c.is(step{"write", "audit.log", request}) {
			from = i
		}
		if c.is(step{"write", "TCP", request}) {
			to = i
		}
	}
	for i, c := range tr.calls {
		if from >= 0 && i > from && i < to && c.is(step{call, file, ""}) {
			return true
		}
	}
	return false
}
