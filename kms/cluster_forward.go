package kms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal/barrier"
)

// Requests between members that the domain answers.
const (
	opPropose   = "propose"   // a follower has a command committed
	opBarrier   = "barrier"   // a follower asks when a command is in force everywhere
	opAdmit     = "admit"     // a node that wants to join asked a follower
	opAnnounce  = "announce"  // a member says where it is to be reached
	opStatus    = "status"    // how a member is
	opAutopilot = "autopilot" // a member's caller asks how the leader finds the members
	opMember    = "member"    // a member's caller changes a member, or who leads
)

// Codes of refusals between members, beside those of the domain.
const (
	codeNotProposed = "not_proposed" // nothing was appended: it may be tried again
	codeUnknown     = "outcome_unknown"
)

// errLeadsItself is ErrNoLeader on a node that followed when it was asked: nothing is
// appended yet, and it may do so itself.
var errLeadsItself = errors.New("this node leads now")

var errForwarding = errors.New("the leader cannot be reached")

// forwardedName binds the seal of a command on its way to the leader. It carries no
// number yet, so it is none that a log could hold.
var forwardedName = barrier.Name{Kind: "forwarded"}

// memberName binds the seal of a member's request to change a member.
var memberName = barrier.Name{Kind: "member change"}

// forwarded is the leader's answer to a proposal of another node.
type forwarded struct {
	Index   uint64      `json:"index"`             // the outcome is known to who has applied the log up to here
	Barrier barrierDone `json:"barrier,omitempty"` // of a barrier-class command
}

// forward has the leader commit a command that this node decided on. The outcome is
// the one that this node's own machine finds: the result needs no encoding, and the
// state that the answer is made from has the write in it.
func (s *Service) forward(ctx context.Context, leader string, n *state.Numbered) (applied, error) {
	outcome := make(chan outcomeHere, 1)
	s.waiters.Store(string(n.Proposal), outcome)
	defer s.waiters.Delete(string(n.Proposal))
	message, err := s.sealForwarded(n)
	if err != nil {
		return applied{}, err
	}
	var answer forwarded
	if err := s.askAnyLeader(ctx, leader, message, &answer); err != nil {
		return applied{}, err
	}
	s.observed.forwarded.Inc()
	// The leader has the outcome, and so will this node, unless it skipped the entry
	// with a snapshot.
	for {
		next := s.moved.next()
		select {
		case here := <-outcome:
			return here.told(answer.Barrier)
		default:
		}
		v := s.view.Load()
		if v == nil {
			return applied{}, saying(ErrOutcomeUnknown, "this node was sealed while the write was under way; it is done, or refused, on the others")
		}
		if v.Index >= answer.Index {
			s.machine.settle() // it is told after the view that has it
			select {
			case here := <-outcome:
				return here.told(answer.Barrier)
			default:
				return applied{}, saying(ErrOutcomeUnknown, "the write is decided, and this node did not see how; read before trying again")
			}
		}
		select {
		case <-next:
		case here := <-outcome:
			return here.told(answer.Barrier)
		case <-ctx.Done():
			return applied{}, saying(ErrOutcomeUnknown, "the write is decided, and this node does not know how yet; read before trying again")
		}
	}
}

func (h outcomeHere) told(b barrierDone) (applied, error) {
	if h.refusal != nil {
		return applied{}, translate(spent(h.refusal))
	}
	h.done.barrier = b
	return h.done.told(), nil
}

// askAnyLeader asks the leader, and the next one while that one certainly did not
// take it: it stopped, or does not lead any more.
func (s *Service) askAnyLeader(ctx context.Context, leader string, message []byte, answer *forwarded) error {
	patience := time.Now().Add(electionTime)
	for {
		err := s.askLeader(ctx, leader, message, answer)
		if !errors.Is(err, ErrNoLeader) || time.Now().After(patience) || !s.awaitLead(ctx) {
			return err
		}
		if leader = s.follows(); leader == "" {
			return errors.Join(errLeadsItself, err)
		}
	}
}

// askLeader hands the message over, and translates what came of it.
func (s *Service) askLeader(ctx context.Context, leader string, message []byte, answer *forwarded) error {
	b, err := s.askWhileItLeads(ctx, leader, opPropose, message)
	refusal := (*raftstore.PeerError)(nil)
	switch {
	case err == nil:
		if json.Unmarshal(b, answer) != nil {
			return ErrOutcomeUnknown
		}
		return nil
	case errors.Is(err, raftstore.ErrNotDelivered):
		return fmt.Errorf("%w: %w", ErrNoLeader, errForwarding)
	case !errors.As(err, &refusal):
		return fmt.Errorf("%w: the leader did not answer", ErrOutcomeUnknown)
	case refusal.Code == codeNotProposed || refusal.Code == "not_ready":
		return fmt.Errorf("%w: %s", ErrNoLeader, refusal.Text)
	}
	for _, known := range []*Error{ErrSealed, ErrNoLeader, ErrBusy, ErrStorageFull, ErrClusterLevel} {
		if refusal.Code == known.code {
			return saying(known, "the leader: %s", refusal.Text)
		}
	}
	return saying(ErrOutcomeUnknown, "the leader: %s", refusal.Text)
}

