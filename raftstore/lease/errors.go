package lease

import "errors"

// What Lease.Valid says when a node must not serve.
var (
	// ErrNoLease: this node holds no lease, or the one it held has ended.
	ErrNoLease = errors.New("this node holds no serving lease: ask another node, or try again")

	// ErrBehind: the lease is good and the view of the state is too old for
	// it. A newer view may pass.
	ErrBehind = errors.New("this node's view of the state is older than its lease allows: try again")
)

// Why Holder.Grant takes no lease from a grant. The lease held before stays.
var (
	// ErrUnknownNonce: the grant answers nothing that this holder asked and
	// still waits for: another life asked it, or a later request was granted.
	ErrUnknownNonce = errors.New("the grant answers no outstanding request")

	// ErrLowerTerm: this holder has had a lease of a later leader.
	ErrLowerTerm = errors.New("the grant is of a leader that was replaced")

	// ErrLate: the lease had ended before the grant arrived.
	ErrLate = errors.New("the grant came after the lease had ended")
)

// What Grantor refuses.
var (
	// ErrStranger: the sender is no member that may hold a lease.
	ErrStranger = errors.New("the sender is no member of the cluster: it gets no lease")

	// ErrDeposed: a voter is in a later term, so this leadership is over and
	// grants nothing more.
	ErrDeposed = errors.New("a voter knows a later term: this leadership grants no more leases")

	// ErrStaleEcho: the echo does not count: it is of another round, from a
	// node that the round does not ask, or under an earlier term.
	ErrStaleEcho = errors.New("the echo does not belong to the running round")

	// ErrLaterTerm: the command was committed by a later leader, whose leases
	// this one does not know. That leader must be asked.
	ErrLaterTerm = errors.New("the command is of a later leader: ask that one when it is in force everywhere")
)
