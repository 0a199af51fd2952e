package apitest_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// tmpfs mounts a small file system, or skips the test by name.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all space of a file system and returns how to give it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// signers sign until stop; refusals of the audit log are counted, anything else
// is an error.
type signers struct {
	wg              sync.WaitGroup
	stopped         atomic.Bool
	signed, refused atomic.Int64
	other           atomic.Pointer[string]
}

func startSigners(n *apitest.Node, count int) *signers {
	s := &signers{}
	for range count {
		s.wg.Go(func() {
			for !s.stopped.Load() {
				r, err := n.Send("POST", "transit/sign/web", n.Root(), object{"input": "aGk="})
				switch {
				case err == nil && r.Status == 200:
					s.signed.Add(1)
				case err == nil && r.Status == 503 && r.Code() == "audit_unavailable":
					s.refused.Add(1)
					time.Sleep(10 * time.Millisecond)
				default:
					text := r.String()
					if err != nil {
						text = err.Error()
					}
					s.other.Store(&text)
					return
				}
			}
		})
	}
	return s
}

func (s *signers) stop(t *testing.T) {
	t.Helper()
	s.stopped.Store(true)
	s.wg.Wait()
	if text := s.other.Load(); text != nil {
		t.Errorf("a signer got %s", *text)
	}
}

// wantUnavailable expects the way in which a node fails whose audit log cannot be
// written: closed, and visibly so.
func wantUnavailable(t *testing.T, n *apitest.Node, why string) {
	t.Helper()
	eventually(t, "signing is refused", func() bool {
		return n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}).Status == 503
	})
	for path, body := range map[string]object{
		"transit/sign/web": {"input": "aGk="}, "transit/encrypt/box": {"plaintext": "aGk="}, "transit/keys/web/rotate": {}, "transit/keys/new": {},
		"auth/token/create": {}, "sys/policies/acl/new": {"policy": `path "a" { capabilities = ["read"] }`}, "auth/token/lookup": {"token": n.Root()},
	} {
		r := wantError(t, n.Post(path, n.Root(), body), 503, "audit_unavailable")
		if r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
	health := wantStatus(t, n.Get("sys/health", ""), 503)
	if health.Text("reason") != "audit_unavailable" || !strings.Contains(health.Text("why"), why) || health.At("sealed") != false {
		t.Errorf("health does not say why (%q): %s", why, health)
	}
	if text := string(health.Body); strings.Contains(text, n.AuditDir()) {
		t.Errorf("health tells everybody a path: %s", text)
	}
	for _, path := range []string{"sys/seal-status", "sys/init", "sys/leader"} {
		wantStatus(t, n.Get(path, ""), 200)
	}
	wantStatus(t, n.Do("PUT", "sys/verify-share", "", object{"key": n.Shares()[0]}), 200)
	if n.Get("sys/mounts", "a bad token").Status < 400 {
		t.Error("a bad token passes")
	}
}

func wantResumed(t *testing.T, n *apitest.Node) {
	t.Helper()
	eventually(t, "signing resumes", func() bool {
		return n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}).Status == 200
	})
	wantStatus(t, n.Get("sys/health", ""), 200)
}

func versions(t *testing.T, n *apitest.Node) int64 {
	t.Helper()
	return number(t, wantStatus(t, n.Get("transit/keys/web", n.Root()), 200), "data", "latest_version")
}

func nodeWithKeys(t *testing.T, opts ...apitest.Option) *apitest.Node {
	t.Helper()
	n := apitest.New(t, opts...)
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	n.Must("transit/keys/box", nil)
	return n
}

