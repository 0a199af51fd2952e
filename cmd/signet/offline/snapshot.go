package offline

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"time"

	"github.com/signet-kms/signet/kms/backup"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
)

// Snapshot is what a backup says of itself in clear.
type Snapshot struct {
	ClusterID       string
	ClusterEpoch    uint64
	Index           uint64
	Term            uint64    // of the barrier
	Time            time.Time // of the last change in it
	Made            time.Time // when it was begun, by the clock of Node
	Node            string    // that wrote it
	Software        string
	Shares          int
	Threshold       int
	ShareGeneration uint32
	Members         []string // node ids, the removed ones left out
	StateSize       int64    // bytes, sealed
	SHA256          string   // of the whole file, hex
}

// InspectSnapshot reads a backup to its end and compares its files with the
// checksums in it. Whether those are the cluster's own only a server can say: a
// forger can make a file that passes here. Errors: backup.ErrFormat, those of r.
func InspectSnapshot(r io.Reader) (*Snapshot, error) {
	whole := sha256.New()
	in := bufio.NewReader(io.TeeReader(r, whole))
	b, err := backup.NewReader(in)
	if err != nil {
		return nil, err
	}
	if _, err := b.Close(); err != nil {
		return nil, err
	}
	record, err := seal.ParseRecord(b.Seal)
	if err != nil {
		return nil, err
	}
	roster, err := raftstore.ParseRoster(b.Roster)
	if err != nil {
		return nil, err
	}
	m := b.Meta
	out := &Snapshot{
		ClusterID: m.ClusterID, ClusterEpoch: m.ClusterEpoch, Index: m.Index, Term: m.Term, Time: m.Time, Made: m.Made,
		Node: m.Node, Software: m.Software, Shares: record.Shares, Threshold: record.Threshold, ShareGeneration: record.Generation,
		StateSize: m.StateSize, SHA256: hex.EncodeToString(whole.Sum(nil)),
	}
	for _, member := range roster.Members {
		if !member.Removed {
			out.Members = append(out.Members, member.NodeID)
		}
	}
	return out, nil
}
