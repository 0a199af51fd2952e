package kms

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// JoinTokenRequest asks for a join token.
type JoinTokenRequest struct {
	NodeID  string
	Replica bool          // the node is to have no vote
	TTL     time.Duration // 0: an hour; at most a day
}

// JoinToken is a token that lets one node join, once.
type JoinToken struct {
	_       [0]func()
	Token   string
	ID      string
	NodeID  string
	Replica bool
	Expires time.Time
}

const (
	joinTokenTTL    = time.Hour
	maxJoinTokenTTL = 24 * time.Hour
	joinTokenPrefix = "sgj1" // what it is, and its version
)

var memberID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// CreateJoinToken makes a join token: bound to a node id, whether that node is to
// vote, the cluster's CA, and a time. It needs update and sudo on
// sys/storage/raft/join-token. Errors: ErrBadRequest.
func (s *Service) CreateJoinToken(ctx context.Context, c *Call, req JoinTokenRequest) (*JoinToken, error) {
	s.awaitCA(ctx)
	var out *JoinToken
	_, err := s.write(ctx, c, verb{operation: "sys/storage/raft/join-token", need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		ttl := req.TTL
		if ttl == 0 {
			ttl = joinTokenTTL
		}
		roster, err := s.machine.rosterNow()
		switch {
		case err != nil:
			return nil, err
		case !memberID.MatchString(req.NodeID):
			return nil, fmt.Errorf("%w: node_id is the id of the node that is to join: letters, digits, '.', '_' and '-'", ErrBadRequest)
		case ttl < time.Minute || ttl > maxJoinTokenTTL:
			return nil, fmt.Errorf("%w: a join token lives a minute to a day, not %v", ErrBadRequest, ttl)
		case s.cfg.Store.Listen == "": // now; it may have had one
			return nil, fmt.Errorf("%w: this cluster has no cluster port: set cluster_addr on its node and start it again", ErrBadRequest)
		case len(roster.CA) == 0: // see ensureCA
			return nil, saying(ErrNoLeader, "the cluster port is being set up; try again shortly")
		}
		if m := roster.Member(req.NodeID); m != nil && !m.Removed {
			return nil, fmt.Errorf("%w: node %s is a member already; remove it first, or choose another id", ErrBadRequest, req.NodeID)
		}
		if !req.Replica {
			if err := roomToVote(roster, req.NodeID); err != nil {
				return nil, err
			}
		}
		pin, err := spkiHash(roster.CA)
		if err != nil {
			return nil, err
		}
		secret, id := randomBytes(32), randomText(12)
		defer clear(secret)
		now := wall.Now()
		t := state.JoinToken{ID: id, Hash: joinHash(id, secret), NodeID: req.NodeID, Suffrage: suffrageOf(req.Replica), Created: now.UnixNano(), Expire: now.Add(ttl).UnixNano(), Maker: c.Caller.DisplayName}
		out = &JoinToken{
			Token: strings.Join([]string{joinTokenPrefix, id, base64.RawURLEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(pin[:])}, "."),
			ID:    id, NodeID: req.NodeID, Replica: req.Replica, Expires: now.Add(ttl),
		}
		note(a, "node_id", req.NodeID)
		note(a, "join_token", id)
		return &state.CreateJoinToken{Token: t}, nil
	})
	if err != nil {
		return nil, err
	}
	if out == nil || c.replayed {
		return nil, saying(ErrIdempotencySpent, "this request was carried out before, and the join token that it made is shown once: ask for another one under another key")
	}
	return out, nil
}

// awaitCA waits a moment for the cluster's CA, which the leader makes right after it
// began to serve.
func (s *Service) awaitCA(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for s.cfg.Store.Listen != "" && ctx.Err() == nil {
		if roster, err := s.machine.rosterNow(); err != nil || len(roster.CA) != 0 {
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func suffrageOf(replica bool) string {
	if replica {
		return raftstore.Replica
	}
	return raftstore.Voter
}

// joinHash is all that is stored of a join token's secret.
func joinHash(id string, secret []byte) []byte {
	h := sha256.New()
	h.Write([]byte("signet join token v1\x00" + id + "\x00"))
	h.Write(secret)
	return h.Sum(nil)
}

// parseJoinToken takes a join token apart: its id, its secret, and the hash of the
// CA's key that it pins.
func parseJoinToken(token string) (id string, secret []byte, pin [32]byte, err error) {
	bad := fmt.Errorf("%w: this is no join token: make one with 'signet operator raft join-token' on the cluster", ErrBadRequest)
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 4 || parts[0] != joinTokenPrefix {
		return "", nil, pin, bad
	}
	secret, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	pinned, err2 := base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err1 != nil || err2 != nil || len(secret) != 32 || len(pinned) != 32 || parts[1] == "" {
		return "", nil, pin, bad
	}
	return parts[1], secret, [32]byte(pinned), nil
}
