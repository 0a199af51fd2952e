package wire

import "time"

// JoinTokenRequest is POST sys/storage/raft/join-token. Needs update and sudo.
type JoinTokenRequest struct {
	NodeID   string   `json:"node_id"`
	NonVoter Bool     `json:"non_voter,omitzero"` // a replica: it serves and has no vote
	TTL      Duration `json:"ttl,omitzero"`       // a minute to a day; an hour if absent
}

// JoinTokenData answers it. Data of an [Envelope].
type JoinTokenData struct {
	JoinToken Secret    `json:"join_token"` // shown once
	ID        string    `json:"id"`
	NodeID    string    `json:"node_id"`
	NonVoter  bool      `json:"non_voter"`
	ExpiresAt time.Time `json:"expires_at"`
}

// JoinRequest is POST sys/storage/raft/join, sent to the node that is to join, which
// has no data yet. No token. Vault's members are known; those about client
// certificates and discovery are refused.
type JoinRequest struct {
	LeaderAPIAddr    string `json:"leader_api_addr,omitzero"` // a URL of any node of the cluster
	LeaderCACert     string `json:"leader_ca_cert,omitzero"`  // PEM; the system's roots if absent
	JoinToken        Secret `json:"join_token,omitzero"`
	LeaderClientCert string `json:"leader_client_cert,omitzero"`
	LeaderClientKey  Secret `json:"leader_client_key,omitzero"`
	AutoJoin         string `json:"auto_join,omitzero"`
	Retry            Bool   `json:"retry,omitzero"`     // ignored: the answer says whether it joined
	NonVoter         Bool   `json:"non_voter,omitzero"` // ignored: the join token says it
}

// JoinResponse answers it. Bare.
type JoinResponse struct {
	Joined bool `json:"joined"`
}

// AdmitRequest is POST sys/storage/raft/admit: a node that has a join token asks
// any node of the cluster to become a member. The join token stands for a token, and is
// not sent: Proof shows it.
type AdmitRequest struct {
	TokenID     string `json:"token_id"` // of the join token
	Proof       []byte `json:"proof"`    // HMAC-SHA-256 over all the rest, keyed with the token's hash
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
	CSR         []byte `json:"csr"` // DER of a certificate request (RFC 2986) for the node's key
	ClusterAddr string `json:"cluster_addr"`
	APIAddr     string `json:"api_addr,omitzero"`

	FeatureLevel uint64 `json:"feature_level,omitzero"` // that the node's build knows
}

// AdmitData answers it. Data of an [Envelope]. Nothing in it is secret.
type AdmitData struct {
	Certificate []byte `json:"certificate"` // DER, signed by the cluster's CA
	Roster      []byte `json:"roster"`
	Proof       []byte `json:"proof"` // HMAC-SHA-256 over this and the request, keyed with the token's hash
}

// MemberRequest is POST sys/storage/raft/remove-peer, promote and demote. Needs
// update and sudo.
// Any node takes it and has the leader do it.
type MemberRequest struct {
	ServerID string `json:"server_id"`
}

// StepDownRequest is PUT sys/step-down. Needs update and sudo. Any node
// takes it.
type StepDownRequest struct {
	ServerID string `json:"server_id,omitzero"` // who is to lead; the node that is furthest if absent
}

// RaftConfiguration is the data of GET sys/storage/raft/configuration.
type RaftConfiguration struct {
	Config RaftServers `json:"config"`
}

// RaftServers is the list of nodes, and the version of the roster.
type RaftServers struct {
	Servers []RaftServer `json:"servers"`
	Index   uint64       `json:"index"`

	FeatureLevel uint64 `json:"feature_level"` // of the cluster: the lowest that its nodes know, once all do
}

// RaftServer is one node. The members that Vault has come first.
type RaftServer struct {
	NodeID          string `json:"node_id"`
	Address         string `json:"address"` // of the cluster port
	Leader          bool   `json:"leader"`
	ProtocolVersion string `json:"protocol_version"`
	Voter           bool   `json:"voter"`

	APIAddress string `json:"api_address"`
	WillVote   bool   `json:"will_vote"` // it gets its vote when it has caught up
	Reachable  bool   `json:"reachable"` // what follows is known
	Sealed     bool   `json:"sealed"`
	Serving    bool   `json:"serving"` // it has a lease
	Healthy    bool   `json:"healthy"` // its audit log can be written
	Version    string `json:"version"`

	FeatureLevel uint64 `json:"feature_level"` // that its build knows

	LastIndex  uint64 `json:"last_index"`  // of its log
	StateIndex uint64 `json:"state_index"` // of the state that its requests see
	// Digest is the SHA-256 of the state at StateIndex, hex: equal on all nodes at the
	// same index. Only with the query digest=true.
	Digest string `json:"digest,omitzero"`
}

// HAStatus answers GET sys/ha-status. Vault has the list twice, beside the envelope's
// members and in its data, and so has this.
type HAStatus struct {
	RequestID string   `json:"request_id"`
	Nodes     []HANode `json:"nodes"`
	Data      HANodes  `json:"data"`
}

// HANodes is the data of [HAStatus].
type HANodes struct {
	Nodes []HANode `json:"nodes"`
}

// HANode is one node.
type HANode struct {
	Hostname       string     `json:"hostname"` // its node id
	APIAddress     string     `json:"api_address"`
	ClusterAddress string     `json:"cluster_address"` // a URL
	ActiveNode     bool       `json:"active_node"`     // it leads; the others serve too
	LastEcho       *time.Time `json:"last_echo"`       // when it answered; null of the leader, and of one that does not answer
	Version        string     `json:"version"`         // "" of one that does not answer
	FeatureLevel   uint64     `json:"feature_level"`   // that its build knows; 0 of one that does not answer
}

// JoinTokenList is the data of LIST sys/storage/raft/join-token: the join tokens that
// have not expired. Needs sudo. No secret is in it.
type JoinTokenList struct {
	Keys    []string                 `json:"keys"`     // ids
	KeyInfo map[string]JoinTokenInfo `json:"key_info"` // id → what it is
}

// JoinTokenInfo is one of them.
type JoinTokenInfo struct {
	NodeID    string    `json:"node_id"`
	NonVoter  bool      `json:"non_voter"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	CreatedBy string    `json:"created_by"`       // display name of the token that made it
	UsedBy    string    `json:"used_by,omitzero"` // incarnation of the node that joined with it
}
