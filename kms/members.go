package kms

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// withRoster is SetRoster with the roster that goes into the same entry.
type withRoster struct {
	*state.SetRoster
	roster clearRecord
}

// rosterOf is the roster in force, as the machine has it.
func (m *machine) rosterNow() (*raftstore.Roster, error) {
	m.mu.Lock()
	body := m.roster.body
	m.mu.Unlock()
	if body == nil {
		return nil, errors.New("there is no roster yet")
	}
	return raftstore.ParseRoster(body)
}

// setRoster makes the command that puts another roster in force.
func (s *Service) setRoster(next *raftstore.Roster, change state.SetRoster) (*withRoster, error) {
	body, err := next.Marshal()
	if err != nil {
		return nil, err
	}
	s.numbering.Lock()
	bar := s.numbering.bar
	s.numbering.Unlock()
	if bar == nil {
		return nil, ErrSealed
	}
	mac, err := bar.MAC(macRoster, body)
	if err != nil {
		return nil, err
	}
	change.Version = next.Version
	return &withRoster{&change, clearRecord{body, mac}}, nil
}

// selfMember is how this node stands, or should stand, in the roster.
func (s *Service) selfMember(suffrage string) raftstore.Member {
	id := s.store.Identity()
	return raftstore.Member{
		NodeID: id.NodeID, Incarnation: id.Incarnation, TLSKey: id.Public,
		Address: s.cfg.Store.Address, APIAddress: s.cfg.APIAddr, Suffrage: suffrage,
	}
}

// tendMembers does what a leader owes the cluster: a CA, its own place in the
// roster, and the votes of nodes that are ready for them. It is called often and
// does one thing at a time.
func (s *Service) tendMembers(ctx context.Context) {
	if s.cfg.Store.Listen == "" {
		return
	}
	v := s.view.Load()
	if v == nil {
		return
	}
	if err := firstError(s.ensureRecovered(ctx), s.ensureCA(ctx, v)); err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrNoLeader) {
			s.log.Warn("could not set the cluster port up, trying again", "error", err)
		}
		return
	}
	s.promoteReady(ctx)
}

// ensureCA makes the cluster's CA, gives this node its certificate, and keeps its
// addresses in the roster right.
func (s *Service) ensureCA(ctx context.Context, v *view) error {
	roster, err := s.machine.rosterNow()
	if err != nil {
		return err
	}
	own := roster.Member(s.store.Identity().NodeID)
	want := s.selfMember(raftstore.Voter)
	if len(v.Membership.CAKey) == 0 {
		cert, key, err := newCA(v.Cluster.ID)
		if err != nil {
			return err
		}
		defer clear(key)
		next := roster.With(want)
		next.ClusterID, next.CA, next.Epoch = v.Cluster.ID, cert, max(1, roster.Epoch)
		return s.changeRoster(ctx, "cluster/ca", next, state.SetRoster{CAKey: key})
	}
	if !s.store.HasCertificate() {
		cert, err := signMember(roster.CA, v.Membership.CAKey, want.NodeID, want.TLSKey)
		if err != nil {
			return err
		}
		return s.store.SetCertificate(cert, roster.CA)
	}
	if own != nil && (own.Address != want.Address || own.APIAddress != want.APIAddress) {
		moved := *own
		moved.Address, moved.APIAddress = want.Address, want.APIAddress
		return s.changeRoster(ctx, "cluster/address", roster.With(moved), state.SetRoster{})
	}
	return nil
}

// changeRoster is a change of the roster that the node makes by itself, with its
// records.
func (s *Service) changeRoster(ctx context.Context, operation string, next *raftstore.Roster, change state.SetRoster) error {
	c, err := s.asNode("cluster", "PUT", "sys/storage/raft/configuration")
	if err != nil {
		return err
	}
	_, err = s.write(ctx, c, verb{operation: operation, need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		note(a, "roster_version", fmt.Sprint(next.Version))
		return s.setRoster(next, change)
	})
	return err
}

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
		case len(roster.CA) == 0 && s.cfg.Store.Listen != "": // see ensureCA
			return nil, saying(ErrNoLeader, "the cluster port is being set up; try again shortly")
		case len(roster.CA) == 0:
			return nil, fmt.Errorf("%w: this cluster has no cluster port: set cluster_addr on its node and start it again", ErrBadRequest)
		}
		if m := roster.Member(req.NodeID); m != nil && !m.Removed {
			return nil, fmt.Errorf("%w: node %s is a member already; remove it first, or choose another id", ErrBadRequest, req.NodeID)
		}
		pin, err := spkiHash(roster.CA)
		if err != nil {
			return nil, err
		}
		secret, id := randomBytes(32), randomText(12)
		defer clear(secret)
		now := time.Now()
		t := state.JoinToken{ID: id, Hash: joinHash(id, secret), NodeID: req.NodeID, Suffrage: suffrageOf(req.Replica), Created: now.UnixNano(), Expire: now.Add(ttl).UnixNano()}
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

