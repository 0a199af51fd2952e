// Package lease decides when a node may serve and when a command is in force
// everywhere. Holder is the side of a node that serves: it asks for leases and
// keeps the one it has. Grantor is the side of the leader: it grants leases
// after a round of echoes, books them, and tells when no lease is left under
// which a node could serve from before a command (the revocation barrier).
//
// It never reads a clock, sends, waits, draws randomness or takes a lock: time
// comes as an Instant of the node concerned, and what is to be sent is returned.
// It knows no raft, no keys, and nothing of what a command does. Holder and
// Grantor are values guarded by their owner's lock; only Lease, which never
// changes, and Cell are for many goroutines.
//
// The invariant: once Barrier has said done for a command, no node anywhere
// passes Lease.Valid with a view of the state older than that command, as long
// as no clock runs more than a tenth faster than another.
//
// Start reading at Lease, then Holder, then Grantor. DESIGN.md has the protocol
// in words, what it assumes, the argument for its safety and what it does not
// cover; explore_test.go tries every order of events within its bounds.
package lease