// The disk under the audit log fills up while clients sign. Nothing is signed
// without a record, the node says what is wrong, and goes on by itself when there
// is space again.
func TestAFullDiskUnderTheAuditLog(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"sync", "os"} {
		t.Run(durability, func(t *testing.T) {
			mount := tmpfs(t, "4m")
			n := nodeWithKeys(t, apitest.AuditDir(filepath.Join(mount, "audit")), apitest.Durability(durability))
			s := startSigners(n, 4)
			eventually(t, "the clients sign", func() bool { return s.signed.Load() > 50 })
			before := versions(t, n)
			free := fill(t, mount)
			wantUnavailable(t, n, "space")
			eventually(t, "the clients are refused", func() bool { return s.refused.Load() > 4 })
			signed := s.signed.Load()
			time.Sleep(300 * time.Millisecond)
			if now := s.signed.Load(); now != signed {
				t.Errorf("%d signatures left a node that cannot record them", now-signed)
			}
			free()
			wantResumed(t, n)
			eventually(t, "the clients sign again", func() bool { return s.signed.Load() > signed+50 })
			s.stop(t)
			if got := versions(t, n); got != before {
				t.Errorf("a refused rotation happened: %d versions, before %d", got, before)
			}
			wantStatus(t, n.Get("transit/keys/new", n.Root()), 404)
			late := records(t, n, func(r audit.Parsed) bool { return r.Late && r.Operation == "sys/verify-share" })
			resumed := records(t, n, func(r audit.Parsed) bool { return r.Operation == "audit/resumed" })
			if len(late) == 0 || len(resumed) == 0 || resumed[0].Count == 0 {
				t.Errorf("after the failure: %d late records, resumed %+v", len(late), resumed)
			}
		})
	}
}

// A node starts and unseals while the disk is full, and an operator can seal it
// then.
func TestAFullDiskDoesNotStopTheOperator(t *testing.T) {
	t.Parallel()
	mount := tmpfs(t, "4m")
	n := nodeWithKeys(t, apitest.Shares(3, 2), apitest.AuditDir(filepath.Join(mount, "audit")))
	weak := n.NewToken("default")
	n.Stop()
	free := fill(t, mount)
	n.Start()
	wantStatus(t, n.Get("sys/seal-status", ""), 200)
	wantStatus(t, n.Share(n.Shares()[0]), 200)
	wantError(t, n.Share(n.Shares()[0]), 400, "share_repeated")
	if r := wantStatus(t, n.Share(n.Shares()[2]), 200); r.At("sealed") != false {
		t.Fatalf("unseal on a full disk: %s", r)
	}
	wantUnavailable(t, n, "space")
	for _, token := range []string{weak, "", "wrong"} {
		if r := n.Do("PUT", "sys/seal", token, nil); r.Status < 400 || n.Get("sys/seal-status", "").At("sealed") != false {
			t.Errorf("seal by one who may not: %s", r)
		}
	}
	if r := n.Do("PUT", "sys/seal", n.Root(), nil); r.Status != 204 {
		t.Errorf("seal must answer while the audit log fails, and be recorded late: %s", r)
	}
	free()
	if n.Get("sys/seal-status", "").At("sealed") == true {
		n.Unseal()
	}
	wantResumed(t, n)
	var codes []string
	late := 0
	for _, r := range records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/unseal" }) {
		codes = append(codes, r.Code)
		if r.Late {
			late++ // the first ones may find room in the last block
		}
	}
	if got := strings.Join(codes, ","); !strings.HasPrefix(got, ",,,share_repeated,") || late == 0 {
		t.Errorf("records of unseal: %q, %d late", got, late)
	}
}

// The log's file is taken away, replaced or changed by somebody else. The node
// notices before the next answer, and where the file comes back it goes on.
func TestTheAuditLogIsTakenAway(t *testing.T) {
	t.Parallel()
	rename := func(t *testing.T, from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, why string
		take      func(t *testing.T, log, aside string)
		back      func(t *testing.T, log, aside string) // nil: it does not come back
	}{
		{"renamed", "removed, renamed or replaced",
			func(t *testing.T, log, aside string) { rename(t, log, aside) },
			func(t *testing.T, log, aside string) { rename(t, aside, log) }},
		{"deleted", "removed, renamed or replaced",
			func(t *testing.T, log, aside string) { must(t, os.Link(log, aside), os.Remove(log)) },
			func(t *testing.T, log, aside string) { rename(t, aside, log) }},
		{"replaced by an empty file", "removed, renamed or replaced",
			func(t *testing.T, log, aside string) { rename(t, log, aside); writeFile(t, log, nil) },
			func(t *testing.T, log, aside string) { rename(t, aside, log) }},
		{"replaced by a copy", "removed, renamed or replaced",
			func(t *testing.T, log, aside string) {
				content, err := os.ReadFile(log)
				if err != nil {
					t.Fatal(err)
				}
				rename(t, log, aside)
				writeFile(t, log, content)
			},
			func(t *testing.T, log, aside string) { rename(t, aside, log) }},
		{"replaced by a link to itself", "removed, renamed or replaced",
			func(t *testing.T, log, aside string) { rename(t, log, aside); must(t, os.Symlink(aside, log)) },
			func(t *testing.T, log, aside string) { rename(t, aside, log) }},
		{"its directory renamed", "removed, renamed or replaced",
			func(t *testing.T, log, aside string) { rename(t, filepath.Dir(log), filepath.Dir(log)+".away") },
			func(t *testing.T, log, aside string) { rename(t, filepath.Dir(log)+".away", filepath.Dir(log)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := nodeWithKeys(t)
			s := startSigners(n, 3)
			eventually(t, "the clients sign", func() bool { return s.signed.Load() > 20 })
			aside := n.AuditLog() + ".aside"
			c.take(t, n.AuditLog(), aside)
			wantUnavailable(t, n, c.why)
			signed := s.signed.Load()
			c.back(t, n.AuditLog(), aside)
			wantResumed(t, n)
			eventually(t, "the clients sign again", func() bool { return s.signed.Load() > signed+20 })
			s.stop(t)
			if got := versions(t, n); got != 1 {
				t.Errorf("a refused rotation happened: %d versions", got)
			}
		})
	}
}

// A log that does not come back: the node starts a new one when it is started
// again.
func TestTheAuditLogIsDeletedForGood(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	if err := os.Remove(n.AuditLog()); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, n, "removed, renamed or replaced")
	n.Stop()
	n.Forget()
	n.Start()
	n.Unseal()
	wantResumed(t, n)
}