// AdmitRequest is a node that wants to join.
type AdmitRequest struct {
	Token       string `json:"token"`
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
	CSR         []byte `json:"csr"` // DER (RFC 2986)
	Address     string `json:"cluster_addr"`
	APIAddress  string `json:"api_addr"`
}

// AdmitResponse is what makes it a member. None of it is secret.
type AdmitResponse struct {
	Certificate []byte `json:"certificate"` // DER
	Roster      []byte `json:"roster"`
}

// Admit makes a node a member that has a join token: a replica at first, which is
// promoted when it has caught up, if it is to vote. Any node takes the request; the
// leader decides. Errors: ErrInvalidCredentials for every join token that is not
// good, ErrBadRequest, ErrSealed, ErrNoLeader, ErrNoLease.
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
	b, err := s.store.Ask(ctx, leader, opAdmit, body)
	refusal := (*raftstore.PeerError)(nil)
	if errors.As(err, &refusal) {
		for _, known := range []*Error{ErrInvalidCredentials, ErrBadRequest, ErrSealed, ErrNoLease, ErrAuditUnavailable, ErrOutcomeUnknown} {
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
		next = roster.With(raftstore.Member{
			NodeID: req.NodeID, Incarnation: req.Incarnation, TLSKey: spki, Address: req.Address, APIAddress: req.APIAddress, Suffrage: t.Suffrage,
		})
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
	return &AdmitResponse{Certificate: cert, Roster: body}, err
}

// checkAdmit says whether a request to join is good. Whoever has no good token
// learns nothing else.
func (s *Service) checkAdmit(c *Call, req *AdmitRequest) (*state.JoinToken, []byte, error) {
	id, secret, _, err := parseJoinToken(req.Token)
	if err != nil {
		return nil, nil, err
	}
	refused := saying(ErrInvalidCredentials, "the join token is not good for this: unknown, expired, used, or for another node id")
	t := c.view.JoinToken(id)
	if t == nil || subtle.ConstantTimeCompare(t.Hash, joinHash(id, secret)) != 1 || t.NodeID != req.NodeID || t.Expire <= max(time.Now().UnixNano(), c.view.Time) ||
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
	return t, spki, nil
}

// Join makes this node, which has no data yet, a member of a cluster. send asks a
// node of that cluster to admit it. It returns when the roster is on disk; the
// leader sends the rest. Errors: ErrInitialized, ErrBadRequest, what send returns.
func (s *Service) Join(ctx context.Context, o Origin, token string, send func(context.Context, *AdmitRequest) (*AdmitResponse, error)) error {
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	err := s.join(ctx, token, send)
	rec := s.nodeRecord(o, "sys/storage/raft/join")
	rec.Outcome, rec.Code = outcome(err), Code(err)
	s.audit.AppendLate(rec)
	return err
}

func (s *Service) join(ctx context.Context, token string, send func(context.Context, *AdmitRequest) (*AdmitResponse, error)) error {
	_, _, pin, err := parseJoinToken(token)
	if err != nil {
		return err
	}
	if s.store.Bootstrapped() {
		return saying(ErrInitialized, "this node has cluster state already: join with an empty data directory")
	}
	if s.cfg.Store.Listen == "" {
		return fmt.Errorf("%w: this node has no cluster port: set cluster_addr in its configuration", ErrBadRequest)
	}
	csr, err := s.store.CertificateRequest()
	if err != nil {
		return err
	}
	id := s.store.Identity()
	answer, err := send(ctx, &AdmitRequest{
		Token: token, NodeID: id.NodeID, Incarnation: id.Incarnation, CSR: csr, Address: s.cfg.Store.Address, APIAddress: s.cfg.APIAddr,
	})
	if err != nil {
		return err
	}
	roster, err := raftstore.ParseRoster(answer.Roster)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	if got, err := spkiHash(roster.CA); err != nil || subtle.ConstantTimeCompare(got[:], pin[:]) != 1 {
		return saying(ErrInvalidCredentials, "the node that answered is not of the cluster that made the join token: nothing was joined")
	}
	if err := s.store.Join(roster, answer.Certificate); err != nil {
		return translate(err)
	}
	s.caught.Store(false)
	return nil
}

// MemberInfo is one node of the cluster, as the leader or this node knows it.
type MemberInfo struct {
	NodeID     string
	Address    string
	APIAddress string
	Voter      bool // votes now
	WillVote   bool // is to have a vote
	Leader     bool
	Status     *MemberStatus // nil: it did not answer
}

// MemberStatus is what a member says of itself.
type MemberStatus struct {
	Version   string `json:"version"`
	Sealed    bool   `json:"sealed"`
	Serving   bool   `json:"serving"`
	LastIndex uint64 `json:"last_index"` // of its log
	Applied   uint64 `json:"applied"`
	State     uint64 `json:"state"` // index of the state that requests see; 0 while sealed
	Healthy   bool   `json:"healthy"`
	Digest    string `json:"digest,omitempty"` // SHA-256 of the state at State, hex; only when it was asked for
}

func (s *Service) memberStatus(digest bool) MemberStatus {
	v := s.view.Load()
	m := MemberStatus{
		Version: s.cfg.Version, Sealed: v == nil, Serving: s.mayServe(v) == nil,
		LastIndex: s.store.LastIndex(), Applied: s.store.Indexes().Applied, Healthy: s.mayLead(),
	}
	if v == nil {
		return m
	}
	m.State = v.Index
	if digest { // of the same view as the index
		if sum, err := v.Digest(); err == nil {
			m.Digest = hex.EncodeToString(sum[:])
		}
	}
	return m
}

// askDigest is the body of opStatus that asks for the digest of the state too: it
// costs as much as writing a snapshot.
const askDigest = "digest"

// Members lists the nodes of the cluster. It needs read on
// sys/storage/raft/configuration. With digest each unsealed node says the SHA-256 of
// its state too: nodes at the same index must have the same.
func (s *Service) Members(ctx context.Context, c *Call, digest bool) (list []MemberInfo, index uint64, err error) {
	err = s.act(c, verb{operation: "sys/storage/raft/configuration", need: policy.Read}, func(*gate.Admission) error {
		list, err = s.listMembers(ctx, digest)
		index = c.view.Membership.Version
		return err
	})
	return list, index, err
}

// HAStatus is Members for sys/ha-status, where it needs read.
func (s *Service) HAStatus(ctx context.Context, c *Call) (list []MemberInfo, err error) {
	err = s.act(c, verb{operation: "sys/ha-status", need: policy.Read}, func(*gate.Admission) error {
		list, err = s.listMembers(ctx, false)
		return err
	})
	return list, err
}

func (s *Service) listMembers(ctx context.Context, digest bool) ([]MemberInfo, error) {
	servers, err := s.store.Servers()
	if err != nil {
		return nil, translate(err)
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return nil, err
	}
	leader, _ := s.store.Leader()
	list := make([]MemberInfo, len(servers))
	for i, server := range servers {
		m := MemberInfo{NodeID: server.NodeID, Voter: server.Voter, Leader: server.NodeID == leader}
		if known := roster.Member(server.NodeID); known != nil {
			m.Address, m.APIAddress, m.WillVote = known.Address, known.APIAddress, known.Suffrage == raftstore.Voter
		}
		list[i] = m
	}
	patience := statusTime
	if digest {
		patience = digestTime
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tasks := make([]func(), len(list))
	for i := range list {
		tasks[i] = func() { list[i].Status = s.statusOf(ctx, list[i].NodeID, digest) }
	}
	sideBySide(tasks...)
	return list, nil
}

// How long members are asked how they are, and for a digest.
const (
	statusTime = 500 * time.Millisecond
	digestTime = 5 * time.Second
)

func (s *Service) statusOf(ctx context.Context, id string, digest bool) *MemberStatus {
	if id == s.store.Identity().NodeID {
		own := s.memberStatus(digest)
		return &own
	}
	var question []byte
	if digest {
		question = []byte(askDigest)
	}
	b, err := s.store.Ask(ctx, id, opStatus, question)
	out := &MemberStatus{}
	if err != nil || json.Unmarshal(b, out) != nil {
		return nil
	}
	return out
}

// promoteReady gives the nodes that are to vote their votes, once they have caught
// up with the log and stayed so for a look or two.
func (s *Service) promoteReady(ctx context.Context) {
	now := time.Now()
	if now.Sub(s.promotion.looked) < promoteEvery {
		return
	}
	s.promotion.looked = now
	servers, err := s.store.Servers()
	roster, err2 := s.machine.rosterNow()
	if err != nil || err2 != nil {
		return
	}
	ready := map[string]int{}
	for _, server := range servers {
		m := roster.Member(server.NodeID)
		if server.Voter || m == nil || m.Removed || m.Suffrage != raftstore.Voter {
			continue
		}
		last := s.store.LastIndex()
		asking, cancel := context.WithTimeout(ctx, statusTime)
		st := s.statusOf(asking, server.NodeID, false)
		cancel()
		if st == nil || !st.Healthy || st.LastIndex+promoteBehind < last {
			continue
		}
		ready[server.NodeID] = s.promotion.ready[server.NodeID] + 1
		if ready[server.NodeID] < promoteLooks {
			continue
		}
		if err := s.store.Promote(ctx, server.NodeID); err != nil {
			s.log.Warn("could not give a node its vote, trying again", "node", server.NodeID, "error", err)
			continue
		}
		delete(ready, server.NodeID)
		s.log.Info("a node has caught up and votes now", "node", server.NodeID)
		rec := &audit.Record{Type: audit.TypeNode, Operation: "cluster/promote", Outcome: audit.OutcomeOK, Fields: map[string]string{"node_id": server.NodeID}}
		s.audit.AppendLate(rec)
	}
	s.promotion.ready = ready
}

const (
	promoteEvery  = 500 * time.Millisecond
	promoteLooks  = 2
	promoteBehind = 64 // entries
)

// follow does what a follower owes: it says where it is to be reached, when that is
// not what the roster has.
func (s *Service) follow(ctx context.Context) {
	leader := s.follows()
	roster := s.store.Roster()
	if leader == "" || roster == nil {
		return
	}
	own, want := roster.Member(s.store.Identity().NodeID), s.selfMember("")
	if own == nil || own.Address == want.Address && own.APIAddress == want.APIAddress {
		return
	}
	if time.Since(s.promotion.announced) < time.Second {
		return
	}
	s.promotion.announced = time.Now()
	body, err := json.Marshal(announcement{want.Address, want.APIAddress})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, statusTime)
		defer cancel()
		_, err = s.store.Ask(ctx, leader, opAnnounce, body)
	}
	if err != nil {
		s.log.Debug("could not tell the leader this node's addresses yet", "error", err)
	}
}