// sealForwarded puts a command, and what stands beside it in clear, into a message.
func (s *Service) sealForwarded(n *state.Numbered) ([]byte, error) {
	plain := *n
	var beside []state.Part
	plain.Command, beside = inClear(n.Command)
	clear, err := state.Encode(&plain)
	if err != nil {
		return nil, err
	}
	sealed, err := s.sealBetween(forwardedName, clear)
	if err != nil {
		return nil, err
	}
	return state.EncodeEntry(append(beside, state.Part{Kind: state.PartCommand, Data: sealed})...), nil
}

// sealBetween seals a message to another member: who sends it holds the barrier, and not
// just the key of a node. Error: ErrSealed.
func (s *Service) sealBetween(name barrier.Name, clear []byte) ([]byte, error) {
	s.numbering.Lock()
	defer s.numbering.Unlock()
	if s.numbering.bar == nil || s.sealing.Load() {
		return nil, ErrSealed
	}
	return s.numbering.bar.Seal(name, clear)
}

// openBetween is the inverse.
func (s *Service) openBetween(name barrier.Name, sealed []byte) ([]byte, error) {
	s.numbering.Lock()
	bar := s.numbering.bar
	s.numbering.Unlock()
	if bar == nil {
		return nil, ErrSealed
	}
	return bar.Open(name, sealed)
}

// openForwarded is the inverse of sealForwarded, at the leader.
func (s *Service) openForwarded(message []byte) (*state.Numbered, error) {
	parts, err := state.DecodeEntry(message)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(parts, func(p state.Part) bool { return p.Kind == state.PartCommand })
	if i != len(parts)-1 {
		return nil, errors.New("a proposal has one command, after what stands beside it")
	}
	clear, err := s.openBetween(forwardedName, parts[i].Data)
	if err != nil {
		return nil, err
	}
	n, err := state.Decode(clear)
	if err != nil {
		return nil, err
	}
	return n, besideAgain(n, parts[:i])
}

// besideAgain puts what stood beside a command back to it.
func besideAgain(n *state.Numbered, beside []state.Part) error {
	if len(beside) == 0 {
		return nil
	}
	c, err := parseClear(beside[0].Data)
	if err != nil {
		return err
	}
	switch cmd := n.Command.(type) {
	case *state.RotateTerm, *state.MigrateSeal:
		n.Command = &withRecord{cmd, c}
	case *state.SetRoster, *state.SetClusterLevel:
		n.Command = &withRoster{cmd, c}
	default:
		return errors.New("nothing stands beside such a command")
	}
	return nil
}

// answerPropose commits what a follower decided on. The follower authenticated the
// caller, asked the policy and wrote the intent; it holds the barrier, as this node
// does, so it could do no less by itself.
func (s *Service) answerPropose(ctx context.Context, message []byte) ([]byte, error) {
	if !s.leading() {
		return nil, errNotTheLeader
	}
	n, err := s.openForwarded(message)
	if corruption := (*state.Corruption)(nil); errors.As(err, &corruption) {
		// Members propose what the cluster's level allows, so this is none of them.
		return nil, peerError(saying(ErrClusterLevel, "the leader does not know this change: %s", corruption.Err))
	}
	if err != nil {
		return nil, peerError(err)
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	done, err := s.commit(ctx, n)
	refusal := state.Refusal("")
	switch {
	case err == nil && state.BarrierClass(n.Command.Kind()):
		done.barrier, err = s.everywhere(ctx, done.state.Index)
	case errors.As(err, &refusal), Code(err) != "internal" && !s.infrastructure(err):
		// Refused by the machine, and the follower's machine says so too.
		return json.Marshal(forwarded{Index: s.stateIndex()})
	}
	if err != nil {
		return nil, peerError(err)
	}
	return json.Marshal(forwarded{done.state.Index, done.barrier})
}

// infrastructure says whether an error is one of a write that did not get to the
// machine, or of which nobody knows.
func (s *Service) infrastructure(err error) bool {
	return slices.ContainsFunc([]*Error{ErrSealed, ErrNoLeader, ErrBusy, ErrStorageFull, ErrOutcomeUnknown, ErrAuditUnavailable, ErrClusterLevel}, func(e *Error) bool { return errors.Is(err, e) })
}

// peerError is an error on its way to another member.
func peerError(err error) error {
	code := Code(err)
	if code == ErrNoLeader.code {
		code = codeNotProposed
	}
	return &raftstore.PeerError{Code: code, Text: err.Error()}
}

// answerPeer answers another member.
func (s *Service) answerPeer(ctx context.Context, from, op string, body []byte) ([]byte, error) {
	switch op {
	case opPropose:
		return s.answerPropose(ctx, body)
	case opAdmit:
		return s.answerAdmit(ctx, body)
	case opAnnounce:
		return s.answerAnnounce(ctx, from, body)
	case opBarrier:
		return s.answerBarrier(ctx, body)
	case opMember:
		return s.answerMember(ctx, from, body)
	case opAutopilot:
		return s.answerAutopilot(ctx)
	case opRoster:
		return s.answerRoster(ctx, body)
	case opStatus:
		return json.Marshal(s.memberStatus(string(body) == askDigest))
	}
	return nil, &raftstore.PeerError{Code: "unsupported", Text: "this node does not know " + Quote(op) + "; it may be of another version"}
}
