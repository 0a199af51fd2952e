// Package apitest owns real nodes for tests: it builds cmd/signet once a test
// process, starts it on a directory and a loopback port of its own, makes the
// cluster, unseals it, talks to it over a socket, and stops or kills it.
//
// It never stands in for a part of the daemon: no mock, no shortcut into its
// memory. What it knows of a node it knows from its answers, its files and its
// log.
//
// The invariant it keeps: every test ends in CheckAll, which reads back what the
// node left and compares it with what it said. The audit log is whole, every
// answer has its record, every intent its outcome, every acknowledged effect is
// still there, no secret that was handed out lies in a file or in the log, and
// all files are private.
//
// Start reading at New in node.go, then at Problems in check.go. The stories that
// the daemon must tell are the tests beside it.
package apitest
