package wire

import "time"

// ApplicationRequest is POST identity/applications/:name. Absent fields of an
// application that exists stay as they are.
type ApplicationRequest struct {
	Owner       String     `json:"owner,omitzero"`
	Description String     `json:"description,omitzero"`
	Policies    StringList `json:"policies,omitzero"` // of its tokens, beside those of the role of each login
	Metadata    Map        `json:"metadata,omitzero"` // replaces all that there was
}

// BlockRequest is POST identity/applications/:name/block.
type BlockRequest struct {
	Reason string `json:"reason,omitzero"` // required; shown to who is refused
}

// The states of an application.
const (
	ApplicationStateRegistered = "registered" // nobody has logged in yet
	ApplicationStateActive     = "active"
	ApplicationStateBlocked    = "blocked"
)

// ApplicationData is the data of GET identity/applications/:name. LIST has [Keys].
type ApplicationData struct {
	Name        string            `json:"name"`
	State       string            `json:"state"`
	Owner       string            `json:"owner"`
	Description string            `json:"description"`
	Policies    []string          `json:"policies"`
	Metadata    map[string]string `json:"metadata"`
	Roles       []string          `json:"roles"` // of auth/approle that name it
	Created     time.Time         `json:"creation_time"`
	Updated     time.Time         `json:"last_updated_time"`
	Activated   *time.Time        `json:"activation_time"` // first login; null: none yet
	Blocked     *time.Time        `json:"block_time"`      // null: it is not blocked
	Reason      string            `json:"block_reason"`
}
