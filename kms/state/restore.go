package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
	"github.com/hashicorp/go-msgpack/v2/codec"
)

// The kinds of command that restore a backup. The state of the backup comes in
// pieces, each short enough for a log entry, and stays beside the state in force
// until one command merges it: until then nothing has changed.
const (
	KindAbortRestore  Kind = 58
	KindStageRestore  Kind = 61
	KindCommitRestore Kind = 62
)

// Bounds of what a restore stages.
const (
	StagedPiece     = 256 << 10 // bytes of each piece but the last
	MaxStagedPieces = 1024      // a state of 256 MiB
)

const (
	// stagedPatience is how long after its last piece a restore keeps the place to
	// itself, in nanoseconds of replicated time. Whoever began it may be dead then.
	stagedPatience = 15 * 1e9
	// stagedKept is when the pieces go, if nobody came for them.
	stagedKept = 60 * 60 * 1e9
)

// The refusals about restores.
const (
	ErrRestoreUnderWay Refusal = "another restore is being prepared; try again when that is done"
	ErrRestoreGone     Refusal = "the restore was given up, or another one took its place; nothing was changed"
	ErrOldGeneration   Refusal = "the backup is older than a restore that the cluster has been through since"
	ErrForeignBackup   Refusal = "the backup is of another cluster"
)

// StageRestore brings one piece of a backup's state, as Restorable encodes it. The
// first piece begins a restore, in place of one that nobody goes on with. Result:
// nil.
type StageRestore struct {
	ID     []byte `codec:"i"` // 16 random bytes, of the restore
	Number uint32 `codec:"n"` // from 0
	Of     uint32 `codec:"o"` // how many there are
	Data   []byte `codec:"d"`
}

// CommitRestore merges what was staged into the state. Result: *Restored.
type CommitRestore struct {
	ID     []byte `codec:"i"`
	Sum    []byte `codec:"s"`           // SHA-256 of all pieces
	Caller []byte `codec:"c"`           // hash of the token that asked, which stays, and those above it
	Force  bool   `codec:"f,omitempty"` // also if the backup is older than an earlier restore
}

// AbortRestore drops what was staged. Result: nil.
type AbortRestore struct {
	ID []byte `codec:"i"`
}

// Restored is what a restore did.
type Restored struct {
	Generation uint64 // of the cluster, from now on
	Changes    []Change
}

func (*StageRestore) Kind() Kind  { return KindStageRestore }
func (*CommitRestore) Kind() Kind { return KindCommitRestore }
func (*AbortRestore) Kind() Kind  { return KindAbortRestore }

func blankRestore(k Kind) (Command, bool) {
	switch k {
	case KindStageRestore:
		return &StageRestore{}, true
	case KindCommitRestore:
		return &CommitRestore{}, true
	case KindAbortRestore:
		return &AbortRestore{}, true
	case KindEnableRestored:
		return &EnableRestored{}, true
	}
	return nil, false
}

func (c *StageRestore) check() error {
	last := c.Number+1 == c.Of
	if len(c.ID) != 16 || c.Number >= c.Of || c.Of > MaxStagedPieces || len(c.Data) == 0 || len(c.Data) > StagedPiece || !last && len(c.Data) != StagedPiece {
		return corrupt("piece %d of %d of a restore, with %d bytes", c.Number, c.Of, len(c.Data))
	}
	return nil
}

func (c *CommitRestore) check() error {
	if len(c.ID) != 16 || len(c.Sum) != sha256.Size || len(c.Caller) != 32 {
		return corrupt("a restore without id, checksum or caller")
	}
	return nil
}

// Staging is a restore that is being prepared. It is immutable once in the state.
type Staging struct {
	ID      []byte `codec:"i"`
	Touched int64  `codec:"t"` // when its last piece came, unix nanoseconds
	Pieces  uint32 `codec:"p"` // that are here …
	Of      uint32 `codec:"o"` // … of so many

	last *stagedPiece
}

// stagedPiece is a piece and those before it: states share them.
type stagedPiece struct {
	before *stagedPiece
	data   []byte
}

// Staging is the restore that is being prepared, or nil.
func (s *State) Staging() *Staging { return s.staging }

// pieces are the pieces in order.
func (g *Staging) pieces() [][]byte {
	out := make([][]byte, g.Pieces)
	for p, i := g.last, len(out)-1; p != nil; p, i = p.before, i-1 {
		out[i] = p.data
	}
	return out
}

