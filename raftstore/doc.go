// Package raftstore keeps an ordered, durable, replicated log of opaque bytes
// and drives one state machine with it. It owns hashicorp/raft, the bolt file
// that holds the log, the snapshot directory, the lock and the permissions of
// the data directory, this node's identity (its id, its incarnation and its TLS
// key), the cluster port with raft's streams and the requests between members,
// the roster that says who they are, and the leases under which they serve.
//
// It never looks inside an entry or a snapshot and knows no keys, tokens,
// policies or clocks of the domain. On the cluster port it speaks with nobody
// whom the roster does not name, and without one configured it opens no port:
// the one voter talks to itself in memory. It does not retry, reorder or merge
// writes, and it never calls an outcome failed when it cannot know.
//
// The invariant: an entry whose proposal was answered with a result is on disk,
// is handed to the machine exactly once in each life of the process, in the
// same order in each, and is still there after any crash; bytes that rotted on
// disk are refused when the directory is opened and never reach the machine.
//
// Start reading at Machine and Options, then Open in store.go, then Enqueue in
// proposal.go, where the three results of a write are told apart; for clusters in
// roster.go, port.go and leases.go. The rules of leases are lease/. DESIGN.md
// says why things are as they are.
package raftstore
