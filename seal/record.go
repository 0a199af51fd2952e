package seal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/signet-kms/signet/seal/barrier"
	"github.com/signet-kms/signet/seal/shamir"
)

const (
	// TypeShamir is the type of a seal that people open: the root key is shared
	// among them, and wrapped by nobody.
	TypeShamir = "shamir"

	recordFormat    = 1
	recordFormat2   = 2 // with a revision or with wrappings
	firstGeneration = 1
	maxClusterID    = 128
	maxRecord       = 5 << 20 // bytes; a full term store of 65,536 terms fits
	purposeRecord   = "seal record"
	domainRecord    = "signet seal record v1\x00"
)

// Record is what a sealed node needs to know to be unsealed. It is public: it
// says how many shares there are and lets anybody tell a right share from a
// wrong one, and holds the term store only wrapped. The wrapping binds all other
// fields, so an altered record does not open.
type Record struct {
	Format      int        `json:"format"`              // 1, or 2 with a revision or wrappings
	Type        string     `json:"type"`                // TypeShamir, or the type of the first wrapping
	ClusterID   string     `json:"cluster_id"`          // letters, digits, dot, hyphen, underscore; up to 128
	Generation  uint32     `json:"generation"`          // from 1; a rekey makes the next
	Revision    uint64     `json:"revision,omitempty"`  // how often the wrappings were changed since init
	Shares      int        `json:"shares"`              // n
	Threshold   int        `json:"threshold"`           // k
	Created     int64      `json:"created"`             // unix nanoseconds
	Commitments [][]byte   `json:"commitments"`         // SHA-256, one a share; Commitments[i] is of share i+1
	Wrappings   []Wrapping `json:"wrappings,omitempty"` // the root key as other sides wrapped it; nil for TypeShamir
	Wrapped     []byte     `json:"wrapped,omitempty"`   // the term store under the root key
}

// Marshal gives the one canonical form, compact JSON with the fields in order.
// Errors: ErrRecord.
func (r *Record) Marshal() ([]byte, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// ParseRecord accepts canonical form alone: unknown or repeated fields, another
// order, white space and trailing bytes are refused. Errors: ErrRecord.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) > maxRecord {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrRecord, len(b))
	}
	r := new(Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	canonical, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, b) {
		return nil, fmt.Errorf("%w: it is not in canonical form", ErrRecord)
	}
	return r, nil
}

// MAC authenticates the whole clear record under the barrier that it leads to.
// Errors: ErrRecord, and those of barrier.MAC.
func (r *Record) MAC(b *barrier.Barrier) ([]byte, error) {
	msg, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	return b.MAC(purposeRecord, msg)
}

// VerifyMAC tells, after unsealing, whether the clear record is the one that
// MAC was made for. Errors: ErrRecord, and those of barrier.VerifyMAC.
func (r *Record) VerifyMAC(b *barrier.Barrier, mac []byte) error {
	msg, err := r.Marshal()
	if err != nil {
		return err
	}
	return b.VerifyMAC(purposeRecord, msg, mac)
}

// binding is the associated data of Wrapped: the record without it.
func (r *Record) binding() ([]byte, error) {
	head := *r
	head.Wrapped = nil
	b, err := json.Marshal(&head)
	if err != nil {
		return nil, err
	}
	return append([]byte(domainRecord), b...), nil
}

func (r *Record) validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRecord, fmt.Sprintf(format, args...))
	}
	switch {
	case r.Format != recordFormat && r.Format != recordFormat2:
		return bad("format %d is not known here, this release reads %d and %d", r.Format, recordFormat, recordFormat2)
	case !validClusterID(r.ClusterID):
		return bad("its cluster id is not 1 to %d letters, digits, dots, hyphens or underscores", maxClusterID)
	case r.Generation < firstGeneration:
		return bad("generation %d, the first is %d", r.Generation, firstGeneration)
	case len(r.Commitments) != r.Shares:
		return bad("%d commitments for %d shares", len(r.Commitments), r.Shares)
	case len(r.Wrapped) == 0:
		return bad("it has no wrapped term store")
	}
	if err := shamir.Check(r.Shares, r.Threshold); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	for i, c := range r.Commitments {
		if len(c) != commitmentSize {
			return bad("commitment %d has %d bytes, not %d", i+1, len(c), commitmentSize)
		}
	}
	return r.validateWrappings()
}

// SameSeal says whether all but the wrapped term store is equal: the same shares
// and the same wrappings. Whether the term store of one continues that of the
// other shows only under the root key; see Opened.Adopt. Errors: ErrNotSuccessor
// with what differs, ErrRecord.
func (r *Record) SameSeal(o *Record) error {
	if err := r.SameShares(o); err != nil {
		return err
	}
	same := func(a, b Wrapping) bool {
		return a.Type == b.Type && a.Name == b.Name && a.Version == b.Version && a.Bound == b.Bound && bytes.Equal(a.Blob, b.Blob)
	}
	return differing([]field{
		{"format", r.Format == o.Format},
		{"seal type", r.Type == o.Type},
		{"revision", r.Revision == o.Revision},
		{"list of wrappings", slices.EqualFunc(r.Wrappings, o.Wrappings, same)},
	})
}

// SameShares says whether the shares of one record open the other: all is equal
// but the wrappings, their revision and the term store. Errors: ErrNotSuccessor
// with what differs, ErrRecord.
func (r *Record) SameShares(o *Record) error {
	if r == nil || o == nil {
		return fmt.Errorf("%w: there is none", ErrRecord)
	}
	if err := r.validate(); err != nil {
		return err
	}
	return differing([]field{
		{"cluster id", r.ClusterID == o.ClusterID},
		{"generation", r.Generation == o.Generation},
		{"number of shares", r.Shares == o.Shares},
		{"threshold", r.Threshold == o.Threshold},
		{"time of creation", r.Created == o.Created},
		{"commitments", slices.EqualFunc(r.Commitments, o.Commitments, bytes.Equal)},
	})
}

// continues says whether r is o or comes after it: the shares are the same, and
// so are the wrappings unless they were changed since. Errors as SameSeal.
func (r *Record) continues(o *Record) error {
	if err := r.SameShares(o); err != nil {
		return err
	}
	switch {
	case r.Revision < o.Revision:
		return fmt.Errorf("%w: its wrappings are of revision %d, those in force of %d", ErrNotSuccessor, r.Revision, o.Revision)
	case r.Revision == o.Revision:
		return r.SameSeal(o)
	}
	return nil
}

// field is one field of two records.
type field struct {
	name string
	same bool
}

func differing(fields []field) error {
	for _, f := range fields {
		if !f.same {
			return fmt.Errorf("%w: its %s differs", ErrNotSuccessor, f.name)
		}
	}
	return nil
}

func validClusterID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxClusterID
}

// clone protects an Unsealing from a caller who goes on editing his record.
func (r *Record) clone() *Record {
	out := *r
	out.Wrapped = bytes.Clone(r.Wrapped)
	out.Commitments = make([][]byte, len(r.Commitments))
	for i, c := range r.Commitments {
		out.Commitments[i] = bytes.Clone(c)
	}
	out.Wrappings = slices.Clone(r.Wrappings)
	for i, w := range out.Wrappings {
		out.Wrappings[i].Blob = bytes.Clone(w.Blob)
	}
	return &out
}
