package kms

import (
	"errors"
	"fmt"
	"slices"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/barrier"
)

// position is how far the log is applied: the state, and the seal record in
// force. An unsealed machine moves it entry by entry; a sealed one, which keeps
// the entries, moves it through all of them at unseal, and comes out at the same.
type position struct {
	run    *state.Applier
	record clearRecord
	parsed *seal.Record // of record
	roster clearRecord

	members *raftstore.Roster // came into force and is not told yet; nil for none
}

func (m *machine) moveTo(at position) {
	m.state, m.record, m.roster = at.run.State(), at.record, at.roster
	m.parsed.Store(at.parsed)
	m.seen.Store(at.parsed)
	if at.members != nil {
		m.tellMembers(at.members)
	}
}

// apply applies the commands of one entry. If one of them made another
// term the active one, or changed the wrappings of the seal, the seal record
// beside it comes into force: the two are one change. The record beside a command that was refused, or that had taken
// effect before, does nothing.
//
// A state.Refusal is a result like any other. After any other error the node must
// stop.
func (at *position) apply(opened *seal.Opened, index uint64, parts []state.Part, commands []*state.Numbered) (any, error) {
	term, revision, members := at.run.Term(), at.run.SealRevision(), at.run.RosterVersion()
	var result any
	var err error
	for _, n := range commands {
		if result, err = at.run.Apply(index, n); err != nil {
			break
		}
	}
	if refusal := state.Refusal(""); err != nil && !errors.As(err, &refusal) {
		return nil, err
	}
	rotated, migrated := at.run.Term() != term, at.run.SealRevision() != revision
	if rotated && migrated {
		return nil, &state.Corruption{Err: errors.New("one entry rotates the barrier and migrates the seal")}
	}
	if rotated {
		if err := at.adopt(opened.Adopt, opened.Barrier(), parts); err != nil {
			return nil, &state.Corruption{Err: fmt.Errorf("term %d of the barrier: %w", at.run.Term(), err)}
		}
	}
	if migrated {
		if err := at.adopt(opened.AdoptSeal, opened.Barrier(), parts); err != nil {
			return nil, &state.Corruption{Err: fmt.Errorf("revision %d of the seal: %w", at.run.SealRevision(), err)}
		}
	}
	if v := at.run.RosterVersion(); v != members {
		if err := at.adoptRoster(opened.Barrier(), v, parts); err != nil {
			return nil, &state.Corruption{Err: fmt.Errorf("version %d of the roster: %w", v, err)}
		}
	}
	return result, err
}

// adoptRoster puts the roster of an entry in force, whose version the state has
// made the one in force.
func (at *position) adoptRoster(bar *barrier.Barrier, version uint64, parts []state.Part) error {
	i := slices.IndexFunc(parts, func(p state.Part) bool { return p.Kind == state.PartRoster })
	if i < 0 || slices.IndexFunc(parts[i+1:], func(p state.Part) bool { return p.Kind == state.PartRoster }) >= 0 {
		return errors.New("not one roster came with it")
	}
	c, err := parseClear(parts[i].Data)
	if err != nil {
		return err
	}
	if err := raftstore.CheckLevel(c.body, state.Level); err != nil {
		return err
	}
	parsed, err := raftstore.ParseRoster(c.body)
	if err != nil {
		return err
	}
	if err := bar.VerifyMAC(macRoster, c.body, c.mac); err != nil {
		return fmt.Errorf("it was changed outside of the cluster: %w", err)
	}
	if parsed.Version != version {
		return fmt.Errorf("it says that it is version %d", parsed.Version)
	}
	if parsed.Level != at.run.Level() {
		return fmt.Errorf("it says that the cluster is at feature level %d, which is at %d", parsed.Level, at.run.Level())
	}
	at.roster, at.members = c, parsed
	return nil
}

// openCommands opens the commands of one entry.
func openCommands(bar *barrier.Barrier, parts []state.Part) ([]*state.Numbered, error) {
	commands := make([]*state.Numbered, 0, 1)
	for _, p := range parts {
		if p.Kind != state.PartCommand {
			continue
		}
		opened, err := bar.Open(commandName, p.Data)
		if err != nil {
			return nil, &state.Corruption{Err: err}
		}
		n, err := state.Decode(opened)
		if err != nil {
			return nil, err
		}
		commands = append(commands, n)
	}
	return commands, nil
}

// adopt puts the seal record of an entry in force, which the state has made the
// one that counts. take is Adopt or AdoptSeal of what is open.
func (at *position) adopt(take func(*seal.Record) error, bar *barrier.Barrier, parts []state.Part) error {
	var record clearRecord
	for _, p := range parts {
		if p.Kind != state.PartSeal {
			continue
		}
		if record.body != nil {
			return errors.New("two seal records came with it")
		}
		var err error
		if record, err = parseClear(p.Data); err != nil {
			return err
		}
	}
	if record.body == nil {
		return errors.New("no seal record came with it")
	}
	parsed, err := seal.ParseRecord(record.body)
	if err != nil {
		return err
	}
	if err := bar.VerifyMAC(macSeal, record.body, record.mac); err != nil {
		return fmt.Errorf("the seal record was changed outside of the cluster: %w", err)
	}
	if err := take(parsed); err != nil {
		return err
	}
	if term := bar.Term(); term != at.run.Term() {
		return fmt.Errorf("the seal record makes term %d the active one", term)
	}
	if parsed.Revision != at.run.SealRevision() {
		return fmt.Errorf("the seal record is of revision %d", parsed.Revision)
	}
	at.record, at.parsed = record, parsed
	return nil
}
