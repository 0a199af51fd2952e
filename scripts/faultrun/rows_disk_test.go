package faultrun

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// mounts gives each node file systems of its own: 48 MB for the data, 24 MB for the
// audit log. It skips the row without the right to mount.
func mounts(r *run) []apitest.Option {
	base, err := os.MkdirTemp("", "signet-faults-")
	if err != nil {
		r.t.Fatal(err)
	}
	var mounted []string
	r.t.Cleanup(func() {
		for _, dir := range mounted {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
		_ = os.RemoveAll(base)
	})
	for _, id := range []string{"n1", "n2", "n3"} {
		for kind, size := range map[string]string{"data": "48m", "audit": "24m"} {
			dir := filepath.Join(base, id, kind)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				r.t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+size); err != nil {
				r.t.Skipf("file systems cannot be mounted here: %v", err)
			}
			mounted = append(mounted, dir)
		}
	}
	r.disks = base
	return []apitest.Option{apitest.Under(base)}
}

// fill leaves no byte on a disk of a node; the returned function makes room again.
func (r *run) fill(n *apitest.Node, kind string) (free func()) {
	r.t.Helper()
	name := filepath.Join(r.disks, n.ID(), kind, "ballast")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	for block := bytes.Repeat([]byte{1}, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	_ = f.Close()
	return func() {
		if err := os.Remove(name); err != nil {
			r.t.Error(err)
		}
	}
}

// full fills a disk of a node for a while. The node may refuse or may end; then it is
// started again when there is room.
func (r *run) full(n *apitest.Node, kind string) {
	if kind == "data" {
		n.Expect("audit record is lost") // of requests that were not answered, where it ends
	}
	at := time.Now()
	free := r.fill(n, kind)
	r.struck(at.Add(time.Second), r.others(n))
	time.Sleep(4 * time.Second)
	free()
	r.reviveIfEnded(n)
	r.settle()
}

// reviveIfEnded starts a node that ended by itself. It has a moment to do so.
func (r *run) reviveIfEnded(n *apitest.Node) {
	r.t.Helper()
	time.Sleep(500 * time.Millisecond)
	if !n.Ended() {
		return
	}
	r.res.notes = "the node ended with status " + strconv.Itoa(n.Exit())
	r.revive(n)
}

// damage kills a follower, harms a file of it, and starts it. It recovers by itself, or
// it refuses to start and says why; then it is removed.
func (r *run) damage(file func(*run, *apitest.Node) string, harm func(path string, size int64) error) {
	n := r.others(r.leader())[0]
	n.Kill()
	path := file(r, n)
	info, err := os.Stat(path)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := harm(path, info.Size()); err != nil {
		r.t.Fatal(err)
	}
	if why, refused := n.TryStart(); refused {
		if !strings.Contains(why, "signet: ") || strings.Contains(why, "panic") || strings.Contains(why, "goroutine ") {
			r.t.Errorf("a damaged log is not refused in words: %s", why)
		}
		r.res.notes = "it refused to start: " + lastLine(why)
		c := client{r: r}
		r.eventually("the node is removed", func() bool {
			answer, err := c.ask(r.leader(), "POST", "sys/storage/raft/remove-peer", r.root, object{"server_id": n.ID()})
			return err == nil && answer.Status < 300
		})
		r.leave(n)
		return
	}
	r.c.Unseal(n)
	r.settle()
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "signet: ") {
			return fmt.Sprintf("%.90s", strings.TrimPrefix(line, "signet: "))
		}
	}
	return lines[len(lines)-1]
}

// snapshotFile is a node's newest snapshot, once it has one: r makes enough writes.
func snapshotFile(r *run, n *apitest.Node) string {
	found, _ := filepath.Glob(filepath.Join(n.DataDir(), "*", "snapshots", "*", "state.bin"))
	if len(found) == 0 {
		r.t.Fatalf("%s has no snapshot", n.ID())
	}
	return found[len(found)-1]
}

// rosterFile is what a node knows its peers by.
func rosterFile(r *run, n *apitest.Node) string {
	found, _ := filepath.Glob(filepath.Join(n.DataDir(), "*", "roster"))
	if len(found) != 1 {
		r.t.Fatalf("%s has %d rosters", n.ID(), len(found))
	}
	return found[0]
}

// torn cuts the end of the log off, as a disk does that lost the last pages.
func torn(path string, size int64) error { return os.Truncate(path, size-size/8-777) }

// flipped changes one bit in each of some pages in the middle.
func flipped(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 1)
	for at := size / 4; at < size; at += size / 8 {
		at := min(at+100, size-1)
		if _, err := f.ReadAt(b, at); err != nil {
			return fmt.Errorf("reading at %d: %w", at, err)
		}
		b[0] ^= 4
		if _, err := f.WriteAt(b, at); err != nil {
			return err
		}
	}
	return nil
}
