package kms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/barrier"
)

// InitRequest asks for a new cluster. Shares and Threshold 0 are 5 and 3.
type InitRequest struct {
	Shares    int
	Threshold int
	Recovery  bool   // they are asked for as recovery shares, which they are when a seal is configured
	RootToken string // only a development node takes one; "" makes one
}

// InitResult holds what is shown once and kept nowhere.
type InitResult struct {
	_         [0]func()
	Shares    []seal.Share
	Recovery  bool // somebody else unseals the node, as long as it is there
	RootToken Token
}

// Init makes the cluster: seal, shares, the first barrier term, the default
// policy and the root token. The node stays sealed. The whole cluster is one
// entry of the log: after a crash it is there or it is not.
//
// With configured seals the root key is wrapped by each of them before anything is
// written, and the shares are recovery shares.
//
// Errors: ErrInitialized, ErrBadRequest, ErrAuditUnavailable, ErrOutcomeUnknown;
// ErrSealUnavailable, and nothing was made.
func (s *Service) Init(ctx context.Context, o Origin, req InitRequest) (*InitResult, error) {
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	if err := s.exists(); !errors.Is(err, ErrNotInitialized) {
		if err == nil {
			err = ErrInitialized
		}
		s.Reject(o, nil, err)
		return nil, err
	}
	if s.cfg.Joins {
		err := fmt.Errorf("%w: this node is configured to join a cluster (retry_join); to make a cluster of its own, take that out of its configuration and start it again", ErrBadRequest)
		s.Reject(o, nil, err)
		return nil, err
	}
	if err := s.rightShares(req); err != nil {
		s.Reject(o, nil, err)
		return nil, err
	}
	if req.Shares == 0 && req.Threshold == 0 {
		req.Shares, req.Threshold = 5, 3
	}
	if err := seal.CheckShares(req.Shares, req.Threshold); err != nil {
		err = fmt.Errorf("%w: %w", ErrBadRequest, err)
		s.Reject(o, nil, err)
		return nil, err
	}
	rec := s.nodeRecord(o, "sys/init")
	rec.Type, rec.Fields = audit.TypeIntent, map[string]string{"shares": fmt.Sprint(req.Shares), "threshold": fmt.Sprint(req.Threshold)}
	if err := s.audit.Append(rec); err != nil {
		return nil, translate(err)
	}
	result, err := s.makeCluster(ctx, o, req)
	out := *rec
	out.Type, out.Outcome, out.Code = audit.TypeOutcome, outcome(err), Code(err)
	s.audit.AppendLate(&out)
	return result, err
}

// rightShares refuses shares that are asked for as something that they are not, in
// Vault's words.
func (s *Service) rightShares(req InitRequest) error {
	if unattended := len(s.cfg.Seals) > 0; req.Recovery == unattended || req.Shares == 0 && req.Threshold == 0 {
		return nil
	}
	which := "secret_shares,secret_threshold"
	if req.Recovery {
		which = "recovery_shares,recovery_threshold"
	}
	return saying(ErrBadRequest, "parameters %s not applicable to seal type %s", which, s.sealType())
}

