package apitest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-kms/signet/audit"
)

// A check that never fails checks nothing: each of them is shown a fault.
func TestCheckAllFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	n := New(t)
	n.Must("transit/keys/web", map[string]string{"type": "ecdsa-p256"})
	signed := n.Must("transit/sign/web", map[string]string{"input": "aGk="})
	missing := n.Post("transit/sign/missing", n.Root(), map[string]string{"input": "aGk="})
	n.Stop()
	if p := n.Problems(); len(p) != 0 {
		t.Fatalf("a healthy node has problems: %q", p)
	}
	expect := func(what string) {
		t.Helper()
		p := strings.Join(n.Problems(), "\n")
		if !strings.Contains(p, what) {
			t.Errorf("want a problem with %q, found %q", what, p)
		}
	}
	inFile := func(path string, content []byte) (restore func()) {
		t.Helper()
		old, err := os.ReadFile(path)
		write(t, path, content)
		return func() {
			if err != nil {
				_ = os.Remove(path) // it was not there
				return
			}
			write(t, path, old)
		}
	}
	log, err := os.ReadFile(n.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	share, err := hex.DecodeString(n.Shares()[0])
	if err != nil {
		t.Fatal(err)
	}

	t.Run("secret in a file", func(t *testing.T) {
		for form, content := range map[string]string{
			"share 1":        "x" + n.Shares()[0],
			"the root token": "x" + n.Root(),
			"its value, raw": string(share[shareValue : shareValue+32]),
			"base64":         base64.URLEncoding.EncodeToString([]byte("ab" + n.Root() + "c")),
			"upper-case hex": strings.ToUpper(hex.EncodeToString([]byte(n.Root()))),
		} {
			restore := inFile(filepath.Join(n.DataDir(), "stray"), []byte(content))
			expect("leaked: ")
			expect(form)
			restore()
		}
	})
	t.Run("secret in the log", func(t *testing.T) {
		old := n.log
		defer func() { n.log = old }()
		n.log = &buffer{}
		_, _ = n.log.Write([]byte("[WARN] bad token " + n.Root()))
		expect("in the log")
	})
	t.Run("panic in the log", func(t *testing.T) {
		old := n.log
		defer func() { n.log = old }()
		n.log = &buffer{}
		_, _ = n.log.Write([]byte("2026 [ERROR] http: panic serving 127.0.0.1\n"))
		expect("the log has")
	})
	t.Run("open mode", func(t *testing.T) {
		for path, mode := range map[string]os.FileMode{n.AuditLog(): 0o640, n.DataDir(): 0o755} {
			old, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			chmod(t, path, mode)
			expect("has mode")
			chmod(t, path, old.Mode().Perm())
		}
	})
	lines := bytes.SplitAfter(log, []byte("\n"))
	t.Run("a record is gone", func(t *testing.T) {
		defer inFile(n.AuditLog(), bytes.Join(append(append([][]byte(nil), lines[:2]...), lines[3:]...), nil))()
		if _, err := n.Audit(); !errors.Is(err, audit.ErrCorrupt) {
			t.Errorf("a log without its third record: %v", err)
		}
		expect("audit log corrupt")
	})
	t.Run("an answer without record", func(t *testing.T) {
		other := bytes.ReplaceAll(log, []byte(signed.RequestID()), []byte("00000000-0000-4000-8000-000000000000"))
		defer inFile(n.AuditLog(), other)()
		expect("POST transit/sign/web was answered (request " + signed.RequestID() + ") and has no record")
	})
	t.Run("an answer whose record says refused", func(t *testing.T) {
		defer inFile(n.AuditLog(), bytes.ReplaceAll(log, []byte(`"outcome":"ok"`), []byte(`"outcome":"refused"`)))()
		expect("has no record with outcome ok")
	})
	t.Run("a refusal whose record says something else", func(t *testing.T) {
		defer inFile(n.AuditLog(), bytes.ReplaceAll(log, []byte(`"code":"key_not_found"`), []byte(`"code":"internal"`)))()
		expect("was answered with key_not_found (request " + missing.RequestID() + ") and is recorded as [\"refused internal\"]")
	})
	t.Run("an intent without outcome", func(t *testing.T) {
		defer inFile(n.AuditLog(), bytes.ReplaceAll(log, []byte(`"type":"outcome"`), []byte(`"type":"request"`)))()
		expect("has no outcome")
		n.lives = []bool{true}
		if p := strings.Join(n.Problems(), "\n"); strings.Contains(p, "has no outcome") {
			t.Errorf("an intent of a killed process may be left open: %s", p)
		}
		n.lives = []bool{false}
	})
	t.Run("an empty answer without record", func(t *testing.T) {
		old := n.replies
		defer func() { n.replies = old }()
		n.replies = append(n.replies, replied{method: "DELETE", path: "transit/keys/web"})
		expect("DELETE transit/keys/web was answered 1 times and has 0 records")
	})
	t.Run("an effect without record", func(t *testing.T) {
		defer func() { n.effects = nil }()
		n.Acked(Effect{What: "a rotation", RequestID: signed.RequestID(), Operation: "transit/keys/rotate"})
		expect("a rotation was acknowledged")
	})
	t.Run("a lost effect", func(t *testing.T) {
		n.Start()
		n.Unseal()
		defer func() { n.effects = nil }()
		n.Acked(Effect{What: "the key", Still: func(*Node) error { return errors.New("gone") }})
		expect("the key was acknowledged and is lost: gone")
	})
}

// A secret is found whatever stands around it, and nothing is found in its
// neighbourhood.
func TestScannerFindsEveryForm(t *testing.T) {
	t.Parallel()
	secret := []byte("\x00\xff\xfe0123456789abcdef\x80\x81zz")
	s := &Scanner{}
	s.Add("it", secret)
	for before := range 4 {
		for after := range 4 {
			text := append(append(bytes.Repeat([]byte{0xaa}, before), secret...), bytes.Repeat([]byte{0x55}, after)...)
			for form, encoded := range map[string]string{
				"raw": string(text), "hex": hex.EncodeToString(text), "HEX": strings.ToUpper(hex.EncodeToString(text)),
				"std": base64.StdEncoding.EncodeToString(text), "url": base64.RawURLEncoding.EncodeToString(text),
			} {
				if len(s.Find([]byte("x:"+encoded+"\n"))) == 0 {
					t.Errorf("%s with %d bytes before and %d after is not found", form, before, after)
				}
				broken := encoded[:10] + "\\n" + encoded[10:20] + "\n" + encoded[20:]
				if len(s.Find([]byte(broken))) == 0 {
					t.Errorf("%s broken into lines is not found", form)
				}
			}
		}
	}
	secret[7] ^= 1
	if found := s.Find(append([]byte(hex.EncodeToString(secret)), secret...)); len(found) != 0 {
		t.Errorf("found in another text: %q", found)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
