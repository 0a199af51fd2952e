package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

// writer answers a write as a Signet node does, without what makes it one: a line
// on disk before, the proposal, a line on disk after.
type writer struct {
	raft   *raft.Raft
	log    *lines
	entry  []byte
	record []byte
	done   atomic.Int64
}

func newWriter(f raftFlags) (*writer, error) {
	r, err := openRaft(f)
	if err != nil {
		return nil, err
	}
	l, err := openLines(filepath.Join(f.dir, "lines"))
	if err != nil {
		return nil, err
	}
	return &writer{raft: r, log: l, entry: noise(f.entry), record: append(bytes.Repeat([]byte("x"), f.record), '\n')}, nil
}

func (w *writer) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	out.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/v1/sys/leader" {
		_ = json.NewEncoder(out).Encode(map[string]bool{"is_self": w.raft.State() == raft.Leader})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && len(body) > 0 {
		var asked map[string]any
		err = json.Unmarshal(body, &asked)
	}
	if err == nil {
		err = w.log.append(w.record)
	}
	if err == nil {
		err = w.raft.Apply(bytes.Clone(w.entry), 5*time.Second).Error()
	}
	if err == nil {
		err = w.log.append(w.record)
	}
	if err != nil {
		http.Error(out, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(out).Encode(answer[map[string]int64]{map[string]int64{"latest_version": w.done.Add(1) + 1}})
}

// lines is a file to which many append at once. Whoever finds nobody writing takes
// what has gathered, writes and syncs it; nobody returns before the disk has its
// own.
type lines struct {
	file *os.File

	mu      sync.Mutex // guards what follows
	buf     []byte
	group   *group // of buf; nil while that is empty
	writing bool
	idle    sync.Cond
}

type group struct {
	done chan struct{} // closed once err is set
	err  error
}

func openLines(path string) (*lines, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	l := &lines{file: f}
	l.idle.L = &l.mu
	return l, nil
}

func (l *lines) append(b []byte) error {
	l.mu.Lock()
	l.buf = append(l.buf, b...)
	g := l.group
	if g != nil { // its first member writes it
		l.mu.Unlock()
		<-g.done
		return g.err
	}
	g = &group{done: make(chan struct{})}
	l.group = g
	for l.writing {
		l.idle.Wait()
	}
	l.writing = true
	l.mu.Unlock()
	runtime.Gosched() // those about to append share the sync
	l.mu.Lock()
	gathered := l.buf
	l.buf, l.group = nil, nil
	l.mu.Unlock()
	_, g.err = l.file.Write(gathered)
	if g.err == nil {
		g.err = unix.Fdatasync(int(l.file.Fd()))
	}
	close(g.done)
	l.mu.Lock()
	l.writing = false
	l.idle.Signal()
	l.mu.Unlock()
	return g.err
}
