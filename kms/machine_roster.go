package kms

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// rosterSeen is a roster that a sealed machine saw beside a command, of which it cannot
// tell whether it took effect.
type rosterSeen struct {
	index uint64
	sum   [sha256.Size]byte
	body  []byte
}

// takeRoster takes the first roster there is. Later ones wait for the command beside
// them: on an unsealed machine see position, on a sealed one noteRosters.
func (m *machine) takeRoster(c clearRecord) error {
	if m.roster.body != nil {
		if m.opened != nil {
			return nil
		}
		return raftstore.CheckLevel(c.body, state.Level)
	}
	if err := raftstore.CheckLevel(c.body, state.Level); err != nil {
		return err
	}
	parsed, err := raftstore.ParseRoster(c.body)
	if err != nil {
		return err
	}
	m.roster = c
	m.tellMembers(parsed)
	return nil
}

// noteRosters keeps the rosters of an entry that waits for unseal. None of them decides
// anything until an unsealed member says which one is in force, see settleRosters: the
// command beside it may be refused, and then its version goes to another roster.
func (m *machine) noteRosters(index uint64, parts []state.Part) error {
	if !slices.ContainsFunc(parts, func(p state.Part) bool { return p.Kind == state.PartCommand }) {
		return nil // nothing puts it in force
	}
	for _, p := range parts {
		if p.Kind != state.PartRoster {
			continue
		}
		c, err := parseClear(p.Data)
		if err != nil {
			return err
		}
		if bytes.Equal(c.body, m.roster.body) {
			continue // the first one, which was taken
		}
		m.rosters = append(m.rosters, rosterSeen{index, sha256.Sum256(c.body), c.body})
		m.unsettled.Store(index)
	}
	return nil
}

// errRosterAhead: what is in force comes later than this machine's log goes, or was made up.
var errRosterAhead = errors.New("the roster that is in force is not in this node's log yet")

// settleRosters is told the SHA-256 of the roster that is in force after the entry at
// index upTo. It obeys that one if it stands in this machine's own log; whoever says so
// can name no other. Those up to there decide nothing any more. Where the one in force
// is not known here, all stay: one of them may be that of before it. Error: errRosterAhead.
func (m *machine) settleRosters(sum [sha256.Size]byte, upTo uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opened != nil {
		return nil // it knows by itself
	}
	at := slices.IndexFunc(m.rosters, func(r rosterSeen) bool { return r.sum == sum })
	if at < 0 && sum != m.settled && sum != sha256.Sum256(m.roster.body) {
		return errRosterAhead
	}
	if at >= 0 {
		parsed, err := raftstore.ParseRoster(m.rosters[at].body)
		if err != nil {
			return fmt.Errorf("log entry %d: %w", m.rosters[at].index, err)
		}
		m.tellMembers(parsed)
		m.settled = sum
	}
	m.setRosters(slices.DeleteFunc(m.rosters, func(r rosterSeen) bool { return r.index <= upTo }))
	return nil
}

func (m *machine) setRosters(waiting []rosterSeen) {
	m.rosters = waiting
	if len(waiting) == 0 {
		m.unsettled.Store(0)
	} else {
		m.unsettled.Store(waiting[len(waiting)-1].index)
	}
}

// rosterInForce is the SHA-256 of the roster in force, and the index of the last entry
// that had a say in that. Error: ErrSealed.
func (m *machine) rosterInForce() (sum [sha256.Size]byte, index uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == nil {
		return sum, 0, ErrSealed
	}
	return sha256.Sum256(m.roster.body), m.state.Index, nil
}

func (m *machine) tellMembers(r *raftstore.Roster) {
	if m.members != nil {
		m.members(r)
	}
}