func (c *StageRestore) apply(tx *txn) error {
	old := tx.next.staging
	mine := old != nil && bytes.Equal(old.ID, c.ID)
	next := &Staging{ID: c.ID, Touched: tx.next.Time, Pieces: c.Number + 1, Of: c.Of, last: &stagedPiece{data: c.Data}}
	switch {
	case c.Number == 0 && old != nil && !mine && tx.next.Time-old.Touched < stagedPatience:
		return ErrRestoreUnderWay
	case c.Number == 0:
	case !mine || old.Pieces != c.Number || old.Of != c.Of:
		return ErrRestoreGone
	default:
		next.last.before = old.last
	}
	tx.next.staging = next
	return nil
}

func (c *AbortRestore) apply(tx *txn) error {
	if g := tx.next.staging; g != nil && bytes.Equal(g.ID, c.ID) {
		tx.next.staging = nil
	}
	return nil
}

// forgetStaging drops what nobody came for.
func (tx *txn) forgetStaging() {
	if g := tx.next.staging; g != nil && tx.next.Time-g.Touched >= stagedKept {
		tx.next.staging = nil
	}
}

func (c *CommitRestore) apply(tx *txn) error {
	g := tx.next.staging
	if g == nil || !bytes.Equal(g.ID, c.ID) || g.Pieces != g.Of {
		return ErrRestoreGone
	}
	sum, readers := sha256.New(), []io.Reader(nil)
	for _, piece := range g.pieces() {
		sum.Write(piece)
		readers = append(readers, bytes.NewReader(piece))
	}
	if !bytes.Equal(sum.Sum(nil), c.Sum) {
		return ErrRestoreGone
	}
	// Whoever proposed it has read these very bytes: who cannot is of a build that
	// would end in another state, and stops.
	b, err := Read(io.MultiReader(readers...), Sequential)
	if err != nil {
		return err
	}
	if err := MayRestore(&tx.next, b, c.Force); err != nil {
		return err
	}
	changes := tx.merge(b, c.Caller)
	tx.next.Generation = max(tx.next.Generation, b.Generation) + 1
	tx.next.staging = nil
	tx.result = &Restored{tx.next.Generation, changes}
	return nil
}

// MayRestore says whether a backup can be restored into a state. Errors:
// ErrForeignBackup; ErrOldGeneration unless it is forced.
func MayRestore(s, backup *State, force bool) error {
	switch c, o := &s.Cluster, &backup.Cluster; {
	case c.ID != o.ID || !bytes.Equal(c.TokenKey, o.TokenKey) || !bytes.Equal(c.AuditKey, o.AuditKey):
		return ErrForeignBackup
	case backup.Generation < s.Generation && !force:
		return ErrOldGeneration
	}
	return nil
}

// Restorable encodes what of s a restore uses, to be staged: it neither brings
// proposals back nor members, and of join tokens it says which there were.
func (s *State) Restorable(w io.Writer) error {
	part := *s
	part.Membership, part.staging = Membership{}, nil
	for _, t := range s.Membership.JoinTokens {
		part.Membership.JoinTokens = append(part.Membership.JoinTokens, JoinToken{ID: t.ID})
	}
	part.proposals, part.once = iradix.New[*proposalChunk](), iradix.New[*OnceRecord]()
	return part.Write(w)
}

// Pieces splits what Restorable wrote into the data of as many StageRestore. Error
// for more than can be staged.
func Pieces(b []byte) ([][]byte, error) {
	if len(b) > MaxStagedPieces*StagedPiece {
		return nil, fmt.Errorf("its state is %d bytes long, and %d can be restored", len(b), MaxStagedPieces*StagedPiece)
	}
	var out [][]byte
	for len(b) > 0 {
		n := min(len(b), StagedPiece)
		out, b = append(out, b[:n]), b[n:]
	}
	return out, nil
}

// write writes the pieces, whose number the header has.
func (g *Staging) write(enc *codec.Encoder) error {
	if g == nil {
		return nil
	}
	for _, piece := range g.pieces() {
		if err := enc.Encode(piece); err != nil {
			return err
		}
	}
	return nil
}

func (tx *txn) readStaging(dec *codec.Decoder, g *Staging) error {
	if g == nil {
		return nil
	}
	if g.Pieces == 0 || g.Pieces > g.Of || g.Of > MaxStagedPieces {
		return corrupt("%d of %d pieces of a restore", g.Pieces, g.Of)
	}
	for range g.Pieces {
		p := &stagedPiece{before: g.last}
		if err := decodeNext(dec, &p.data); err != nil {
			return err
		}
		g.last = p
	}
	tx.next.staging = g
	return nil
}
