package kms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// AdmitRequest is a node that wants to join. Nothing in it is secret.
type AdmitRequest struct {
	TokenID     string `json:"token_id"` // of its join token
	Proof       []byte `json:"proof"`    // that it has that token
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
	CSR         []byte `json:"csr"` // DER (RFC 2986)
	Address     string `json:"cluster_addr"`
	APIAddress  string `json:"api_addr"`
	Level       uint64 `json:"level"` // the feature level of its build
}

// AdmitResponse is what makes it a member. None of it is secret.
type AdmitResponse struct {
	Certificate []byte `json:"certificate"` // DER
	Roster      []byte `json:"roster"`
	Proof       []byte `json:"proof"` // that the cluster knows the join token of the request
}

// Admit makes a node a member that has a join token: a replica at first, which is
// promoted when it has caught up, if it is to vote. Any node takes the request; the
// leader decides. Errors: ErrInvalidCredentials for every join token that is not
// good, ErrBadRequest, ErrClusterLevel for a build that is too old, ErrSealed, ErrNoLeader, ErrNoLease.
func (s *Service) Admit(ctx context.Context, o Origin, req *AdmitRequest) (*AdmitResponse, error) {
	if s.view.Load() == nil {
		err := s.exists()
		if err == nil {
			err = ErrSealed
		}
		s.Reject(o, nil, err)
		return nil, err
	}
	if leader := s.follows(); leader != "" {
		return s.relayAdmit(ctx, o, leader, req)
	}
	return s.admitHere(ctx, o, req)
}

func (s *Service) relayAdmit(ctx context.Context, o Origin, leader string, req *AdmitRequest) (*AdmitResponse, error) {
	body, err := json.Marshal(struct {
		Origin Origin
		*AdmitRequest
	}{o, req})
	if err != nil {
		return nil, err
	}
	b, err := s.askWhileItLeads(ctx, leader, opAdmit, body)
	refusal := (*raftstore.PeerError)(nil)
	if errors.As(err, &refusal) {
		for _, known := range []*Error{ErrInvalidCredentials, ErrBadRequest, ErrClusterLevel, ErrSealed, ErrNoLeader, ErrNoLease, ErrAuditUnavailable, ErrOutcomeUnknown} {
			if refusal.Code == known.code {
				return nil, saying(known, "%s", refusal.Text)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLeader, errForwarding)
	}
	out := &AdmitResponse{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, ErrOutcomeUnknown
	}
	s.audit.AppendLate(&audit.Record{Type: audit.TypeNode, RequestID: o.RequestID, Operation: "sys/storage/raft/admit", Method: o.Method, Path: o.Path, Remote: o.Remote,
		Outcome: audit.OutcomeOK, Fields: map[string]string{"node_id": req.NodeID, "relayed_to": leader}})
	return out, nil
}

func (s *Service) answerAdmit(ctx context.Context, body []byte) ([]byte, error) {
	var in struct {
		Origin Origin
		AdmitRequest
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: ErrBadRequest.text}
	}
	out, err := s.admitHere(ctx, in.Origin, &in.AdmitRequest)
	if err != nil {
		return nil, peerError(err)
	}
	return json.Marshal(out)
}

// admitHere is Admit at the leader.
func (s *Service) admitHere(ctx context.Context, o Origin, req *AdmitRequest) (*AdmitResponse, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	c, err := s.Begin(o)
	if err != nil {
		s.Reject(o, nil, err)
		return nil, err
	}
	t, spki, err := s.checkAdmit(c, req)
	if err != nil {
		s.Reject(o, nil, err)
		return nil, err
	}
	c.Caller = policy.Caller{Root: true, DisplayName: "join-token-" + t.ID}
	var next *raftstore.Roster
	_, err = s.write(ctx, c, verb{operation: "sys/storage/raft/admit", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		note(a, "node_id", req.NodeID)
		note(a, "cluster_addr", req.Address)
		roster, err := s.machine.rosterNow()
		if err != nil {
			return nil, err
		}
		if req.Level < roster.Level { // of the roster that this one follows: see raiseLevel
			return nil, saying(ErrClusterLevel, "the cluster is at feature level %d, and node %s knows levels up to %d: start the version on it that the other nodes run", roster.Level, req.NodeID, req.Level)
		}
		m := raftstore.Member{
			NodeID: req.NodeID, Incarnation: req.Incarnation, TLSKey: spki, Address: req.Address, APIAddress: req.APIAddress, Suffrage: t.Suffrage,
		}
		if old := roster.Member(req.NodeID); old != nil && !old.Removed {
			m.Suffrage = old.Suffrage // the token made it a member, and changes nothing that was decided of it since
		} else if m.Suffrage == raftstore.Voter {
			if err := roomToVote(roster, req.NodeID); err != nil {
				return nil, err
			}
		}
		next = roster.With(m)
		return s.setRoster(next, state.SetRoster{JoinToken: t.ID, Incarnation: req.Incarnation})
	})
	if err != nil {
		return nil, err
	}
	if err := s.store.AddReplica(ctx, req.NodeID); err != nil {
		return nil, translate(err)
	}
	s.store.Leases().MembersChanged()
	v := s.view.Load()
	if v == nil {
		return nil, ErrSealed
	}
	cert, err := signMember(next.CA, v.Membership.CAKey, req.NodeID, spki)
	if err != nil {
		return nil, err
	}
	body, err := next.Marshal()
	out := &AdmitResponse{Certificate: cert, Roster: body}
	out.Proof = out.proof(t.Hash, req)
	return out, err
}

