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
	// TypeShamir is the one seal type: the root key is shared among people.
	TypeShamir = "shamir"

	recordFormat    = 1
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
	Format      int      `json:"format"`            // 1
	Type        string   `json:"type"`              // TypeShamir
	ClusterID   string   `json:"cluster_id"`        // letters, digits, dot, hyphen, underscore; up to 128
	Generation  uint32   `json:"generation"`        // from 1; a rekey makes the next
	Shares      int      `json:"shares"`            // n
	Threshold   int      `json:"threshold"`         // k
	Created     int64    `json:"created"`           // unix nanoseconds
	Commitments [][]byte `json:"commitments"`       // SHA-256, one a share; Commitments[i] is of share i+1
	Wrapped     []byte   `json:"wrapped,omitempty"` // the term store under the root key
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
	case r.Format != recordFormat:
		return bad("format %d is not known here, this release reads %d", r.Format, recordFormat)
	case r.Type != TypeShamir:
		return bad("its seal type is not %q", TypeShamir)
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
	return nil
}

// SameSeal says whether all but the wrapped term store is equal, so that the
// shares of one record open the other. Whether the term store of one continues
// that of the other shows only under the root key; see Opened.Adopt. Errors:
// ErrNotSuccessor with what differs, ErrRecord.
func (r *Record) SameSeal(o *Record) error {
	if r == nil || o == nil {
		return fmt.Errorf("%w: there is none", ErrRecord)
	}
	if err := r.validate(); err != nil {
		return err
	}
	for _, field := range []struct {
		name string
		same bool
	}{
		{"format", r.Format == o.Format},
		{"seal type", r.Type == o.Type},
		{"cluster id", r.ClusterID == o.ClusterID},
		{"generation", r.Generation == o.Generation},
		{"number of shares", r.Shares == o.Shares},
		{"threshold", r.Threshold == o.Threshold},
		{"time of creation", r.Created == o.Created},
		{"commitments", slices.EqualFunc(r.Commitments, o.Commitments, bytes.Equal)},
	} {
		if !field.same {
			return fmt.Errorf("%w: its %s differs", ErrNotSuccessor, field.name)
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
	return &out
}
