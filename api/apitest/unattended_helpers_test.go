package apitest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// transitSide is a second daemon that holds root keys, and the road to it, which a
// test may close. The road has one address, however often the daemon is started.
type transitSide struct {
	*apitest.Node
	t       *testing.T
	road    *httptest.Server
	token   string
	mu      sync.Mutex // guards what follows
	block   func(w http.ResponseWriter, r *http.Request) bool
	crossed []byte // the last root key that was wrapped, 48 bytes
	calls   []string
}

func newTransitSide(t *testing.T) *transitSide {
	t.Helper()
	s := &transitSide{Node: apitest.New(t), t: t}
	s.Must("transit/keys/unseal", object{"type": "aes256-gcm96"})
	s.token = s.seal("unseal")
	s.road = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.road.Close)
	return s
}

// seal makes a token that may use a key as a seal does.
func (s *transitSide) seal(key string) string {
	s.t.Helper()
	s.Policy("seal-"+key, fmt.Sprintf("path \"transit/encrypt/%[1]s\" { capabilities = [\"update\"] }\npath \"transit/decrypt/%[1]s\" { capabilities = [\"update\"] }\n", key))
	token := s.NewToken("default", "seal-"+key)
	return token
}

func (s *transitSide) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var in struct {
		Plaintext []byte `json:"plaintext"`
	}
	s.mu.Lock()
	s.calls = append(s.calls, strings.TrimPrefix(r.URL.Path, "/v1/"))
	if json.Unmarshal(body, &in) == nil && len(in.Plaintext) > 0 {
		if raw, err := base64.StdEncoding.DecodeString(string(in.Plaintext)); err == nil {
			s.crossed = raw
		}
	}
	block := s.block
	s.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if block != nil && block(w, r) {
		return
	}
	to, err := url.Parse(s.URL())
	if err != nil {
		s.t.Error(err)
		return
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // a node that is killed hangs up
	proxy.ServeHTTP(w, r)
}

// on sets what happens on the road; nil opens it.
func (s *transitSide) on(block func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.block = block
}

func (s *transitSide) close() {
	s.on(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
}

// called counts the calls of one path.
func (s *transitSide) called(path string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c == path {
			n++
		}
	}
	return n
}

// refusesAD answers as a key that takes no associated data, such as an RSA key of
// Vault.
func refusesAD(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err == nil && !bytes.Contains(body, []byte(`"associated_data"`)) {
		return false
	}
	w.WriteHeader(http.StatusBadRequest)
	return true
}

// lastKey is the last root key that crossed the road.
func (s *transitSide) lastKey() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.crossed)
}

// watch makes every check of n, and of this side, look for the root key that
// crossed the road and for the token.
func (s *transitSide) watch(n *apitest.Node) {
	s.t.Helper()
	raw := s.lastKey()
	if len(raw) != 48 || raw[0] != 0x81 {
		s.t.Fatalf("no root key crossed the road, but %d bytes", len(raw))
	}
	for _, node := range []*apitest.Node{n, s.Node} {
		node.HandedOut("the root key", hex.EncodeToString(raw))
		node.HandedOut("the root key as text", base64.StdEncoding.EncodeToString(raw))
	}
	n.HandedOut("the token of the other side", s.token)
}

// hcl is the seal block; fields come on top.
func (s *transitSide) hcl(fields ...string) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(s.token+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.hclOf("unseal", fmt.Sprintf("token_file = %q", file), fields...)
}

func (s *transitSide) hclOf(key, token string, fields ...string) string {
	return fmt.Sprintf("seal \"transit\" {\n  address = %q\n  key_name = %q\n  %s\n  %s\n}\n", s.road.URL, key, token, strings.Join(fields, "\n  "))
}

// script writes an executable script for /bin/sh.
func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// execHCL is a seal block of two commands.
func execHCL(wrap, unwrap []string, fields ...string) string {
	list := func(command []string) string {
		var quoted []string
		for _, c := range command {
			quoted = append(quoted, fmt.Sprintf("%q", c))
		}
		return strings.Join(quoted, ", ")
	}
	return fmt.Sprintf("seal \"exec\" {\n  wrap = [%s]\n  unwrap = [%s]\n  %s\n}\n", list(wrap), list(unwrap), strings.Join(fields, "\n  "))
}

// rot13 is a seal of two commands that wrap: not well, but not in clear either.
func rot13() string {
	tr := []string{"/usr/bin/tr", "A-Za-z", "N-ZA-Mn-za-m"}
	return execHCL(tr, tr)
}

// waits waits until the node says why it does not unseal by itself.
func waits(t *testing.T, n *apitest.Node, why string) {
	t.Helper()
	var r apitest.Reply
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if r = n.Get("sys/seal-status", ""); strings.Contains(r.Text("waiting"), why) {
			if r.At("sealed") != true {
				t.Errorf("it waits and is not sealed: %s", r)
			}
			h := n.Get("sys/health", "")
			if h.Status != 503 || !strings.Contains(h.Text("why"), why) {
				t.Errorf("health does not say why: %s", h)
			}
			return
		}
	}
	t.Fatalf("want it to wait for %q: %s", why, r)
}

// unsealedBy counts the audit records of unseals by a seal, and of those that
// failed.
func unsealedBy(t *testing.T, n *apitest.Node, seal string) (ok, failed int) {
	t.Helper()
	recs, err := n.Audit()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		switch {
		case r.Operation != "sys/unseal" || r.DisplayName != "unattended":
		case r.Outcome == audit.OutcomeOK && r.Fields["seal"] != "":
			if r.Fields["seal"] == seal {
				ok++
			}
		case r.Outcome == audit.OutcomeFailed && r.Code == "seal_unavailable":
			failed++
		default:
			t.Errorf("record %+v", r)
		}
	}
	return ok, failed
}

// rawOf decodes what a wrapper was given.
func rawOf(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != 48 {
		t.Fatalf("%d bytes were given to wrap: %v", len(raw), err)
	}
	return raw
}
