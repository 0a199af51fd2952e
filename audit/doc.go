// Package audit is the node's append-only record of everything it did and
// refused. It owns the directory of the log and the one file in it, the record
// format (one line of JSON a record), the group commit that lets concurrent
// requests share one write and one fdatasync, the keyed hashes that stand in for
// sensitive values, and the limits that keep a flood of refused requests from
// filling the disk.
//
// It never knows HTTP, raft, policies or keys, and it never decides what is
// secret: a caller hands over what may be read by an auditor, and passes
// everything else through [Log.Hash] first. It offers no way to switch it off.
//
// The invariant: [Log.Append] returns nil only when its records stand, whole and
// in order, in the file at the path (and, with durability "sync", on the disk).
// Whatever prevents that (a full disk, a file moved away or changed by others, a
// failing disk) is an error to the caller and a text in [Log.Err] until it is
// cured; nothing is dropped without a count that is itself recorded.
//
// Start reading at [Record] for what a line says, then journal.append in
// commit.go for the path every request takes; file.go holds every system call,
// recover.go what happens after a failure, read.go the strict reader.
package audit
