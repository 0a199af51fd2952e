package wire

import "time"

// AutopilotConfigRequest is POST sys/storage/raft/autopilot/configuration, with the
// members that Vault has. Needs update and sudo. What is absent stays as it is.
type AutopilotConfigRequest struct {
	CleanupDeadServers             Bool     `json:"cleanup_dead_servers,omitzero"`
	DeadServerLastContactThreshold Duration `json:"dead_server_last_contact_threshold,omitzero"` // a minute at least
	LastContactThreshold           Duration `json:"last_contact_threshold,omitzero"`
	MaxTrailingLogs                Int      `json:"max_trailing_logs,omitzero"`
	MinQuorum                      Int      `json:"min_quorum,omitzero"` // 3 at least with cleanup_dead_servers
	ServerStabilizationTime        Duration `json:"server_stabilization_time,omitzero"`
}

// AutopilotConfig is the data of GET sys/storage/raft/autopilot/configuration. The
// times are Go durations, as Vault has them ("24h0m0s").
type AutopilotConfig struct {
	CleanupDeadServers             bool   `json:"cleanup_dead_servers"`
	DeadServerLastContactThreshold string `json:"dead_server_last_contact_threshold"`
	LastContactThreshold           string `json:"last_contact_threshold"`
	MaxTrailingLogs                uint64 `json:"max_trailing_logs"`
	MinQuorum                      uint64 `json:"min_quorum"`
	ServerStabilizationTime        string `json:"server_stabilization_time"`
}

// AutopilotState is the data of GET sys/storage/raft/autopilot/state: the members as
// the leader finds them. Whether a node is sealed does not count.
type AutopilotState struct {
	Healthy          bool                       `json:"healthy"`           // each node is
	FailureTolerance int                        `json:"failure_tolerance"` // how many healthy voters can fail before writes stop
	Leader           string                     `json:"leader"`            // a node id
	Voters           []string                   `json:"voters"`
	NonVoters        []string                   `json:"non_voters,omitzero"`
	Servers          map[string]AutopilotServer `json:"servers"` // node id → how it is
}

// AutopilotServer is one node.
type AutopilotServer struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"` // the id
	Address     string    `json:"address"`
	NodeStatus  string    `json:"node_status"`  // "alive", or "failed" when it does not answer
	NodeType    string    `json:"node_type"`    // "voter" or "non-voter"
	Status      string    `json:"status"`       // "leader", "voter" or "non-voter"
	LastContact string    `json:"last_contact"` // a Go duration: without a leader; since it answered, of one that does not
	LastTerm    uint64    `json:"last_term"`
	LastIndex   uint64    `json:"last_index"`
	Healthy     bool      `json:"healthy"`
	StableSince time.Time `json:"stable_since"` // it is healthy, or not, from then on
	Version     string    `json:"version"`
}