// checkAdmit says whether a request to join is good. Whoever has no good token
// learns nothing else.
func (s *Service) checkAdmit(c *Call, req *AdmitRequest) (*state.JoinToken, []byte, error) {
	refused := saying(ErrInvalidCredentials, "the join token is not good for this: unknown, expired, used, or for another node id")
	t := c.view.JoinToken(req.TokenID)
	if t == nil || !hmac.Equal(req.Proof, req.proof(t.Hash)) || t.NodeID != req.NodeID || t.Expire <= max(wall.Now().UnixNano(), c.view.Time) ||
		t.Used != "" && t.Used != req.Incarnation {
		return nil, nil, refused
	}
	if !memberID.MatchString(req.Incarnation) {
		return nil, nil, fmt.Errorf("%w: a node has an incarnation", ErrBadRequest)
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return nil, nil, err
	}
	switch m := roster.Member(req.NodeID); {
	case m == nil:
	case m.Removed && m.Incarnation == req.Incarnation:
		return nil, nil, refused // with the token of its first life: removed is for good
	case !m.Removed && m.Incarnation != req.Incarnation:
		return nil, nil, fmt.Errorf("%w: node %s is a member already, with other data; remove it first, or choose another id", ErrBadRequest, req.NodeID)
	}
	if err := raftstore.CheckAddress(req.Address); err != nil {
		return nil, nil, fmt.Errorf("%w: cluster_addr: %w", ErrBadRequest, err)
	}
	spki, err := readRequest(req.CSR, req.NodeID)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	// A node that did not hear the answer asks again. With another key it is somebody
	// who saw the request of the first.
	if m := roster.Member(req.NodeID); m != nil && !m.Removed && !bytes.Equal(m.TLSKey, spki) {
		return nil, nil, refused
	}
	return t, spki, nil
}

// NotAdmitted notes why a node that waits to join a cluster was not admitted. Its
// status says it, until it is.
func (s *Service) NotAdmitted(why error) {
	text := why.Error()
	s.notAdmitted.Store(&text)
}

func (s *Service) joining() error {
	if why := s.notAdmitted.Load(); why != nil {
		return saying(ErrNotInitialized, "this node waits to join a cluster, and is not admitted: %s", *why)
	}
	return saying(ErrNotInitialized, "this node waits to join a cluster")
}

// Join makes this node, which has no data yet, a member of a cluster. send asks a
// node of that cluster to admit it. It returns when the roster is on disk; the
// leader sends the rest. Errors: ErrInitialized, ErrBadRequest, ErrBusy, what send
// returns.
//
// Anybody may ask for it, and name a node that never answers: nothing else waits for
// that, see joinRoom, and who made a cluster here meanwhile was first.
func (s *Service) Join(ctx context.Context, o Origin, token string, send func(context.Context, *AdmitRequest) (*AdmitResponse, error)) error {
	err := s.join(ctx, sourceOf(o.Remote), token, send)
	if err != nil { // anybody may ask, as often as they like
		s.Reject(o, nil, err)
		return err
	}
	rec := s.nodeRecord(o, "sys/storage/raft/join")
	rec.Outcome = audit.OutcomeOK
	s.audit.AppendLate(rec)
	return nil
}

var errHasState = saying(ErrInitialized, "this node has cluster state already: join with an empty data directory")

func (s *Service) join(ctx context.Context, source, token string, send func(context.Context, *AdmitRequest) (*AdmitResponse, error)) error {
	tokenID, secret, pin, err := parseJoinToken(token)
	if err != nil {
		return err
	}
	if s.store.Bootstrapped() {
		return errHasState
	}
	if s.cfg.Store.Listen == "" {
		return fmt.Errorf("%w: this node has no cluster port: set cluster_addr in its configuration", ErrBadRequest)
	}
	csr, err := s.store.CertificateRequest()
	if err != nil {
		return err
	}
	id := s.store.Identity()
	req := &AdmitRequest{
		TokenID: tokenID, NodeID: id.NodeID, Incarnation: id.Incarnation, CSR: csr, Address: s.cfg.Store.Address, APIAddress: s.cfg.APIAddr, Level: state.Level,
	}
	key := joinHash(tokenID, secret)
	req.Proof = req.proof(key)
	asking, leave, err := s.joins.enter(ctx, source, time.Now())
	if err != nil {
		return err
	}
	answer, err := send(asking, req)
	gaveWay := asking.Err() != nil && ctx.Err() == nil
	leave()
	switch {
	case err != nil && gaveWay:
		return saying(ErrBusy, "the cluster had not answered, and somebody else asked this node to join one; try again")
	case err != nil:
		return err
	}
	stranger := saying(ErrInvalidCredentials, "the node that answered is not of the cluster that made the join token: nothing was joined")
	if !hmac.Equal(answer.Proof, answer.proof(key, req)) {
		return stranger
	}
	if err := raftstore.CheckLevel(answer.Roster, state.Level); err != nil {
		return translate(err)
	}
	roster, err := raftstore.ParseRoster(answer.Roster)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	if got, err := spkiHash(roster.CA); err != nil || subtle.ConstantTimeCompare(got[:], pin[:]) != 1 {
		return stranger
	}
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	if s.store.Bootstrapped() {
		return errHasState
	}
	if err := s.store.Join(roster, answer.Certificate); err != nil {
		return translate(err)
	}
	s.caught.Store(false)
	return nil
}
