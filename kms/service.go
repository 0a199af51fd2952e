package kms

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/barrier"
)

// Config is what Open needs. The service opens and closes the audit log and the
// store.
type Config struct {
	Store       raftstore.Options // Open opens it: the machine is the service's own
	Audit       audit.Options     // Open opens it, under the name that the store's identity gives the node
	Logger      hclog.Logger
	Version     string // of the build, semantic
	APIAddr     string // what clients reach
	ClusterName string // for init; "" is "signet"
	Snapshots   BackupPlan
	Dev         bool // a development node: init may take the root token from the caller
	Joins       bool // without data it waits to be admitted to a cluster, and makes none of its own

	Seals []seal.Wrapper // other sides that hold the root key beside the shares; none: people unseal the node
}

// Service is the whole domain. Its methods are the verbs; all are safe for
// concurrent use.
type Service struct {
	cfg     Config
	log     hclog.Logger
	audit   *audit.Log
	gate    *gate.Gate
	keys    *keyring.Keyring
	store   *raftstore.Store
	machine *machine
	view    atomic.Pointer[view] // nil while sealed
	caught  atomic.Bool          // the log as it was at the start is applied: what is not there does not exist
	serving atomic.Uint64        // 0, or the number of this period of being unsealed
	moved   moved                // tells who waits that the view changed
	waiters sync.Map             // proposal id → chan outcomeHere: of proposals that another node numbers

	notAdmitted atomic.Pointer[string] // why a node that Joins is in no cluster yet

	progress atomic.Pointer[seal.Progress] // of the unseal under way; nil when there is none

	ceremony struct { // init, unseal and seal, one at a time
		sync.Mutex
		unsealing *seal.Unsealing // nil when none is under way
		wrong     wrongShares
	}

	numbering struct { // commands get their numbers and enter raft's queue in one order
		sync.Mutex
		bar     *barrier.Barrier // nil while sealed
		epoch   uint64           // of the leadership of term; 0 for none
		seq     uint64           // of the last command
		term    uint64           // raft's, for which epoch was opened
		periods uint64           // how often this node was unsealed
	}

	promotion promotion

	joins    joinRoom
	changing sync.Mutex // held while the leader changes a member: see changeOnce

	autopilot atomic.Pointer[[]memberHealth] // promotion.members, for those who ask

	waiting waiting // of the unattended unseal

	started time.Time // the zero of the limiters' clock

	observed    observed
	clockOffset func() time.Duration // how far a leader's clock is behind its voters'; the store's, but in tests

	sealing  atomic.Bool // no more proposals: the node is about to seal
	closing  atomic.Bool
	clock    clock
	clockSet atomic.Bool // a leader has not compared its clock with the others' since it was set
	keyLocks keyLocks
	budgets  sync.Map // versionID → *budget: encryptions reserved and not made yet

	rotating chan struct{} // holds one element while the barrier's term rotates
	termDue  chan struct{} // tells watchTerm that the term has sealed enough; capacity 1

	scheduled     scheduled
	readingBackup sync.Mutex // held while a backup that somebody sent is in memory

	making chan struct{} // holds one element for each key being made; bounded

	epochErr atomic.Pointer[error] // why serving did not begin, the last time

	fatal chan error    // after which the process must end; capacity 1
	wake  chan struct{} // tells lead that the node was unsealed; capacity 1
	due   chan struct{} // tells tick that something may be due sooner than it thinks; capacity 1

	stop context.CancelFunc // ends the background work
	done sync.WaitGroup
}

// view is one state and what is derived from it, immutable but for its caches.
type view struct {
	*state.State
	acls *aclCache // of the policies in the state, shared by views that have the same ones

	quotas *quotaSet // of the quotas in the state, shared likewise; nil where there are none

	issuers *issuerCache // of the issuers in the state, shared likewise
}

// Open starts the domain on a store that may be empty. The node is sealed until
// Unseal. Errors are those of raftstore.Open and audit.Open.
func Open(cfg Config) (*Service, error) {
	s := &Service{
		cfg: cfg, started: time.Now(), log: cfg.Logger.Named("kms"), keys: keyring.New(),
		fatal: make(chan error, 1), wake: make(chan struct{}, 1), due: make(chan struct{}, 1),
		rotating: make(chan struct{}, 1), termDue: make(chan struct{}, 1),
		making: make(chan struct{}, max(1, runtime.NumCPU()/2)), observed: newObserved(),
	}
	cfg.Store.Level = state.Level
	early := &earlyMembers{}
	s.machine = &machine{publish: s.publish, members: early.take, noticed: s.noticed}
	store, err := raftstore.Open(cfg.Store, s.machine)
	if err != nil {
		return nil, err
	}
	s.store, s.clockOffset = store, store.Leases().ClockOffset
	early.pass(s.obeyRoster)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.catchUp(ctx)
	if err := store.Err(); errors.Is(err, raftstore.ErrLevel) { // before anything looks ready
		cancel()
		return nil, errors.Join(err, store.Close())
	}
	cfg.Audit.Node = store.Identity().NodeID
	if s.audit, err = audit.Open(cfg.Audit); err != nil {
		cancel()
		return nil, errors.Join(err, store.Close())
	}
	s.gate = gate.New(s.audit)
	store.HandlePeers(s.answerPeer)
	s.done.Go(func() { s.lead(ctx) })
	s.done.Go(func() { s.tick(ctx) })
	s.done.Go(func() { s.watchTerm(ctx) })
	s.done.Go(func() { s.keepBackups(ctx) })
	return s, nil
}