// Bytes that somebody else wrote into the log: the node refuses, and does not start
// on it, naming the line; what was cut off is noticed while it runs.
func TestTheAuditLogIsChangedByAnother(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	content, err := os.ReadFile(n.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, n.AuditLog(), "{\"seq\":99,\"forged\":true}\n")
	wantUnavailable(t, n, "cut or extended by someone else")
	n.Stop()
	out := n.StartRefused()
	line := strings.Count(string(content), "\n") + 1
	if !strings.Contains(out, "audit log corrupt") || !strings.Contains(out, "line "+strconv.Itoa(line)) {
		t.Errorf("the refusal does not name line %d: %s", line, out)
	}
	writeFile(t, n.AuditLog(), content)
	n.Start()
	n.Unseal()
	wantResumed(t, n)
	if err := os.Truncate(n.AuditLog(), 100); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, n, "cut or extended by someone else")
	n.Stop()
	if out := n.StartRefused(); !strings.Contains(out, "audit log corrupt") || !strings.Contains(out, "line 1 ") {
		t.Errorf("a log that was cut off: %s", out)
	}
	must(t, os.Rename(n.AuditLog(), n.AuditLog()+".cut")) // what an operator does, who keeps the evidence
	n.Forget()
	n.Start()
	n.Unseal()
	wantResumed(t, n)
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	must(t, err, f.Close())
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The disk under the data fills up. Signing needs none of it and goes on; writes
// are refused in clear words, without an outcome that nobody knows, and what was
// acknowledged is there after a restart.
func TestAFullDiskUnderTheData(t *testing.T) {
	t.Parallel()
	mount := tmpfs(t, "40m") // the store keeps a reserve
	n := nodeWithKeys(t, apitest.DataDir(filepath.Join(mount, "data")))
	free := fill(t, mount)
	made := []string{}
	refusedAt := -1
	for i := range 200 { // the store's file has some room inside
		name := "k" + strconv.Itoa(i)
		r := n.Post("transit/keys/"+name, n.Root(), object{"type": "ed25519"})
		if r.Status == 200 {
			made = append(made, name)
			continue
		}
		if r.Status != 503 && r.Status != 409 || r.Code() == "internal" {
			t.Errorf("a write to a full disk: %s", r)
		}
		t.Logf("write %d: %s", i, r)
		refusedAt = i
		break
	}
	if refusedAt < 0 {
		t.Skip("the store's file never filled up")
	}
	if r := n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}); r.Status != 200 {
		t.Errorf("signing with a full disk under the data: %s", r)
	}
	free()
	eventually(t, "writes resume", func() bool {
		return n.Post("transit/keys/after", n.Root(), object{"type": "ed25519"}).Status == 200
	})
	n.Restart()
	n.Unseal()
	for _, name := range append(made, "after", "web") {
		wantStatus(t, n.Get("transit/keys/"+name, n.Root()), 200)
	}
}