func (s *Service) makeCluster(ctx context.Context, o Origin, req InitRequest) (*InitResult, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	now := wall.Now().UnixNano()
	cluster := state.Cluster{
		ID: newUUID(), Name: s.cfg.ClusterName, Created: now,
		TokenKey: randomBytes(32), AuditKey: randomBytes(32), Dev: s.cfg.Dev,
	}
	if cluster.Name == "" {
		cluster.Name = "signet"
	}
	record, shares, opened, err := seal.Create(seal.Params{ClusterID: cluster.ID, Shares: req.Shares, Threshold: req.Threshold, Now: now})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	defer opened.Wipe()
	if len(s.cfg.Seals) > 0 {
		if record, err = s.firstSeal(ctx, o, record, opened); err != nil {
			return nil, err
		}
	}
	root := newToken(cluster.TokenKey)
	if req.RootToken != "" {
		if !s.cfg.Dev {
			return nil, fmt.Errorf("%w: only a development node takes a root token of the caller's choice", ErrBadRequest)
		}
		root = tokenOf(req.RootToken)
	}
	entry, err := s.genesisEntry(record, opened.Barrier(), &state.Genesis{
		Cluster: cluster, Level: state.Level,
		Mount:   state.Mount{UUID: newUUID(), Path: "transit/", Type: "transit", Description: "keys that sign and encrypt", Accessor: "transit_" + randomText(8)},
		Default: state.Policy{Name: "default", Text: policy.DefaultPolicy, Updated: now},
		Root: state.Token{
			Hash: root.hash(), Accessor: randomText(24), Policies: []string{"root"}, DisplayName: "root",
			Path: "auth/token/root", Created: now,
		},
	}, now)
	if err != nil {
		return nil, err
	}
	// A node that crashed between the two steps is bootstrapped and holds no
	// seal record: init goes on from there.
	if err := s.store.Bootstrap(ctx); err != nil && !errors.Is(err, raftstore.ErrBootstrapped) {
		return nil, err
	}
	if err := s.store.WaitLeader(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLeader, err)
	}
	// An earlier init whose outcome was not known may still be on its way.
	if err := s.store.Barrier(ctx); err != nil {
		return nil, translate(err)
	}
	if s.machine.sealRecord() != nil {
		return nil, ErrInitialized
	}
	if _, err := s.store.Propose(ctx, entry); err != nil {
		return nil, translate(err)
	}
	return &InitResult{Shares: shares, Recovery: record.Unattended(), RootToken: root}, nil
}

// firstSeal puts a new seal under the configured ones.
func (s *Service) firstSeal(ctx context.Context, o Origin, made *seal.Record, opened *seal.Opened) (*seal.Record, error) {
	wrappings, err := s.wrap(ctx, s.nodeRecord(o, "seal/wrap"), opened, s.cfg.Seals, made.ClusterID)
	if err != nil {
		return nil, err
	}
	return opened.FirstSeal(wrappings)
}

func (s *Service) genesisEntry(record *seal.Record, bar *barrier.Barrier, genesis *state.Genesis, now int64) ([]byte, error) {
	first := &raftstore.Roster{ClusterID: genesis.Cluster.ID, Epoch: 1, Level: state.Level, Members: []raftstore.Member{s.selfMember(raftstore.Voter)}}
	roster, err := first.Marshal()
	if err != nil {
		return nil, err
	}
	recordBytes, err := record.Marshal()
	if err != nil {
		return nil, err
	}
	var parts []state.Part
	for _, clear := range []struct {
		kind    state.PartKind
		purpose string
		body    []byte
	}{{state.PartSeal, macSeal, recordBytes}, {state.PartRoster, macRoster, roster}} {
		mac, err := bar.MAC(clear.purpose, clear.body)
		if err != nil {
			return nil, err
		}
		parts = append(parts, state.Part{Kind: clear.kind, Data: clearRecord{clear.body, mac}.encode()})
	}
	command, err := state.Encode(&state.Numbered{Epoch: 1, At: now, Proposal: newProposal(), Command: genesis})
	if err != nil {
		return nil, err
	}
	sealed, err := bar.Seal(commandName, command)
	if err != nil {
		return nil, err
	}
	return state.EncodeEntry(append(parts, state.Part{Kind: state.PartCommand, Data: sealed})...), nil
}

// nodeRecord is a record of an operation on the node itself, which no token
// authorises.
func (s *Service) nodeRecord(o Origin, operation string) *audit.Record {
	return &audit.Record{Type: audit.TypeNode, RequestID: o.RequestID, Operation: operation, Method: o.Method, Path: o.Path, Remote: o.Remote}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // does not fail: crypto/rand ends the process instead
	return b
}

// newUUID returns a random UUID (RFC 9562, version 4). UUIDs name things here
// and are never a secret.
func newUUID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
