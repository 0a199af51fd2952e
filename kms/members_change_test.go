package kms

import (
	"errors"
	"fmt"
	"testing"

	"github.com/signet-kms/signet/raftstore"
)

// There are seven voters at the most; who votes already, replicas and those that were
// removed take no room.
func TestSevenVotersAreEnough(t *testing.T) {
	roster := &raftstore.Roster{}
	add := func(suffrage string, removed bool) {
		roster = roster.With(raftstore.Member{NodeID: fmt.Sprintf("n%d", len(roster.Members)), Suffrage: suffrage, Removed: removed})
	}
	for range 3 {
		add(raftstore.Replica, false)
		add(raftstore.Voter, true)
	}
	for i := range maxVoters {
		if err := roomToVote(roster, "new"); err != nil {
			t.Errorf("beside %d voters: %v", i, err)
		}
		add(raftstore.Voter, false)
	}
	if err := roomToVote(roster, "new"); !errors.Is(err, ErrBadRequest) {
		t.Errorf("an eighth voter: %v", err)
	}
	if err := roomToVote(roster, roster.Members[len(roster.Members)-1].NodeID); err != nil {
		t.Errorf("one that is to vote already: %v", err)
	}
}
