package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// JoinTokenInfo is what may be known of a join token.
type JoinTokenInfo struct {
	ID      string
	NodeID  string
	Replica bool
	Created time.Time
	Expires time.Time
	Maker   string // display name of the token that made it
	UsedBy  string // incarnation of the node that joined with it; "" for none
}

// JoinTokens lists the join tokens that have not expired, the oldest first. It needs
// list and sudo on sys/storage/raft/join-token. Error: ErrNotFound when there is none.
func (s *Service) JoinTokens(c *Call) (out []JoinTokenInfo, err error) {
	err = s.act(c, verb{operation: "sys/storage/raft/join-token/list", need: policy.List | policy.Sudo}, func(*gate.Admission) error {
		now := max(wall.Now().UnixNano(), c.view.Time)
		for _, t := range c.view.Membership.JoinTokens {
			if t.Expire <= now {
				continue
			}
			out = append(out, JoinTokenInfo{
				ID: t.ID, NodeID: t.NodeID, Replica: t.Suffrage == raftstore.Replica, Created: time.Unix(0, t.Created), Expires: time.Unix(0, t.Expire),
				Maker: t.Maker, UsedBy: t.Used,
			})
		}
		if out == nil {
			return ErrNotFound
		}
		return nil
	})
	return out, err
}

// DeleteJoinToken makes a join token worth nothing. A node that joined with it stays.
// It needs delete and sudo on sys/storage/raft/join-token/ID. Error: ErrNotFound.
func (s *Service) DeleteJoinToken(ctx context.Context, c *Call, id string) error {
	_, err := s.write(ctx, c, verb{operation: "sys/storage/raft/join-token/delete", need: policy.Delete | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		note(a, "join_token", id)
		t := c.view.JoinToken(id)
		if t == nil {
			return nil, fmt.Errorf("%w: no join token %s", ErrNotFound, Quote(id))
		}
		note(a, "node_id", t.NodeID)
		return &state.DeleteJoinToken{ID: id}, nil
	})
	return err
}
