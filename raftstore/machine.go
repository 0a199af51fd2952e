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
	machine Machine
	fail    func(*Fatal)

	mu     sync.Mutex // guards failed; raft applies and restores on one goroutine, NewRaft on another
	failed *Fatal
}

// Apply implements raft.FSM.
func (a *adapter) Apply(l *raft.Log) (result any) {
	err := a.call(func() error {
		result = a.machine.Apply(l.Index, l.Data)
		var fatal *Fatal
		if err, ok := result.(error); ok && errors.As(err, &fatal) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return result
}

// Snapshot implements raft.FSM. A machine that cannot take one now says so with
// an error that is not fatal: raft logs it and tries again later.
func (a *adapter) Snapshot() (raft.FSMSnapshot, error) {
	var snap Snapshot
	var refusal error
	err := a.call(func() error {
		var fatal *Fatal
		snap, refusal = a.machine.Snapshot()
		if errors.As(refusal, &fatal) {
			return refusal
		}
		return nil
	})
	if err := errors.Join(err, refusal); err != nil {
		return nil, err
	}
	return persister{snap}, nil
}

// Restore implements raft.FSM. The reader comes from the snapshots of this
// package, which verified it.
func (a *adapter) Restore(r io.ReadCloser) error {
	return a.call(func() error { return a.machine.Restore(r) })
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