type announcement struct {
	Address    string `json:"cluster_addr"`
	APIAddress string `json:"api_addr"`
}

func (s *Service) answerAnnounce(ctx context.Context, from string, body []byte) ([]byte, error) {
	var in announcement
	if json.Unmarshal(body, &in) != nil || raftstore.CheckAddress(in.Address) != nil {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: "no address of a cluster port"}
	}
	roster, err := s.machine.rosterNow()
	if err != nil {
		return nil, err
	}
	m := roster.Member(from)
	if m == nil || m.Removed {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: "not a member"}
	}
	moved := *m
	moved.Address, moved.APIAddress = in.Address, in.APIAddress
	return nil, s.changeRoster(ctx, "cluster/address", roster.With(moved), state.SetRoster{})
}

// mayLead says whether this node could take writes if it led: its audit log can be
// written, and its disk has room.
func (s *Service) mayLead() bool { return s.audit.Err() == nil && !s.store.Full() }

// handOver gives leadership to an unsealed voter that could take writes, when a node
// has it that is sealed or cannot: nobody can write while it leads.
func (s *Service) handOver(ctx context.Context) {
	if !s.store.Leading() || s.unsealed() && s.mayLead() || !s.hasPeers() || time.Since(s.promotion.handed) < time.Second {
		return
	}
	s.promotion.handed = time.Now()
	servers, err := s.store.Servers()
	if err != nil {
		return
	}
	self := s.store.Identity().NodeID
	for _, server := range slices.DeleteFunc(servers, func(o raftstore.Server) bool { return !o.Voter || o.NodeID == self }) {
		asking, cancel := context.WithTimeout(ctx, statusTime)
		st := s.statusOf(asking, server.NodeID, false)
		cancel()
		if st == nil || st.Sealed || !st.Healthy {
			continue
		}
		giving, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := s.store.Transfer(giving, server.NodeID)
		cancel()
		if err == nil {
			s.log.Info("this node cannot lead, sealed or without an audit log or room on its disk, and gave the lead away", "to", server.NodeID)
			return
		}
	}
}
