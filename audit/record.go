package audit

import "time"

// What a record is, in its field "type".
const (
	TypeRequest = "request" // an operation and its outcome, in one record
	TypeIntent  = "intent"  // a write about to be proposed
	TypeOutcome = "outcome" // what became of an intent, same request_id
	TypeChunk   = "chunk"   // items of a batch, following its request record
	TypeSummary = "summary" // a count of what was not recorded singly
	TypeNode    = "node"    // something the node did itself
)

// What became of an operation, in the field "outcome"; an intent has none.
const (
	OutcomeOK       = "ok"
	OutcomeRefused  = "refused"  // the caller's fault: not allowed, malformed
	OutcomeFailed   = "failed"   // the node's fault; nothing was changed
	OutcomeUnknown  = "unknown"  // proposed, and it may yet be applied
	OutcomeWithheld = "withheld" // done, but the answer did not leave
)

const (
	// MaxRecord is the size of the longest line, newline included, in bytes.
	MaxRecord = 32 << 10

	// ChunkItems is how many ItemHash are sure to fit in one record, with two
	// hashes made by Hash and a code of up to 32 bytes each.
	ChunkItems = 100
)

// Record is one line of the log. Every field is optional and an empty one is
// left out of the line; Seq, Time and Node are set by the log. The field names
// in JSON are those of the Go fields in snake_case, except Duration, which is
// duration_us, in whole microseconds.
//
// Everything here is written in clear. A token, share, key, plaintext, header or
// body never belongs in a record: pass it through Log.Hash.
type Record struct {
	Seq  uint64    // from 1, without gaps; 0 when the record was refused
	Time time.Time // UTC

	Type      string // one of the Type constants
	Node      string // who wrote the record
	RequestID string // binds intent, outcome and chunks together
	Operation string // the action, such as "transit/sign"
	Method    string
	Path      string

	Accessor    string // of the caller's token, never the token
	DisplayName string
	Application string
	Policies    []string
	Remote      string // address the request came from

	Key        string // name of the key
	KID        string // JSON name kid
	KeyVersion uint32
	Alg        string

	Issuer  string  // of a token that was issued or checked
	Profile string  // of the issuer
	JTI     string  // JSON name jti
	Claims  []Claim // of the token, those that are to be read first; each name once

	Outcome  string        // one of the Outcome constants
	Code     string        // the stable error code of a refusal or failure
	Detail   string        // short text for people; nothing the caller controls
	Duration time.Duration // time the operation took

	Input  string // keyed hash made by Log.Hash
	Output string // keyed hash made by Log.Hash

	Items  int        // how many a batch has in all
	Chunk  int        // which part of the batch this is, from 1
	Hashes []ItemHash // the items of this part

	Proposal string            // identifies a proposed command
	Count    int64             // how many events a summary stands for
	Late     bool              // written after the fact; Time is when it happened
	Fields   map[string]string // anything else worth reading
}

// ItemHash is what a record keeps of one item of a batch.
type ItemHash struct {
	Index      int    // position in the caller's batch, from 0
	Input      string // keyed hash made by Log.Hash
	Output     string // keyed hash made by Log.Hash
	Code       string // error code of an item that failed
	KeyVersion uint32
	JTI        string  // of a token
	Claims     []Claim // of a token, as in Record
}

// Claim is one claim of a token: readable where the issuer's profile says so, and
// otherwise a keyed hash made by Log.Hash. In JSON claims are an object.
type Claim struct {
	Name, Value string
}
