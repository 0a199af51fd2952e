package wire

import "time"

// InitStatus answers GET sys/init. Bare, no token.
type InitStatus struct {
	Initialized bool `json:"initialized"`
}

// InitRequest is PUT sys/init. No token. The recovery members are for a server
// whose configuration has a seal that unseals it by itself, the secret members for
// one without. The PGP members are known so that they can be refused: ignoring them
// would hand out shares in clear to a caller that asked for something else.
type InitRequest struct {
	SecretShares      Int        `json:"secret_shares,omitzero"`
	SecretThreshold   Int        `json:"secret_threshold,omitzero"`
	StoredShares      Int        `json:"stored_shares,omitzero"`
	PGPKeys           StringList `json:"pgp_keys,omitzero"`
	RecoveryShares    Int        `json:"recovery_shares,omitzero"`
	RecoveryThreshold Int        `json:"recovery_threshold,omitzero"`
	RecoveryPGPKeys   StringList `json:"recovery_pgp_keys,omitzero"`
	RootTokenPGPKey   string     `json:"root_token_pgp_key,omitzero"`
}

// InitResponse answers PUT sys/init. Bare. It is the only time that these
// secrets are shown. The node stays sealed.
type InitResponse struct {
	Keys       []Secret `json:"keys"`        // the shares, hex
	KeysBase64 []Secret `json:"keys_base64"` // the same shares, standard base64
	// In place of both where a seal unseals the server by itself: these unseal it
	// too, whatever has become of that seal.
	RecoveryKeys       []Secret `json:"recovery_keys,omitzero"`
	RecoveryKeysBase64 []Secret `json:"recovery_keys_base64,omitzero"`
	RootToken          Secret   `json:"root_token"`
}

// SealStatus answers GET sys/seal-status and PUT sys/unseal. Bare, no token.
// T, N and Progress are 0 before init.
type SealStatus struct {
	Type         string `json:"type"` // "shamir", "transit", "exec"
	Initialized  bool   `json:"initialized"`
	Sealed       bool   `json:"sealed"`
	T            int    `json:"t"`        // shares needed
	N            int    `json:"n"`        // shares made
	Progress     int    `json:"progress"` // good shares given since the last reset
	Nonce        string `json:"nonce"`    // of the running unseal, "" if none
	Version      string `json:"version"`  // semantic version
	BuildDate    string `json:"build_date"`
	Migration    bool   `json:"migration"`     // the root key is not wrapped as the configuration says: migrate the seal
	RecoverySeal bool   `json:"recovery_seal"` // the shares are recovery shares: a seal unseals the server by itself
	ClusterName  string `json:"cluster_name"`
	ClusterID    string `json:"cluster_id"`
	StorageType  string `json:"storage_type"` // "raft"
	// Waiting says why a server that unseals by itself has not done so yet.
	Waiting string `json:"waiting,omitzero"`
}

// UnsealRequest is PUT sys/unseal: one share as hex or base64, or reset to drop
// the shares given so far. No token. The answer to the last share comes when
// the node is unsealed. A bad share is a 400 with one of the share_ codes and
// does not count.
type UnsealRequest struct {
	Key     Secret `json:"key,omitzero"`
	Reset   Bool   `json:"reset,omitzero"`
	Migrate Bool   `json:"migrate,omitzero"` // true is a 400: see [MigrateSealRequest]
}

// VerifyShareRequest is PUT sys/verify-share: checks a share without using it.
// No token.
type VerifyShareRequest struct {
	Key Secret `json:"key,omitzero"`
}

// VerifyShareData answers it. Data of an [Envelope].
type VerifyShareData struct {
	Index      int    `json:"index"`      // 1 to n
	Generation uint64 `json:"generation"` // counts rekeys; 1 after init
}

// Health answers GET and HEAD sys/health. Bare, no token. The status says the
// same by default: 200 serving, 429 standby, 501 not initialized, 503 sealed or
// out of order.
type Health struct {
	Initialized        bool   `json:"initialized"`
	Sealed             bool   `json:"sealed"`
	Standby            bool   `json:"standby"`
	PerformanceStandby bool   `json:"performance_standby"`
	ServerTimeUTC      int64  `json:"server_time_utc"` // unix seconds
	Version            string `json:"version"`
	ClusterName        string `json:"cluster_name"`
	ClusterID          string `json:"cluster_id"`
	// Reason is the code that requests get now, "" if they are served; "stopping" if
	// they are, by a node that will be gone in a moment.
	Reason Code `json:"reason,omitzero"`
	// Why says it in words.
	Why string `json:"why,omitzero"`
	// FeatureLevel is that of the cluster; absent while sealed.
	FeatureLevel uint64 `json:"feature_level,omitzero"`
}

// Leader answers GET sys/leader. Bare, no token.
type Leader struct {
	HAEnabled            bool      `json:"ha_enabled"`
	IsSelf               bool      `json:"is_self"`
	ActiveTime           time.Time `json:"active_time,omitzero"` // RFC 3339, or absent
	LeaderAddress        string    `json:"leader_address"`
	LeaderClusterAddress string    `json:"leader_cluster_address"`
	RaftCommittedIndex   uint64    `json:"raft_committed_index"`
	RaftAppliedIndex     uint64    `json:"raft_applied_index"`
}

// Mounts is the data of GET sys/mounts: path → mount. Paths end with "/".
type Mounts map[string]Mount

// Mount is one entry of [Mounts].
type Mount struct {
	Type        string            `json:"type"` // "transit", "system", "token"
	Description string            `json:"description"`
	Accessor    string            `json:"accessor"`
	UUID        string            `json:"uuid"`
	Config      MountConfig       `json:"config"`
	Options     map[string]string `json:"options"`
	Local       bool              `json:"local"`
	SealWrap    bool              `json:"seal_wrap"`
}

// MountConfig has its lifetimes in seconds; 0 means the default of the server.
type MountConfig struct {
	DefaultLeaseTTL int64 `json:"default_lease_ttl"`
	MaxLeaseTTL     int64 `json:"max_lease_ttl"`
	ForceNoCache    bool  `json:"force_no_cache"`
}
