package raftstore

import (
	"errors"
	"fmt"
)

// The results of a write that is neither applied nor refused by the machine.
var (
	// ErrNotLeader: another node leads, or none does. Nothing was appended and
	// nothing ever will be from this proposal.
	ErrNotLeader = errors.New("this node does not lead: send the write to the leader")

	// ErrNotProposed: the bytes never reached the log. Nothing was appended;
	// the same write may be proposed again. The cause is wrapped beside it.
	ErrNotProposed = errors.New("the write never reached the log and changed nothing")

	// ErrUnknownOutcome: the bytes were handed to the log and no answer came.
	// They may take effect later, or have done so already. The cause is
	// wrapped beside it.
	ErrUnknownOutcome = errors.New("the outcome of the write is unknown, read the state before trying again")
)

// Causes that are wrapped together with ErrNotProposed, and errors of the other
// calls.
var (
	ErrBootstrapped    = errors.New("this node already holds cluster state: use another data directory to start a new cluster")
	ErrNotBootstrapped = errors.New("this node holds no cluster state: initialize it first")
	ErrClosed          = errors.New("the store is closed: open it again")
	ErrTooLarge        = errors.New("the entry is too large: split it")
	ErrEmpty           = errors.New("the entry is empty: propose at least one byte")
	ErrStorageFull     = errors.New("the disk of the data directory is full: free space and writes resume by themselves")
)

// Reasons for which Open refuses a data directory.
var (
	// ErrLocked: another process has the directory open.
	ErrLocked = errors.New("the data directory is in use by another process: stop that process or choose another directory")

	// ErrNodeID: the wanted id is malformed or is not the one the directory
	// was made with.
	ErrNodeID = errors.New("wrong node id")

	// ErrPortMissing: the directory is of a node that has peers, and this process is to
	// run without a cluster port.
	ErrPortMissing = errors.New("this node is one of a cluster and was started without its cluster port: set cluster_addr, as it was")

	// ErrIdentity: a file of this node's identity is missing beside existing
	// state, or does not parse. A new one is never made silently, since the
	// other nodes know this node by the old one.
	ErrIdentity = errors.New("the identity of this node is damaged: restore the file from a copy of this data directory, or wipe the directory and join again")

	// ErrLevel: the cluster uses what this build does not know. Nothing was changed:
	// a build that knows it opens the directory as it is.
	ErrLevel = errors.New("this build is too old for the cluster: start the version that the other nodes run")

	// ErrCorruptStore: the log file is not what was written. See Corruption.
	ErrCorruptStore = errors.New("the log file is corrupt: restore the data directory, or wipe it and join again")

	// ErrCorruptSnapshot: the newest snapshot is not what was written. See
	// Corruption.
	ErrCorruptSnapshot = errors.New("the newest snapshot is corrupt: restore the data directory, or wipe it and join again")
)

// ErrDiverged: the cluster contradicts what this node has applied, and the node stops,
// at each start again.
var ErrDiverged = errors.New("the log of the cluster contradicts what this node has applied: other nodes lost acknowledged writes, as when one of them was put back to an older copy of its data")

// ErrLogLost: the log lacks entries that this node had applied, and the node does not start.
var ErrLogLost = errors.New("a part of the log is missing")

// Errors that stop a node which was running. They arrive on Store.Fatal.
var (
	// ErrStorageFailed: a write to the log file failed. What reached the disk
	// is not known and must not be guessed at by trying again: the process
	// must stop and read the file afresh.
	ErrStorageFailed = errors.New("writing the log file failed: check the disk, then start the node again")

	// ErrStopped: raft stopped by itself, as it does when this node was
	// removed from the cluster.
	ErrStopped = errors.New("raft stopped by itself: this node takes no further part in the cluster")
)

// Corruption names the file that is not what was written. Kind is
// ErrCorruptStore or ErrCorruptSnapshot; errors.Is finds both it and the cause.
type Corruption struct {
	File string // path of the damaged file
	Kind error
	Err  error // what is wrong with it
}

// Error says the kind, the file and the damage, in this order.
func (c *Corruption) Error() string { return fmt.Sprintf("%v: %s: %v", c.Kind, c.File, c.Err) }

// Unwrap gives the kind and the cause.
func (c *Corruption) Unwrap() []error { return []error{c.Kind, c.Err} }

// Fatal marks an error after which the state of the machine is unknown. A
// machine returns one to stop the node.
type Fatal struct{ Err error }

// Error says that the node stops, and why.
func (f *Fatal) Error() string { return fmt.Sprintf("the node must stop: %v", f.Err) }

// Unwrap gives the reason.
func (f *Fatal) Unwrap() error { return f.Err }

// notProposed marks cause as one that kept the bytes out of the log.
func notProposed(cause error) error { return fmt.Errorf("%w: %w", ErrNotProposed, cause) }

// unknown marks cause as one that leaves the outcome open.
func unknown(cause error) error { return fmt.Errorf("%w: %w", ErrUnknownOutcome, cause) }