// catchUpTime is how long Open waits for the log to be replayed. A lone voter
// needs one election; a node with peers needs a leader, which it may not have
// before others start, so it does not wait.
const catchUpTime = 5 * time.Second

// catchUp waits until what was committed before the start is known here again.
// Until then a cluster that exists must not look like one that was never made:
// see exists.
func (s *Service) catchUp(ctx context.Context) {
	if !s.store.Bootstrapped() {
		s.caught.Store(true)
		return
	}
	if s.hasPeers() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	if s.store.WaitLeader(ctx) == nil && s.store.Barrier(ctx) == nil {
		s.caught.Store(true)
		return
	}
	s.log.Warn("the log is not replayed yet; this node answers when it is")
}

// publish makes a state the one that new requests see. The machine calls it in
// order.
func (s *Service) publish(st *state.State) {
	defer s.moved.tell()
	if st == nil {
		s.view.Store(nil)
		return
	}
	old := s.view.Load()
	next := &view{State: st}
	if old != nil && old.SamePolicies(st) {
		next.acls = old.acls
	} else {
		next.acls = &aclCache{}
	}
	if old != nil && old.SameIssuers(st) {
		next.issuers = old.issuers
	} else if old != nil {
		next.issuers = old.issuers.carried(st)
	} else {
		next.issuers = &issuerCache{}
	}
	switch {
	case old == nil:
		next.quotas = compileQuotas(st, nil)
	case old.SameQuotas(st):
		next.quotas = old.quotas
	default:
		next.quotas = compileQuotas(st, old.quotas)
	}
	// A snapshot of another survivor, after a recovery, may be older than what this node
	// had: what it told the leader of how far it is must not count for it any more.
	fell := old != nil && st.Index < old.Index && s.serving.Load() != 0
	if fell {
		s.store.Leases().Rest()
	}
	s.view.Store(next)
	if fell {
		s.store.Leases().Serve(s.stateIndex, s.reach)
	}
	s.noticeTerm(st)
}

// lead watches leadership for as long as the service lives. Each time this node
// leads and is unsealed it opens an epoch, and only then numbers commands.
func (s *Service) lead(ctx context.Context) {
	for ctx.Err() == nil {
		if !s.caught.Load() && s.store.Leading() && s.store.Barrier(ctx) == nil {
			s.caught.Store(true)
		}
		if !s.store.Leading() || !s.unsealed() {
			s.endEpoch()
			s.handOver(ctx)
			s.follow(ctx)
			s.settleRosters(ctx)
			s.watch(ctx)
			continue
		}
		if s.leading() {
			s.handOver(ctx)
			s.tendMembers(ctx)
			s.watch(ctx)
			continue
		}
		s.endEpoch() // one of an earlier term, if the lead was away in between
		if err := s.openEpoch(ctx); err != nil && ctx.Err() == nil {
			s.epochErr.Store(&err)
			s.log.Warn("could not take up leadership, trying again", "error", err)
			s.handOver(ctx)
			if !errors.Is(translate(err), ErrNoLeader) { // the lead went meanwhile, and may be back already
				pause(ctx, time.Second)
			}
		}
	}
}

// leadershipPoll is how soon a change of leadership is noticed at the latest; most are
// noticed at once, and so is an unseal. Safety does not wait for either: every proposal
// and every answer asks raft itself, in which term this node leads.
const leadershipPoll = 100 * time.Millisecond

func (s *Service) watch(ctx context.Context) {
	t := time.NewTimer(leadershipPoll)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.store.LeadershipChanged():
	case <-s.wake:
	case <-ctx.Done():
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *Service) endEpoch() {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	s.numbering.epoch = 0
	s.forgetMembers()
	s.store.Leases().Cease()
}

