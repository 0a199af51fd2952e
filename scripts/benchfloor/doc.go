// Command benchfloor is what scripts/bench compares a node with: a bare net/http
// server with encoding/json that does the same crypto, and nothing else.
//
//	benchfloor [-life 20m]   serve on a free port of 127.0.0.1; "benchfloor ready addr=…" says which
//	benchfloor -raw N        make N signatures with ecdsa.Sign on every processor, and end
//	benchfloor -raft ID -raft-dir DIR …
//	                         answer writes: a synced line, a proposal to raft, a synced line
//
// It owns the keys of one run, which it makes at its start and which end with
// it. It asks for no token, knows no policy and writes no record, and must not
// learn to: whatever is added here makes the node look better.
//
// The invariant: every answer holds crypto that was done for this request, with
// the members that a node has in "data", so that a client can check it. The
// envelope around "data" is the node's own cost. It ends by itself after -life.
//
// Start reading at handler.go, then crypto.go; for writes at raft_handler.go, then
// raft_node.go, which has the set-up of package raftstore and must follow it.
package main
