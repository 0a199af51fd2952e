package apitest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// scheduledIn lists what is in a directory of scheduled snapshots.
func scheduledIn(t *testing.T, dir string) (whole []string, all int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".snapshot") {
			whole = append(whole, filepath.Join(dir, e.Name()))
		}
	}
	return whole, len(entries)
}

func scheduledNode(t *testing.T, dir string) *apitest.Node {
	n := apitest.New(t, apitest.Uninitialized())
	n.Stop()
	n.Configure(fmt.Sprintf("snapshots {\n  directory = %q\n  every = \"1s\"\n  keep = 2\n}", dir))
	n.Start()
	n.Init()
	n.Unseal()
	return n
}

// Scheduled snapshots come by themselves, are good, and the oldest of them go, and
// nothing else in the directory does.
func TestScheduledSnapshotsAreKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "backups")
	other := save(t, apitest.New(t))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "signet-20200101T000000Z-1.snapshot")
	strange := filepath.Join(dir, "signet-20200101T000000Z-2.snapshot")
	left := filepath.Join(dir, "signet-20200101T000000Z-3.snapshot.partial")
	for path, content := range map[string][]byte{foreign: other, strange: []byte("?"), left: []byte("?")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	n := scheduledNode(t, dir)
	seen := map[string]bool{}
	eventually(t, "four snapshots came", func() bool {
		n.Must("transit/keys/web", object{"type": "ed25519"}) // each is of another index
		n.Must("sys/policies/acl/p", object{"policy": fmt.Sprintf(`path "p%d" { capabilities = ["read"] }`, len(seen))})
		whole, all := scheduledIn(t, dir)
		if all > 8 { // two strange ones, two that are kept with their tombstones, and those that come
			t.Fatalf("there are %d files: %v", all, whole)
		}
		for _, path := range whole {
			seen[path] = true
		}
		return len(seen) >= 6
	})
	for _, path := range []string{foreign, strange} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("what is not this cluster's went: %v", err)
		}
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed process left is still there")
	}
	metrics := string(n.Get("sys/metrics", n.Root()).Body)
	for _, name := range []string{"signet_snapshots_total", "signet_snapshot_last_success_timestamp_seconds", "signet_snapshot_last_size_bytes"} {
		if !strings.Contains(metrics, "\n"+name+" ") || strings.Contains(metrics, "\n"+name+" 0\n") {
			t.Errorf("%s says nothing", name)
		}
	}
	if !strings.Contains(n.Log(), "a scheduled snapshot is on disk") {
		t.Error("the log does not tell of it")
	}
	whole, _ := scheduledIn(t, dir)
	beside, err := filepath.Glob(filepath.Join(dir, "*.tombstones"))
	if err != nil || len(beside) < 2 || len(beside) > 3 {
		t.Errorf("the tombstones are %v, %v", beside, err)
	}
	raw, err := os.ReadFile(whole[len(whole)-1])
	if err != nil { // it may have gone just now
		t.Skip(err)
	}
	wantStatus(t, verify(n, raw), 200)
}

// A node that is killed at any moment leaves whole snapshots under their names.
func TestAKillLeavesNoHalfSnapshot(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "backups")
	n := scheduledNode(t, dir)
	for i := range 30 {
		n.Must(fmt.Sprintf("transit/keys/k%d", i), object{"type": "ed25519"})
	}
	for round := range 3 {
		eventually(t, "a snapshot begins", func() bool { _, all := scheduledIn(t, dir); return all > 0 })
		time.Sleep(time.Duration(round) * 371 * time.Millisecond)
		n.Kill()
		whole, _ := scheduledIn(t, dir)
		var raws [][]byte
		for _, path := range whole {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			raws = append(raws, raw)
		}
		n.Start()
		n.Unseal()
		for i, raw := range raws {
			if r := verify(n, raw); r.Status != 200 {
				t.Errorf("%s: %s", whole[i], r)
			}
		}
	}
}

// While nothing changes there is nothing to back up: what is there is of the same state.
func TestNothingIsScheduledWithoutAChange(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "backups")
	n := scheduledNode(t, dir)
	eventually(t, "a snapshot comes", func() bool { whole, _ := scheduledIn(t, dir); return len(whole) > 0 })
	time.Sleep(4 * time.Second) // some more are due
	files := map[string]int{}
	for line := range strings.Lines(n.Log()) {
		if _, file, found := strings.Cut(line, "a scheduled snapshot is on disk: file="); found {
			name, _, _ := strings.Cut(file, " ")
			files[name]++
		}
	}
	for name, times := range files {
		if times > 1 {
			t.Errorf("%s was written %d times", name, times)
		}
	}
	whole, _ := scheduledIn(t, dir)
	if len(files) == 0 || len(whole) > len(files) {
		t.Errorf("the log has %v, and there are %v", files, whole)
	}
	before := len(whole)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	eventually(t, "a change is backed up", func() bool { whole, _ := scheduledIn(t, dir); return len(whole) > before || len(whole) == 2 })
}