// openEpoch waits until everything committed before is applied here, commits an
// epoch command above all epochs seen, and begins to serve.
func (s *Service) openEpoch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	term, leads := s.store.LeadingTerm()
	if !leads {
		return ErrNoLeader
	}
	if err := s.store.Barrier(ctx); err != nil {
		return err
	}
	v := s.view.Load()
	if v == nil {
		return ErrSealed
	}
	epoch, at := v.Epoch+1, wall.Now().UnixNano()
	if s.hasPeers() {
		at = v.Time // whether its clock is right this node does not know yet: see hearClocks
	}
	sealed, err := s.sealCommand(&state.Numbered{Epoch: epoch, At: at, Proposal: newProposal(), Command: &state.Epoch{}})
	if err != nil {
		return err
	}
	result, err := s.store.Propose(ctx, sealed)
	if err != nil {
		return err
	}
	done, ok := result.(applied)
	if !ok {
		return ErrSealed
	}
	if err := s.takeLead(ctx, term, epoch, done.state.Index); err != nil {
		return err
	}
	s.nudge() // something may have become due while nobody led
	return nil
}

// tick does by itself what is due: it removes what has expired when nobody
// writes, rotates the keys that ask for it, activates and unpublishes versions,
// and destroys deleted keys.
func (s *Service) tick(ctx context.Context) {
	ahead, next := waits{}, int64(0)
	for ctx.Err() == nil {
		s.untilDue(ctx, next)
		s.forgetGone() // on every node: what is destroyed must not stay in memory
		v := s.view.Load()
		if v == nil || !s.leading() {
			next = s.stepsDue(ctx, ahead)
			continue
		}
		now := s.lookAtClock()
		s.stepsDue(ctx, ahead)
		s.forgetExpired(ctx, now)
		s.autoRotate(ctx, v, now)
		s.destroyDue(ctx, s.lookAtClock()) // making keys took its time
		next = s.stepsDue(ctx, ahead)      // and so it may be the time of others
	}
}

// forgetAtOnce bounds how many commands are made at one look to remove what has
// expired; each removes a bounded number itself.
const forgetAtOnce = 128

// forgetExpired removes expired tokens, and what is remembered of tokens of issuers
// that have expired. Commands do so by the way; this is for when nobody writes.
func (s *Service) forgetExpired(ctx context.Context, now int64) {
	for range forgetAtOnce {
		v := s.view.Load()
		if v == nil || ctx.Err() != nil {
			return
		}
		if next := v.NextExpiry(); next == 0 || next > now {
			return
		}
		if _, err := s.propose(ctx, newProposal(), &state.Tick{}); err != nil {
			if ctx.Err() == nil {
				s.log.Warn("could not remove what has expired, trying again", "error", err)
			}
			return
		}
	}
}

const tickInterval = 30 * time.Second

// untilDue waits for the next look: tickInterval, or less when a deleted key is
// to be destroyed sooner, or a version's next step comes, which is next.
func (s *Service) untilDue(ctx context.Context, next int64) {
	wait := tickInterval
	if left := time.Duration(next - wall.Now().UnixNano()); next != 0 {
		if left <= 0 {
			left = time.Second // it was tried, or waits for a clock that jumped
		}
		wait = min(wait, left)
	}
	if v := s.view.Load(); v != nil {
		if k := v.NextDestroy(); k != nil {
			left := time.Duration(k.DestroyAt - wall.Now().UnixNano())
			wait = min(wait, max(left, time.Second)) // a second, lest a failing one is tried all the time
		}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.due:
	case <-ctx.Done():
	}
}

// nudge makes tick look again at what is due.
func (s *Service) nudge() {
	select {
	case s.due <- struct{}{}:
	default: // it will
	}
}

// Fatal delivers the error after which the node must exit: its state or its log
// is not to be trusted, and starting again is the way to recover.
func (s *Service) Fatal() <-chan error {
	out := make(chan error, 1)
	go func() {
		select {
		case err := <-s.store.Fatal():
			out <- err
		case err := <-s.audit.Fatal():
			out <- err
		case err := <-s.fatal:
			out <- err
		}
	}()
	return out
}

// worthASnapshot is from how many entries on a stop puts the state away: that
// many, opened and applied one by one, are what the next unseal waits for.
const worthASnapshot = 512

// snapshotAtStop spares the next start the log. If it fails, nothing is lost.
func (s *Service) snapshotAtStop() {
	at := s.store.Indexes()
	if s.view.Load() == nil || at.Applied-at.LastSnapshot < worthASnapshot {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.store.Snapshot(ctx); err != nil {
		s.log.Warn("no snapshot at the stop; the next start goes through the log instead", "error", err)
	}
}

// Hurry makes requests that wait for a leader to be elected give up, since this node
// is about to stop. What is under way with a leader goes on.
func (s *Service) Hurry() { s.closing.Store(true) }

// Close seals the node and closes the store and the audit log.
func (s *Service) Close() error {
	s.closing.Store(true)
	s.stop()
	s.done.Wait()
	s.ceremony.Lock()
	defer s.ceremony.Unlock()
	s.snapshotAtStop()
	err := s.sealNow()
	s.audit.AppendLate(&audit.Record{Type: audit.TypeNode, Operation: "node/stop", Outcome: audit.OutcomeOK})
	return errors.Join(err, s.store.Close(), s.audit.Close())
}
