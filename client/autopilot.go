package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// AutopilotState tells how the leader finds the nodes of the cluster.
func (r Raft) AutopilotState(ctx context.Context) (wire.AutopilotState, error) {
	return fetch[wire.AutopilotState](ctx, r.c, call{method: http.MethodGet, path: raftPath + "autopilot/state"})
}

// AutopilotConfig returns the settings by which the leader tends the nodes.
func (r Raft) AutopilotConfig(ctx context.Context) (wire.AutopilotConfig, error) {
	return fetch[wire.AutopilotConfig](ctx, r.c, call{method: http.MethodGet, path: raftPath + "autopilot/configuration"})
}

// SetAutopilotConfig changes settings; what is absent stays as it is.
func (r Raft) SetAutopilotConfig(ctx context.Context, req wire.AutopilotConfigRequest) error {
	return r.c.run(ctx, call{method: http.MethodPost, path: raftPath + "autopilot/configuration", effect: true, body: req})
}

// JoinTokens lists the join tokens that have not expired, without their secrets.
func (r Raft) JoinTokens(ctx context.Context) (wire.JoinTokenList, error) {
	out, err := fetch[wire.JoinTokenList](ctx, r.c, call{method: http.MethodGet, path: raftPath + "join-token", query: listing()})
	if refused, ok := err.(*Error); ok && refused.Code == wire.NotFound {
		return wire.JoinTokenList{}, nil
	}
	return out, err
}

// RevokeJoinToken makes a join token worth nothing. A node that joined with it stays.
func (r Raft) RevokeJoinToken(ctx context.Context, id string) error {
	path, err := join(raftPath+"join-token", id)
	if err != nil {
		return err
	}
	return r.c.run(ctx, call{method: http.MethodDelete, path: path, effect: true})
}
