package main

import (
	"crypto/rand"
	"errors"
	"slices"

	"github.com/hashicorp/raft"
)

// noise is n bytes that nothing can pack, as sealed commands are.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// lookedAt is how many of a log's last entries entrySize looks at.
const lookedAt = 32

// entrySize returns the median length in bytes of the last commands in a log file
// of raft. The file is a copy, or of a node that does not run.
func entrySize(file string) (int, error) {
	store, err := openStore(file)
	if err != nil {
		return 0, err
	}
	defer func() { _ = store.Close() }()
	first, err := store.FirstIndex()
	if err != nil {
		return 0, err
	}
	last, err := store.LastIndex()
	if err != nil {
		return 0, err
	}
	var sizes []int
	for i := last; i >= first && i > 0 && len(sizes) < lookedAt; i-- {
		var l raft.Log
		if err := store.GetLog(i, &l); err != nil {
			return 0, err
		}
		if l.Type == raft.LogCommand {
			sizes = append(sizes, len(l.Data))
		}
	}
	if len(sizes) == 0 {
		return 0, errors.New("the log has no command")
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2], nil
}
