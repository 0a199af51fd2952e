package raftstore

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// quiet passes raft's messages on one level lower, so that Info speaks of
// things an operator acts on. Warnings and errors keep their level, except the
// one warning that every start of a lone voter causes, and the error of a voter that
// cannot be asked, which comes with each election: see repeats.
type quiet struct {
	hclog.Logger
	votes *repeats
}

func newQuiet(log hclog.Logger) quiet { return quiet{log, &repeats{}} }

const (
	startingElection = "heartbeat timeout reached, starting election"
	voteNotAsked     = "failed to make requestVote RPC"
)

// repeats passes one message on once a minute for each voter that it is about: a node
// that has no leader for a day would fill its log with it.
type repeats struct {
	mu   sync.Mutex
	last map[string]time.Time // by voter: when it was passed on
}

func (r *repeats) due(now time.Time, args []any) bool {
	voter := ""
	if at := slices.Index(args, any("target")); at >= 0 && at+1 < len(args) {
		voter = fmt.Sprint(args[at+1])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.last[voter]; ok && now.Sub(last) < time.Minute {
		return false
	}
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	r.last[voter] = now
	return true
}

func (q quiet) Debug(msg string, args ...any) { q.Logger.Trace(msg, args...) }
func (q quiet) Info(msg string, args ...any)  { q.Logger.Debug(msg, args...) }
func (q quiet) IsDebug() bool                 { return q.Logger.IsTrace() }
func (q quiet) IsInfo() bool                  { return q.Logger.IsDebug() }

func (q quiet) Warn(msg string, args ...any) {
	if msg == startingElection {
		q.Logger.Debug(msg, args...)
		return
	}
	q.Logger.Warn(msg, args...)
}

func (q quiet) Error(msg string, args ...any) {
	if msg == voteNotAsked && !q.votes.due(time.Now(), args) {
		q.Logger.Debug(msg, args...)
		return
	}
	q.Logger.Error(msg, args...)
}

func (q quiet) Log(level hclog.Level, msg string, args ...any) {
	switch level {
	case hclog.Debug:
		q.Debug(msg, args...)
	case hclog.Info:
		q.Info(msg, args...)
	case hclog.Warn:
		q.Warn(msg, args...)
	case hclog.Error:
		q.Error(msg, args...)
	default:
		q.Logger.Log(level, msg, args...)
	}
}

func (q quiet) With(args ...any) hclog.Logger       { return quiet{q.Logger.With(args...), q.votes} }
func (q quiet) Named(name string) hclog.Logger      { return quiet{q.Logger.Named(name), q.votes} }
func (q quiet) ResetNamed(name string) hclog.Logger { return quiet{q.Logger.ResetNamed(name), q.votes} }
