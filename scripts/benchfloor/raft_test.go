package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestParsePeers(t *testing.T) {
	if p, err := parsePeers("a", "a=x:1,b=y:2"); err != nil || len(p) != 2 || p[1] != (peer{"b", "y:2"}) {
		t.Errorf("%v, %v", p, err)
	}
	if p, err := parsePeers("a", ""); err != nil || len(p) != 1 || p[0].id != "a" {
		t.Errorf("alone: %v, %v", p, err)
	}
	for _, bad := range []string{"a", "a=", "=x", "b=x:1", "a=x:1,"} {
		if _, err := parsePeers("a", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// openWriters starts a replicated floor in this process.
func openWriters(t *testing.T, ids ...string) []*writer {
	t.Helper()
	dir := t.TempDir()
	cert := filepath.Join(dir, "cert")
	if err := writeCertificate(cert); err != nil {
		t.Fatal(err)
	}
	var peers []string
	if len(ids) > 1 {
		for _, id := range ids {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			peers = append(peers, id+"="+l.Addr().String())
			_ = l.Close()
		}
	}
	var out []*writer
	for _, id := range ids {
		w, err := newWriter(raftFlags{id: id, peers: strings.Join(peers, ","), dir: filepath.Join(dir, id), cert: cert, entry: 300, record: 50})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.raft.Shutdown().Error() })
		out = append(out, w)
	}
	return out
}

func leaderOf(t *testing.T, writers []*writer) *writer {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, w := range writers {
			if w.raft.State() == raft.Leader {
				return w
			}
		}
	}
	t.Fatal("nobody leads")
	return nil
}

// A write is in the log of every node, and two lines are on disk; the size of a
// proposal is what entrySize says.
func TestWritesAreReplicated(t *testing.T) {
	writers := openWriters(t, "a", "b", "c")
	w := leaderOf(t, writers)
	s := httptest.NewServer(w)
	defer s.Close()
	const n = 20
	var posts sync.WaitGroup
	for range n {
		posts.Go(func() {
			r, err := http.Post(s.URL+"/v1/x", "application/json", strings.NewReader(`{}`))
			if err != nil {
				t.Error(err)
				return
			}
			_ = r.Body.Close()
			if r.StatusCode != http.StatusOK {
				t.Errorf("status %d", r.StatusCode)
			}
		})
	}
	posts.Wait()
	if w.done.Load() != n {
		t.Errorf("%d writes of %d", w.done.Load(), n)
	}
	text, err := os.ReadFile(w.log.file.Name())
	if want := strings.Repeat(strings.Repeat("x", 50)+"\n", 2*n); err != nil || string(text) != want {
		t.Errorf("%d bytes of lines, want %d: %v", len(text), len(want), err)
	}
	for _, w := range writers {
		for end := time.Now().Add(20 * time.Second); w.raft.LastIndex() < n && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		}
		if w.raft.LastIndex() < n {
			t.Errorf("a node has %d entries", w.raft.LastIndex())
		}
	}
	copied := filepath.Join(t.TempDir(), "copy")
	b, err := os.ReadFile(filepath.Join(filepath.Dir(w.log.file.Name()), "raft.db"))
	if err == nil {
		err = os.WriteFile(copied, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if size, err := entrySize(copied); err != nil || size != 300 {
		t.Errorf("entries of %d bytes, %v", size, err)
	}
}

func TestANodeAloneLeads(t *testing.T) {
	w := leaderOf(t, openWriters(t, "a"))
	r := httptest.NewRecorder()
	w.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/v1/sys/leader", nil))
	if r.Body.String() != "{\"is_self\":true}\n" {
		t.Error(r.Body.String())
	}
	r = httptest.NewRecorder()
	w.ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/v1/x", nil))
	if r.Code != http.StatusOK || r.Body.String() != fmt.Sprintf("{\"data\":{\"latest_version\":%d}}\n", 2) {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

// Whoever shows no certificate of this floor is refused.
func TestStreamsAreForTheFloorAlone(t *testing.T) {
	dir := t.TempDir()
	var s [2]*streams
	for i := range s {
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := writeCertificate(file); err != nil {
			t.Fatal(err)
		}
		var err error
		if s[i], err = openStreams(file, "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s[i].Close() }()
	}
	go func() {
		for {
			c, err := s[0].Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello")) // with the handshake
			_ = c.Close()
		}
	}()
	address := raft.ServerAddress(s[0].Addr().String())
	own, err := s[0].Dial(address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_ = own.Close()
	if c, err := s[1].Dial(address, 5*time.Second); err == nil {
		_ = c.Close()
		t.Error("a stranger was let in")
	}
}
