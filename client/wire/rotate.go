package wire

import "time"

// BarrierStatus is the data of GET sys/key-status: the term of the barrier that
// seals everything new.
type BarrierStatus struct {
	Term        uint64    `json:"term"`         // from 1
	InstallTime time.Time `json:"install_time"` // RFC 3339 with nanoseconds
	Encryptions uint64    `json:"encryptions"`  // changes sealed under it
}

// RotationConfig is the data of GET sys/rotate/config: when the barrier rotates
// by itself.
type RotationConfig struct {
	Enabled       bool   `json:"enabled"`
	MaxOperations uint64 `json:"max_operations"` // changes sealed under one term
	Interval      int64  `json:"interval"`       // seconds of a term's age; 0: by use alone
}

// RotationRequest is POST sys/rotate/config. Absent members stay as they are.
type RotationRequest struct {
	Enabled       Bool     `json:"enabled,omitzero"`
	MaxOperations Int      `json:"max_operations,omitzero"` // at least 1000
	Interval      Duration `json:"interval,omitzero"`       // 0, or at least 24h
}
