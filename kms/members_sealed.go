package kms

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/signet-kms/signet/raftstore"
)

// opRoster: a sealed member asks which roster is in force.
const opRoster = "roster"

// rosterQuestion names the last entry of the asker's log that has a roster in it.
type rosterQuestion struct {
	Index uint64 `json:"index"`
}

// rosterAnswer is the roster in force after the entry at Index, which is not before the
// one that was asked for.
type rosterAnswer struct {
	SHA256 []byte `json:"sha256"`
	Index  uint64 `json:"index"`
}

// settleAgain is how long a sealed node waits before it asks again, when nobody could
// tell.
const settleAgain = time.Second

// settleRosters asks, on a sealed node, which of the rosters in its log is in force: the
// leader, or another member in turn while it knows none or leads itself.
func (s *Service) settleRosters(ctx context.Context) {
	last := s.machine.unsettled.Load()
	if last == 0 || s.unsealed() || time.Since(s.promotion.settled) < settleAgain {
		return
	}
	roster := s.store.Roster()
	if roster == nil {
		return
	}
	member := s.whomToTell(roster, s.store.Identity().NodeID)
	if member == "" {
		return
	}
	if err := s.askRoster(ctx, member, last); err != nil {
		s.promotion.settled = time.Now()
		s.log.Debug("could not learn yet which roster is in force", "asked", member, "error", err)
	}
}

func (s *Service) askRoster(ctx context.Context, member string, last uint64) error {
	body, err := json.Marshal(rosterQuestion{last})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	b, err := s.store.Ask(ctx, member, opRoster, body)
	if err != nil {
		return err
	}
	var said rosterAnswer
	if err := json.Unmarshal(b, &said); err != nil {
		return err
	}
	if len(said.SHA256) != sha256.Size || said.Index < last {
		return errors.New("the answer is about an earlier roster")
	}
	return s.machine.settleRosters([sha256.Size]byte(said.SHA256), said.Index)
}

// answerRoster tells a sealed member which roster is in force here, once this node is
// where the question is.
func (s *Service) answerRoster(ctx context.Context, body []byte) ([]byte, error) {
	var in rosterQuestion
	if json.Unmarshal(body, &in) != nil {
		return nil, &raftstore.PeerError{Code: ErrBadRequest.code, Text: ErrBadRequest.text}
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	if err := s.reach(ctx, in.Index); err != nil {
		return nil, peerError(err)
	}
	sum, index, err := s.machine.rosterInForce()
	if err != nil {
		return nil, peerError(err)
	}
	return json.Marshal(rosterAnswer{sum[:], index})
}
