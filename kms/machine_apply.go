package kms

import (
	"errors"
	"fmt"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// Apply implements raftstore.Machine.
func (m *machine) Apply(index uint64, data []byte) any {
	return m.ApplyBatch([]raftstore.Entry{{Index: index, Data: data}})[0]
}

// ApplyBatch implements raftstore.BatchMachine.
func (m *machine) ApplyBatch(entries []raftstore.Entry) []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := run{m: m, results: make([]any, 0, len(entries))}
	for _, e := range entries {
		if err := r.entry(e); err != nil {
			r.end()
			return append(r.results, &raftstore.Fatal{Err: fmt.Errorf("log entry %d: %w", e.Index, err)})
		}
	}
	r.end()
	return r.results
}

// run applies entries, and makes one state of neighbours that have nothing to do with
// each other: each is about one key, and no two about the same. What any of them did,
// and is answered with, stands in the state after all of them as it did right after
// itself; so that state is the only one that is made and published. Sixty rotations
// copy the trees' upper nodes once. Who waits until all nodes know of one waits for
// the index of that state, which is not before its own.
type run struct {
	m       *machine
	results []any // of all entries that are done, in order

	at      position
	keys    map[string]bool // that the entries of this run are about; nil: none is open
	waiting []outcomeThere
}

// outcomeThere is an entry's outcome before there is a state to go with it.
type outcomeThere struct {
	index   uint64
	last    *state.Numbered // nil: the entry had no command
	result  any
	refusal error
}

// entry applies one entry, now or as part of the run. An error is fatal.
func (r *run) entry(e raftstore.Entry) error {
	parts, err := state.DecodeEntry(e.Data)
	if err != nil {
		return err
	}
	if len(parts) != 1 || parts[0].Kind != state.PartCommand {
		r.end() // what is in clear beside a command is told at once
	}
	for _, p := range parts {
		if err := r.m.takeClear(p); err != nil {
			return err
		}
	}
	if r.m.opened == nil {
		if err := r.m.noteRosters(e.Index, parts); err != nil {
			return err
		}
		r.m.tail = append(r.m.tail, tailEntry{e.Index, e.Data})
		r.results = append(r.results, kept{})
		return nil
	}
	commands, err := openCommands(r.m.opened.Barrier(), parts)
	if err != nil {
		return err
	}
	key := ""
	if len(parts) == 1 && len(commands) == 1 {
		key = state.AboutOneKey(commands[0].Command)
	}
	if key == "" || r.keys[key] {
		r.end()
	}
	if r.keys == nil {
		r.at = position{run: state.NewApplier(r.m.state), record: r.m.record, roster: r.m.roster, parsed: r.m.sealRecord()}
		r.keys = map[string]bool{}
	}
	r.keys[key] = true
	result, err := r.at.apply(r.m.opened, e.Index, parts, commands)
	if refusal := state.Refusal(""); err != nil && !errors.As(err, &refusal) {
		// What was applied before it in this run is committed, and true; but the
		// transaction may hold a part of this entry, and is not to be trusted.
		r.keys, r.waiting = nil, nil
		return err
	}
	var last *state.Numbered
	if len(commands) > 0 {
		last = commands[len(commands)-1]
	}
	r.waiting = append(r.waiting, outcomeThere{e.Index, last, result, err})
	if key == "" {
		r.end()
	}
	return nil
}

// end makes the state after the run, publishes it, and then tells the outcomes.
func (r *run) end() {
	if r.keys == nil {
		return
	}
	r.m.moveTo(r.at)
	r.m.publish(r.m.state)
	for _, o := range r.waiting {
		done := applied{result: o.result, state: r.m.state}
		if r.m.noticed != nil && o.last != nil {
			r.m.noticed(o.index, o.last, done, o.refusal)
		}
		if o.refusal != nil {
			r.results = append(r.results, o.refusal)
		} else {
			r.results = append(r.results, done)
		}
	}
	r.at, r.keys, r.waiting = position{}, nil, r.waiting[:0]
}
