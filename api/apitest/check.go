package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/audit"
)

// CheckAll fails t for each of Problems. Every node is checked at the end of its
// test; call it in between where a later step would cover something up.
func (n *Node) CheckAll(t testing.TB) {
	t.Helper()
	for _, p := range n.Problems() {
		t.Error(p)
	}
}

// Problems compares what the node said with what it left: see doc.go. It is empty
// when all is well.
func (n *Node) Problems() []string {
	var out []string
	if n.Running() {
		out = n.liveProblems()
	}
	return append(out, n.leftProblems()...)
}

// liveProblems asks a running node.
func (n *Node) liveProblems() []string {
	out := n.healthProblems()
	if sealed, _ := n.Get("sys/seal-status", "").At("sealed").(bool); sealed {
		return out
	}
	return append(out, n.lostEffects()...)
}

// lostEffects asks for each effect that can be asked for.
func (n *Node) lostEffects() []string {
	n.mu.Lock()
	effects := append([]Effect(nil), n.effects...)
	n.mu.Unlock()
	var out []string
	for _, e := range effects {
		if e.Still == nil {
			continue
		}
		if err := e.Still(n); err != nil {
			out = append(out, fmt.Sprintf("%s was acknowledged and is lost: %v", e.What, err))
		}
	}
	return out
}

// healthProblems compares the ways in which a node tells how it is.
func (n *Node) healthProblems() []string {
	health, seal, status := n.Get("sys/health", ""), n.Get("sys/seal-status", ""), n.Get("sys/init", "")
	var out []string
	want := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...)+fmt.Sprintf(" (health %s; seal-status %s; init %s)", health, seal, status))
		}
	}
	initialized, sealed := health.At("initialized") == true, health.At("sealed") == true
	want(seal.Status == 200 && status.Status == 200, "seal-status and init always answer")
	want(seal.At("sealed") == sealed, "health and seal-status disagree on sealed")
	want(seal.At("initialized") == initialized && status.At("initialized") == initialized, "health, seal-status and init disagree on initialized")
	code := http.StatusOK
	switch {
	case !initialized:
		code = http.StatusNotImplemented
	case sealed:
		code = http.StatusServiceUnavailable
	case health.At("standby") == true:
		code = http.StatusTooManyRequests
	}
	reason, _ := health.At("reason").(string)
	if n.clusterAddr != "" && code == http.StatusOK && (reason == "no_leader" || reason == "no_lease") {
		code = http.StatusServiceUnavailable // the others are gone, stopped before it perhaps
	}
	want(health.Status == code, "health should be %d", code)
	// Who serves and must not lead may say why.
	want(reason == "" || code != http.StatusOK, "health gives a reason why it does not serve, and serves")
	want(reason != "" || code == http.StatusOK || code == http.StatusTooManyRequests, "health gives no reason why it does not serve")
	return out
}

// leftProblems looks at what the node has left: the log on stderr, the audit log,
// the files.
func (n *Node) leftProblems() []string {
	out := n.logProblems()
	if _, err := os.Stat(n.o.dataDir); errors.Is(err, fs.ErrNotExist) && (n.o.dev || len(n.lives) == 0) {
		return out // a development node leaves nothing, and nor does one that never started
	}
	out = append(out, modeProblems(n.o.dataDir, n.o.auditDir)...)
	out = append(out, n.secretProblems()...)
	recs, err := n.Audit()
	if err != nil {
		return append(out, err.Error())
	}
	n.mu.Lock()
	effects, replies := n.effects, n.replies
	n.mu.Unlock()
	out = append(out, unrecorded(recs, effects, replies, strings.Contains(n.Log(), logFailed))...)
	if n.Running() {
		recs = settled(recs)
	}
	return append(out, unfinished(recs, n.lives)...)
}

// settled leaves out the intents of the last moment, whose outcome may be being
// written.
func settled(recs []audit.Parsed) []audit.Parsed {
	outcomes := map[string]bool{}
	for _, r := range recs {
		if r.Type == audit.TypeOutcome {
			outcomes[r.RequestID+" "+r.Proposal] = true
		}
	}
	var out []audit.Parsed
	for _, r := range recs {
		if r.Type != audit.TypeIntent || outcomes[r.RequestID+" "+r.Proposal] || time.Since(r.Time) > time.Minute {
			out = append(out, r)
		}
	}
	return out
}

// Audit reads the audit log strictly: nothing in it but records, numbered from 1
// without a gap. A running node may be writing the last line; it is read again
// then.
func (n *Node) Audit() ([]audit.Parsed, error) {
	for try := 0; ; try++ {
		content, err := os.ReadFile(n.AuditLog())
		if err != nil {
			return nil, err
		}
		var recs []audit.Parsed
		err = audit.Read(bytes.NewReader(content), func(line []byte, rec audit.Parsed) error {
			if !json.Valid(line) {
				return fmt.Errorf("audit record %d is no JSON", rec.Seq)
			}
			recs = append(recs, rec)
			return nil
		})
		if torn := errors.Is(err, audit.ErrTorn); !torn || !n.Running() && !n.killed() || try > 100 {
			return recs, err
		} else if torn && !n.Running() {
			return recs, nil // killed in the middle of a record, which nobody was told of
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (n *Node) killed() bool { return len(n.lives) > 0 && n.lives[len(n.lives)-1] }

// alarms are what a log of a healthy node never holds.
func alarms() []string {
	return []string{"panic", "internal error", "a request failed", "fatal error", "DATA RACE", "goroutine ", "does not encode", "audit record is lost"}
}

func (n *Node) logProblems() []string {
	var out []string
	for line := range strings.Lines(n.Log()) {
		for _, alarm := range alarms() {
			if strings.Contains(line, alarm) && alarm != n.expected {
				out = append(out, "the log has: "+strings.TrimSpace(line))
				break
			}
		}
	}
	return out
}

func (n *Node) secretProblems() []string {
	s := n.Scanner()
	found, _, err := s.Files(n.o.dataDir, n.o.auditDir)
	if err != nil {
		found = append(found, err.Error())
	}
	for _, what := range s.Find([]byte(n.Log())) {
		found = append(found, what+" in the log")
	}
	for i := range found {
		found[i] = "leaked: " + found[i]
	}
	return found
}

// modeProblems finds files that others could read.
func modeProblems(dirs ...string) []string {
	var out []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a temporary file of a running node
			}
			if err != nil {
				return err
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if got := info.Mode().Perm(); got != want {
				out = append(out, fmt.Sprintf("%s has mode %04o, want %04o", path, got, want))
			}
			return nil
		})
		if err != nil {
			out = append(out, err.Error())
		}
	}
	return out
}

// logFailed is what a node says whose audit log fails.
const logFailed = "the audit log fails; operations are refused"
