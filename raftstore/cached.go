package raftstore

import "github.com/hashicorp/raft"

// cached is the log with its newest entries in memory. raft's cache makes a text of
// the error of a write; here it stays what it was.
type cached struct {
	*raft.LogCache
	store *Store
}

// StoreLog implements raft.LogStore.
func (c cached) StoreLog(l *raft.Log) error { return c.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (c cached) StoreLogs(logs []*raft.Log) error {
	err := c.LogCache.StoreLogs(logs)
	if err == nil {
		return nil
	}
	if cause := c.store.Err(); cause != nil {
		return cause
	}
	return err
}
