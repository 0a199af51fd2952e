package wire

import "time"

// SnapshotReport answers POST sys/storage/raft/snapshot-verify: what a sound backup
// of this cluster holds. Data of an [Envelope].
type SnapshotReport struct {
	ClusterID       string    `json:"cluster_id"`
	ClusterEpoch    uint64    `json:"cluster_epoch"`
	Index           uint64    `json:"index"` // of the last log entry in it
	Term            uint64    `json:"term"`  // of the barrier
	Time            time.Time `json:"time"`
	Node            string    `json:"node"` // that wrote it
	Software        string    `json:"software"`
	Shares          int       `json:"shares"`
	Threshold       int       `json:"threshold"` // so many of the shares open it
	ShareGeneration uint32    `json:"share_generation"`
	SameShares      bool      `json:"same_shares"` // the shares that unseal this cluster now open it
	Keys            int       `json:"keys"`
	Versions        int       `json:"key_versions"`
	Tokens          int       `json:"tokens"`
	Policies        int       `json:"policies"`
	Issuers         int       `json:"issuers"`
}
