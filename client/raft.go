package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// Raft has the calls of sys/storage/raft: the members of the cluster.
type Raft struct{ c *Client }

// Raft returns the calls about the members of the cluster.
func (c *Client) Raft() Raft { return Raft{c} }

const raftPath = "sys/storage/raft/"

// CreateJoinToken makes a token that lets one node join, once. It is shown once.
func (r Raft) CreateJoinToken(ctx context.Context, req wire.JoinTokenRequest) (wire.JoinTokenData, error) {
	return fetch[wire.JoinTokenData](ctx, r.c, call{method: http.MethodPost, path: raftPath + "join-token", effect: true, body: req})
}

// Join makes the node at this client's first address, which has no data yet, a member of
// the cluster that the join token is of. No token.
func (r Raft) Join(ctx context.Context, req wire.JoinRequest) error {
	var out wire.JoinResponse
	cl := call{method: http.MethodPost, path: raftPath + "join", here: true, open: true, effect: true, body: req}
	if err := r.c.do(ctx, cl, &out); err != nil {
		return err
	}
	if !out.Joined {
		return cl.badAnswer("it does not say that the node joined")
	}
	return nil
}

// Admit asks the cluster to admit a node. The proof of its join token stands for a token.
// Repeating it is safe: a join token admits one node, however often that asks.
func (r Raft) Admit(ctx context.Context, req wire.AdmitRequest) (wire.AdmitData, error) {
	return fetch[wire.AdmitData](ctx, r.c, call{method: http.MethodPost, path: raftPath + "admit", open: true, body: req})
}

// Configuration lists the nodes of the cluster, and how they are.
func (r Raft) Configuration(ctx context.Context) (wire.RaftServers, error) {
	out, err := fetch[wire.RaftConfiguration](ctx, r.c, call{method: http.MethodGet, path: raftPath + "configuration"})
	return out.Config, err
}

// Remove takes a node out of the cluster, for good.
func (r Raft) Remove(ctx context.Context, nodeID string) error {
	return r.change(ctx, "remove-peer", nodeID)
}

// Promote gives a replica a vote as soon as it has caught up.
func (r Raft) Promote(ctx context.Context, nodeID string) error {
	return r.change(ctx, "promote", nodeID)
}

// Demote takes a voter's vote; it serves on as a replica.
func (r Raft) Demote(ctx context.Context, nodeID string) error {
	return r.change(ctx, "demote", nodeID)
}

func (r Raft) change(ctx context.Context, what, nodeID string) error {
	return r.c.run(ctx, call{method: http.MethodPost, path: raftPath + what, effect: true, body: wire.MemberRequest{ServerID: nodeID}})
}

// StepDown has the leader hand over, whichever node is asked, to a certain voter unless nodeID is empty.
func (r Raft) StepDown(ctx context.Context, nodeID string) error {
	return r.c.run(ctx, call{method: http.MethodPut, path: "sys/step-down", effect: true, unkeyed: true, body: wire.StepDownRequest{ServerID: nodeID}})
}

// HAStatus lists the nodes of the cluster in Vault's form.
func (s Sys) HAStatus(ctx context.Context) ([]wire.HANode, error) {
	var out wire.HAStatus
	err := s.c.do(ctx, call{method: http.MethodGet, path: "sys/ha-status"}, &out)
	return out.Nodes, err
}
