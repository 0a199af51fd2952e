package raftstore

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// Machine is the state machine that raftstore drives. All calls are serial: no
// method is called while another one runs. Only Snapshot.WriteTo of a snapshot
// taken earlier may run beside Apply.
type Machine interface {
	// Apply takes one committed entry. Indexes rise strictly but not by one:
	// raft's own entries are not shown. data may be kept and must not be
	// changed. The result goes to the proposer, if it is on this node; a
	// result that is an error is a refusal by the domain, and goes to the
	// proposer as it is. A *Fatal result, or a panic, stops the node: Apply is
	// never called again.
	Apply(index uint64, data []byte) any

	// Snapshot captures the state after the last Apply, in constant time.
	Snapshot() (Snapshot, error)

	// Restore replaces the whole state by what WriteTo once wrote. The bytes
	// have been verified against their checksum before this call. An error
	// stops the node.
	Restore(r io.Reader) error
}

// Entry is one committed entry of the log.
type Entry struct {
	Index uint64
	Data  []byte // may be kept and must not be changed
}

// BatchMachine is a Machine that takes entries many at a time, as they were
// committed. It need not be one.
type BatchMachine interface {
	Machine

	// ApplyBatch is Apply for entries in their order, with a result for each. A
	// *Fatal is the last result: the entries that have none then, the one that it
	// befell among them, have no outcome that anybody knows.
	ApplyBatch(entries []Entry) []any
}

// Snapshot is a state captured at one moment.
type Snapshot interface {
	// WriteTo writes the captured state. It runs beside later Applies.
	io.WriterTo
	// Release is called once, after WriteTo or in its place.
	Release()
}

// adapter shows a Machine to raft. Once the machine has failed, every later
// call returns the same failure without reaching it: what follows an entry that
// was applied in part must not be applied, and a snapshot would claim entries
// that are not in it.
type adapter struct {
	machine   Machine
	fail      func(*Fatal)
	committed func(*raft.Log) // hears of what is about to be applied; nil: nobody does

	mu     sync.Mutex // guards what follows; raft applies and restores on one goroutine, NewRaft on another
	failed *Fatal
	begun  bool // the machine was given something, so there is a state to capture
}

// Apply implements raft.FSM.
func (a *adapter) Apply(l *raft.Log) any { return a.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. Raft shows changes of its configuration
// here too, which are none of the machine's.
func (a *adapter) ApplyBatch(logs []*raft.Log) []any {
	if a.committed != nil {
		a.committed(logs[len(logs)-1])
	}
	results := make([]any, len(logs))
	entries, places := make([]Entry, 0, len(logs)), make([]int, 0, len(logs))
	for i, l := range logs {
		if l.Type == raft.LogCommand {
			entries, places = append(entries, Entry{l.Index, l.Data}), append(places, i)
		}
	}
	if len(entries) == 0 {
		return results
	}
	var got []any
	err := a.call(func() error {
		a.begun = true
		got = a.applyAll(entries)
		if len(got) > 0 {
			var fatal *Fatal
			if err, ok := got[len(got)-1].(error); ok && errors.As(err, &fatal) {
				got = got[:len(got)-1]
				return err
			}
		}
		if len(got) != len(entries) {
			return fmt.Errorf("the state machine gave %d results for %d entries", len(got), len(entries))
		}
		return nil
	})
	for k, i := range places {
		if k < len(got) {
			results[i] = got[k]
		} else {
			results[i] = err
		}
	}
	return results
}

// applyAll gives the machine entries until all are applied, or one result is a
// *Fatal, the last.
func (a *adapter) applyAll(entries []Entry) []any {
	if m, ok := a.machine.(BatchMachine); ok {
		return m.ApplyBatch(entries)
	}
	var results []any
	for _, e := range entries {
		result := a.machine.Apply(e.Index, e.Data)
		results = append(results, result)
		var fatal *Fatal
		if err, ok := result.(error); ok && errors.As(err, &fatal) {
			break
		}
	}
	return results
}

// Snapshot implements raft.FSM. A machine that cannot take one now says so with
// an error that is not fatal: raft logs it and tries again later.
func (a *adapter) Snapshot() (raft.FSMSnapshot, error) {
	var snap Snapshot
	var refusal error
	err := a.call(func() error {
		var fatal *Fatal
		if !a.begun { // raft counts its own entries, too
			refusal = raft.ErrNothingNewToSnapshot
			return nil
		}
		snap, refusal = a.machine.Snapshot()
		if errors.As(refusal, &fatal) {
			return refusal
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, refusal
	}
	return persister{snap}, nil
}

// Restore implements raft.FSM. The reader comes from the snapshots of this
// package, which verified it.
func (a *adapter) Restore(r io.ReadCloser) error {
	return a.call(func() error {
		a.begun = true
		return a.machine.Restore(r)
	})
}

// call runs f unless the machine has failed before. An error of f or a panic in
// it becomes the failure.
func (a *adapter) call(f func() error) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed != nil {
		return a.failed
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in the state machine: %v", p)
		}
		if err == nil {
			return
		}
		var fatal *Fatal
		if !errors.As(err, &fatal) {
			fatal = &Fatal{Err: err}
		}
		a.failed, err = fatal, fatal
		a.fail(fatal)
	}()
	return f()
}

// stop waits for the machine to return and keeps every later call from it.
func (a *adapter) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = &Fatal{Err: ErrClosed}
	}
}

// persister writes a captured state into raft's sink. Raft closes the sink when
// Persist succeeds and cancels it when it fails.
type persister struct{ Snapshot }

// Persist implements raft.FSMSnapshot. A panic here spoils only this snapshot,
// not the state, so it is an error of the snapshot.
func (p persister) Persist(sink raft.SnapshotSink) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while writing the snapshot: %v", r)
		}
	}()
	_, err = p.WriteTo(sink)
	return err
}
