package raftstore

import (
	"errors"
	"time"
)

// transferTime is how long a leader may refuse everything because it hands the lead
// over. raft gives a transfer up after an election timeout.
const transferTime = 10 * time.Second

// noteTransfer is told, with each barrier, whether raft refused it because a transfer of
// the lead is under way. A leader that lost the lead in the middle of one may stay in it
// (raft 1.7.3): elected again it would refuse every write for good, and send heartbeats,
// so that nobody else is elected. Such a node must end.
func (s *Store) noteTransfer(refused bool) {
	if !refused {
		s.transferring.Store(0)
		return
	}
	now := int64(bootTime())
	if s.transferring.CompareAndSwap(0, now) {
		return
	}
	if time.Duration(now-s.transferring.Load()) > transferTime {
		s.fail(&Fatal{errTransferStuck})
	}
}

var errTransferStuck = errors.New("raft hands the lead over and does not come to an end of it; start the node again")
