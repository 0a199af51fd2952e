package wire

import "time"

// SnapshotReport answers POST sys/storage/raft/snapshot-verify: what a sound backup
// of this cluster holds. Data of an [Envelope].
type SnapshotReport struct {
	ClusterID       string    `json:"cluster_id"`
	ClusterEpoch    uint64    `json:"cluster_epoch"`
	Generation      uint64    `json:"generation"` // how many restores the cluster had been through
	Index           uint64    `json:"index"`      // of the last log entry in it
	Term            uint64    `json:"term"`       // of the barrier
	Time            time.Time `json:"time"`       // of the last change in it
	Made            time.Time `json:"made"`       // when it was written, by the clock of that node
	Node            string    `json:"node"`       // that wrote it
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

// SnapshotRestore answers POST sys/storage/raft/snapshot and snapshot-force, whose body
// is a backup, and the same with ?dry_run=true, which changes nothing and says what
// would change. Data of an [Envelope]. Needs update and sudo.
type SnapshotRestore struct {
	DryRun     bool           `json:"dry_run"`
	Generation uint64         `json:"generation"` // of the cluster, after it
	SHA256     string         `json:"sha256"`     // of the file
	Snapshot   SnapshotReport `json:"snapshot"`
	// Changes has what changes, in the order of importance. It is null where an earlier
	// request did it under the same idempotency key.
	Changes []SnapshotChange `json:"changes"`
}

// SnapshotChange is what a restore does to one sort of record.
type SnapshotChange struct {
	What     string        `json:"what"`     // "keys", "policies", …
	Restored SnapshotNames `json:"restored"` // they were missing, and come back
	Changed  SnapshotNames `json:"changed"`  // they are again as the backup has them
	Revoked  SnapshotNames `json:"revoked"`  // credentials made since the backup: they go
	Withheld SnapshotNames `json:"withheld"` // of the backup, destroyed, revoked or limited since: that stays
}

// SnapshotNames counts records, and names the first of them.
type SnapshotNames struct {
	Count int      `json:"count"`
	Names []string `json:"names,omitempty"` // at most 50
}

// SnapshotStatus answers GET sys/storage/raft/snapshot-status. Data of an [Envelope].
type SnapshotStatus struct {
	Generation uint64           `json:"generation"` // how many restores the cluster has been through
	Restoring  *SnapshotStaging `json:"restoring"`  // null when none is under way
}

// SnapshotStaging is how far a restore is prepared. Until all pieces are there nothing
// changes.
type SnapshotStaging struct {
	Pieces  uint32    `json:"pieces"`
	Of      uint32    `json:"of"`
	Touched time.Time `json:"touched"` // when the last one came
}
