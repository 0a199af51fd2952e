package raftstore

import "github.com/hashicorp/go-hclog"

// quiet passes raft's messages on one level lower, so that Info speaks of
// things an operator acts on. Warnings and errors keep their level, except the
// one warning that every start of a lone voter causes.
type quiet struct{ hclog.Logger }

const startingElection = "heartbeat timeout reached, starting election"

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

func (q quiet) Log(level hclog.Level, msg string, args ...any) {
	switch level {
	case hclog.Debug:
		q.Debug(msg, args...)
	case hclog.Info:
		q.Info(msg, args...)
	case hclog.Warn:
		q.Warn(msg, args...)
	default:
		q.Logger.Log(level, msg, args...)
	}
}

func (q quiet) With(args ...any) hclog.Logger       { return quiet{q.Logger.With(args...)} }
func (q quiet) Named(name string) hclog.Logger      { return quiet{q.Logger.Named(name)} }
func (q quiet) ResetNamed(name string) hclog.Logger { return quiet{q.Logger.ResetNamed(name)} }
