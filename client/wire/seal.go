package wire

// MigrateSealRequest is POST sys/migrate-seal: wraps the root key anew under the
// seals of the node's configuration, and under no others. Needs sudo.
type MigrateSealRequest struct {
	// To narrows that to one type, "transit" or "exec"; "shamir" takes all wrappings
	// away.
	To string `json:"to,omitzero"`
}

// SealMigration answers it. Data of an [Envelope].
type SealMigration struct {
	Type      string         `json:"type"`      // "shamir", or that of the first wrapping
	Revision  uint64         `json:"revision"`  // grows by one with each change
	Wrappings []SealWrapping `json:"wrappings"` // empty for "shamir"
}

// SealWrapping names one wrapping of the root key.
type SealWrapping struct {
	Type    string `json:"type"` // "transit", "exec"
	Name    string `json:"name"`
	Version uint32 `json:"version,omitzero"` // of the other side's key, as far as it is known
}
