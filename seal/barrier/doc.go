// Package barrier owns authenticated encryption under the cluster's numbered
// terms. A term is a 256-bit key with a number; sealed bytes name the term that
// opens them, so that old bytes stay readable after a newer term became active.
// Every raft command, every snapshot and every private key version passes
// through here before it touches a disk or a wire.
//
// It never keeps anything: no file, no clock, no log, no retry. It never hands
// out a term key. The term store leaves this package only wrapped by a root key
// that the caller holds for that moment.
//
// The invariant it keeps: sealed bytes open only as what they were sealed as.
// Cluster id, term, kind, name and version are associated data of each
// ciphertext, encoded so that two different names cannot have the same bytes. A
// blob that was altered, or moved to another place, another version or another
// cluster, fails to open; so does a stream that was cut, reordered, spliced or
// extended.
//
// Start reading at Barrier.Seal, then TermStore, then SealStream.
package barrier
