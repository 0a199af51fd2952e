package lease

// Life tells one run of a node from all others. The owner draws it at random,
// anew for each process and each unseal, since the state may start from an
// older snapshot then. No two lives of a node are ever equal.
type Life uint64

// Nonce names one request of one life. It is never used again.
type Nonce struct {
	Life Life
	Seq  uint64
}

// At is a place in the log that a view of the state stands at. Both come from
// the same view.
type At struct {
	Index   uint64 // of the last command in the view
	Barrier uint64 // of the last barrier-class command in the view, at most Index
}

// Request asks the leader for a lease. It says how far the holder's state has
// got, as Report does.
type Request struct {
	Nonce Nonce
	Index uint64
	Wall  int64 // the holder's wall clock, in nanoseconds since 1970
}

// Report tells the leader that every view of the state taken in this life from
// now on stands at Index or later, and that no older view passes Valid that
// lacks a barrier-class command up to Index.
type Report struct {
	Life  Life
	Index uint64
}

// Grant is the answer to a request.
type Grant struct {
	Holder   string // who asked
	Nonce    Nonce  // of the request
	Term     uint64 // of the leader
	MinIndex uint64 // the holder serves from no view before this index
}

// RoundNonce names one round of echoes. A term has one leader, so the pair is
// never used twice.
type RoundNonce struct {
	Term uint64
	Seq  uint64
}

// Round is a round of echoes that runs.
type Round struct {
	Nonce RoundNonce
	Ask   []string // voters that have not echoed yet, the leader among them if it votes
}

// Echo is a voter's answer to a round: the term it is in. The voter reads its
// term after the question arrived, from a source that shows a later term before
// a vote in that term leaves the voter.
type Echo struct {
	Round RoundNonce
	Term  uint64
}

// Command is a place in the log together with the term of the leader that put
// the command there.
type Command struct {
	Term  uint64
	Index uint64
}
