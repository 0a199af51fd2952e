package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
	"github.com/signet-kms/signet/raftstore"
)

const rootToken = "root"

// newServer is the API over a real unsealed service on a real disk.
func newServer(t testing.TB) *Server {
	t.Helper()
	dir := t.TempDir()
	service, err := kms.Open(kms.Config{
		Store:  raftstore.Options{Dir: filepath.Join(dir, "raft"), Dev: true},
		Audit:  audit.Options{Dir: filepath.Join(dir, "audit"), Durability: audit.DurabilityOS},
		Logger: hclog.NewNullLogger(), Version: "0.0.0-test", Dev: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() })
	made, err := service.Init(context.Background(), kms.Origin{}, kms.InitRequest{Shares: 1, Threshold: 1, RootToken: rootToken})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Unseal(context.Background(), kms.Origin{}, made.Shares[0].Hex()); err != nil {
		t.Fatal(err)
	}
	return New(Config{Service: service, Logger: hclog.NewNullLogger()})
}

func do(s *Server, method, target, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:1234"
	if token != "" {
		r.Header.Set(wire.HeaderToken, token)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestRouteTable holds every route to what a route must say about itself.
func TestRouteTable(t *testing.T) {
	s := newServer(t)
	seen := map[string]bool{}
	for _, r := range s.routes() {
		at := r.methods + " " + r.pattern
		for m := range strings.FieldsSeq(r.methods) {
			if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "LIST"}, m) {
				t.Errorf("%s: method %s", at, m)
			}
			if seen[m+r.pattern] {
				t.Errorf("%s: %s is there twice", at, m)
			}
			seen[m+r.pattern] = true
		}
		if r.timeout <= 0 || r.timeout > time.Minute && r.timeout != streaming {
			t.Errorf("%s: no time limit", at)
		}
		if r.auth != public && r.auth != token && r.auth != client && r.auth != gateway && (r.auth != always || r.pattern != "sys/seal") {
			t.Errorf("%s: no auth kind", at)
		}
		if limit := int64(callersBody); r.body < 0 || r.body > limit || r.auth == public && r.body > strangersBody {
			t.Errorf("%s: body limit %d", at, r.body)
		}
		if !regexp.MustCompile(`^[a-z]+(/[a-z-]+)+$`).MatchString(r.action) {
			t.Errorf("%s: action %q", at, r.action)
		}
		if !strings.HasSuffix(r.doc, ".") || r.serve == nil {
			t.Errorf("%s: no documentation or no handler", at)
		}
	}
}

// TestOnlyNamedRoutesArePublic: a new public route is a decision.
func TestOnlyNamedRoutesArePublic(t *testing.T) {
	s := newServer(t)
	allowed := []string{"sys/health", "sys/init", "sys/seal-status", "sys/unseal", "sys/verify-share", "sys/leader", "sys/metrics", "auth/approle/login",
		"sys/storage/raft/join", "sys/storage/raft/admit"} // both take a join token, and tell a stranger nothing
	for _, r := range s.routes() {
		if r.auth == public && !slices.Contains(allowed, r.pattern) {
			t.Errorf("%s %s needs no token", r.methods, r.pattern)
		}
	}
}

// concrete gives a pattern's variables values.
func concrete(pattern string) string {
	return "/v1/" + strings.NewReplacer(mountVar, "transit", keyVar, "k", hashVar, "sha2-256", policyVar, "p", roleVar, "r", "{kind}", "signing-key", "{version}", "1", bytesVar, "16", sourceVar, "platform", issuerVar, "acme", profileVar, "access").Replace(pattern)
}

// TestEveryRouteNeedsItsToken walks the table without a token and with a bad one.
func TestEveryRouteNeedsItsToken(t *testing.T) {
	s := newServer(t)
	for _, r := range s.routes() {
		for m := range strings.FieldsSeq(r.methods) {
			for _, tok := range []string{"", "sgt.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
				w := do(s, m, concrete(r.pattern), tok, "{")
				denied := w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), "permission denied")
				if r.auth == client { // RFC 6749, section 5.2
					denied = w.Code == http.StatusUnauthorized && strings.Contains(w.Body.String(), `"error":"invalid_client"`) && w.Header().Get("WWW-Authenticate") != ""
				}
				if (r.auth != public || r.pattern == "sys/metrics") != denied {
					t.Errorf("%s %s with token %q: %d %s", m, r.pattern, tok, w.Code, w.Body)
				}
			}
		}
	}
}

// TestNoRouteAnswersWithoutPolicy walks the table with a token that may nothing.
func TestNoRouteAnswersWithoutPolicy(t *testing.T) {
	s := newServer(t)
	w := do(s, "POST", "/v1/auth/token/create", rootToken, `{"policies":["none"],"no_default_policy":true}`)
	powerless := regexp.MustCompile(`"client_token":"([^"]+)"`).FindStringSubmatch(w.Body.String())[1]
	do(s, "POST", "/v1/transit/keys/k", rootToken, `{"type":"ed25519"}`)
	for _, r := range s.routes() {
		if r.auth == public {
			continue
		}
		for m := range strings.FieldsSeq(r.methods) {
			body := `{"policies":["default"],"accessor":"x","input":"AAAA"}`
			if r.own {
				body = "{}" // which takes nothing that it does not know
			}
			w := do(s, m, concrete(r.pattern), powerless, body)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"permission_denied"`) {
				t.Errorf("%s %s: %d %s", m, r.pattern, w.Code, w.Body)
			}
		}
	}
}

func TestEverySentinelHasAStatusAndACode(t *testing.T) {
	codes := map[wire.Code]bool{}
	for _, c := range wire.Codes() {
		codes[c] = true
	}
	for _, e := range kms.Sentinels() {
		code := wire.Code(e.Code())
		if statusOf[code] == 0 {
			t.Errorf("%s has no status", code)
		}
		if !codes[code] {
			t.Errorf("%s is no code of the wire", code)
		}
		status, got, texts := answerTo(fmt.Errorf("%w: in this case", e))
		if status != statusOf[code] || got != code || len(texts) == 0 {
			t.Errorf("%s: %d %s %q", code, status, got, texts)
		}
	}
}

func TestUnknownErrorsSayNothing(t *testing.T) {
	status, code, texts := answerTo(errors.New("open /var/lib/signet/secret: hunter2"))
	if status != 500 || code != wire.Internal || fmt.Sprint(texts) != "[internal error]" {
		t.Fatal(status, code, texts)
	}
}

func TestPaths(t *testing.T) {
	s := newServer(t)
	do(s, "POST", "/v1/transit/keys/web", rootToken, `{"type":"ed25519"}`)
	for _, c := range []struct {
		target string
		want   int
	}{
		{"/v1/transit/keys/web", 200},
		{"/v1//transit///keys//web", 200},
		{"/v1/transit/keys/web/", 200},
		{"/v1/transit/keys/web?unknown=1", 200},
		{"/v1/transit/keys/../keys/web", 400},
		{"/v1/transit/./keys/web", 400},
		{"/v1/transit/keys%2fweb", 400},
		{"/v1/transit/keys/%77eb", 400},
		{"/v1/transit/keys/%2e%2e/web", 400},
		{"/v1/transit/keys/web%00", 400},
		{"/v1/transit/keys/we%20b", 400},
		{"/v1/transit/keys/.web", 400},
		{"/v1/transit/keys/wéb", 400},
		{"/v1/Transit/keys/web", 404},
		{"/V1/transit/keys/web", 404},
		{"/v1/transit/keys/" + strings.Repeat("a", 129), 400},
		{"/v1/", 404}, {"/", 404}, {"/v1/nothing/here", 404},
	} {
		w := do(s, "GET", c.target, rootToken, "")
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.target, w.Code, c.want, w.Body)
		}
		if loc := w.Header().Get("Location"); loc != "" {
			t.Errorf("%s: redirect to %s", c.target, loc)
		}
		if ct := w.Header().Get("Content-Type"); ct != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Content-Type %q", c.target, ct)
		}
	}
	if w := do(s, "PATCH", "/v1/transit/keys/web", rootToken, ""); w.Code != 405 || !strings.Contains(w.Header().Get("Allow"), "POST") {
		t.Errorf("PATCH: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestBodies(t *testing.T) {
	s := newServer(t)
	do(s, "POST", "/v1/transit/keys/web", rootToken, `{"type":"ed25519"}`)
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	for _, c := range []struct {
		name, body string
		want       int
		code       wire.Code
	}{
		{"empty is no fields", "", 400, wire.BadRequest}, // input is missing, and that is all
		{"null is no fields", "null", 400, wire.BadRequest},
		{"object without fields", " {} ", 400, wire.BadRequest},
		{"unknown fields are ignored", `{"input":"AAAA","inptu":1,"nested":{"a":[1,{}]}}`, 200, ""},
		{"a field twice is taken as proxies send it", `{"input":"AAAA","input":"AAAB"}`, 200, ""},
		{"names are matched exactly", `{"INPUT":"AAAA"}`, 400, wire.BadRequest},
		{"numbers as text", `{"input":"AAAA","key_version":"1"}`, 200, ""},
		{"a version that is no number", `{"input":"AAAA","key_version":"one"}`, 400, wire.BadRequest},
		{"array", `["a"]`, 400, wire.InvalidJSON},
		{"text", `"a"`, 400, wire.InvalidJSON},
		{"cut", `{"input":"AA`, 400, wire.InvalidJSON},
		{"data behind", `{"input":"AAAA"} x`, 400, wire.InvalidJSON},
		{"invalid UTF-8", "{\"input\":\"\xff\"}", 400, wire.InvalidJSON},
		{"too deep", deep, 400, wire.InvalidJSON},
		{"brackets in a text are not depth", `{"input":"AAAA","x":"` + strings.Repeat("[", 100) + `"}`, 200, ""},
		{"escaped quotes do not hide depth", `{"x":"\"","y":` + deep + `}`, 400, wire.InvalidJSON},
		{"batch that is no list", `{"batch_input":{"input":"AAAA"}}`, 400, wire.BadRequest},
		{"bad base64", `{"input":"%%%"}`, 400, wire.BadRequest},
	} {
		w := do(s, "POST", "/v1/transit/sign/web", rootToken, c.body)
		var got wire.ErrorBody
		_ = json.Unmarshal(w.Body.Bytes(), &got)
		if w.Code != c.want || got.Code != c.code {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
	// Our own paths take no field that they do not know, and none twice.
	for body, want := range map[string]wire.Code{
		`{"key":"00","kye":1}`: wire.UnknownField, `{"key":"00","key":"01"}`: wire.InvalidJSON, `{"key":"00"}`: wire.ShareLength,
	} {
		w := do(s, "PUT", "/v1/sys/verify-share", "", body)
		if !strings.Contains(w.Body.String(), string(want)) {
			t.Errorf("verify-share %s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestBadFieldsAreNotRepeated(t *testing.T) {
	s := newServer(t)
	const secret = "sgt.hunter2hunter2"
	for _, body := range []string{
		`{"key_version":"` + secret + `"}`, `{"prehashed":"` + secret + `"}`, `{"batch_input":"` + secret + `"}`, `{"input":"` + secret + `"}`, `{"hash_algorithm":["` + secret + `"]}`,
	} {
		w := do(s, "POST", "/v1/transit/sign/web", rootToken, body)
		if w.Code != 400 || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestBodyLimits(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		name, path, token string
		length            int64
		body              io.Reader
		want              int
	}{
		{"stated, stranger", "/v1/sys/unseal", "", strangersBody + 1, http.NoBody, 413},
		{"unstated, stranger", "/v1/sys/unseal", "", -1, io.LimitReader(zeros{}, strangersBody+1), 413},
		{"stated, caller", "/v1/transit/sign/web", rootToken, callersBody + 1, http.NoBody, 413},
		{"a stranger's body is not read", "/v1/transit/sign/web", "", -1, failing{t}, 403},
		{"broken", "/v1/sys/unseal", "", 10, io.LimitReader(zeros{}, 5), 400},
	} {
		r := httptest.NewRequest("PUT", c.path, c.body)
		r.ContentLength = c.length
		r.Header.Set(wire.HeaderToken, c.token)
		if c.body == http.NoBody {
			r.Body = io.NopCloser(zeros{})
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.want)
		}
	}
	if a, b := s.bodies.used.Load(), s.strangers.used.Load(); a != 0 || b != 0 {
		t.Errorf("%d and %d bytes of the budgets were not given back", a, b)
	}
	if !s.strangers.take(strangersBudget) {
		t.Fatal("the strangers' budget is not to be had")
	}
	if w := do(s, "PUT", "/v1/sys/unseal", "", `{"key":"00"}`); w.Code != 503 {
		t.Errorf("with the strangers' budget spent: %d %s", w.Code, w.Body)
	}
	if w := do(s, "POST", "/v1/transit/sign/web", rootToken, `{"input":"AAAA"}`); w.Code != 400 {
		t.Errorf("strangers used up the callers' budget: %d %s", w.Code, w.Body)
	}
	if !s.bodies.take(callersBudget) {
		t.Fatal("the callers' budget is not to be had")
	}
	if w := do(s, "POST", "/v1/transit/sign/web", rootToken, `{"input":"AAAA"}`); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("with the budget spent: %d %s", w.Code, w.Body)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type failing struct{ t *testing.T }

func (f failing) Read([]byte) (int, error) {
	f.t.Error("the body of a stranger was read")
	return 0, io.EOF
}

// TestABodyIsBookedAsItArrives: a stated length that is never sent holds nothing.
func TestABodyIsBookedAsItArrives(t *testing.T) {
	s := newServer(t)
	reader, writer := io.Pipe()
	r := httptest.NewRequest("PUT", "/v1/sys/unseal", reader)
	r.ContentLength = strangersBody
	done := make(chan int, 1)
	go func() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		done <- w.Code
	}()
	if _, err := writer.Write([]byte(`{"key":`)); err != nil {
		t.Fatal(err)
	}
	if used := s.strangers.used.Load(); used > block {
		t.Errorf("%d bytes are booked for 7 that came", used)
	}
	writer.CloseWithError(io.ErrUnexpectedEOF)
	if code := <-done; code != 400 {
		t.Errorf("a body that broke off: %d", code)
	}
}

// TestAHugeBatchIsRefusedWhileItIsRead: ten million empty items fit in a body.
func TestAHugeBatchIsRefusedWhileItIsRead(t *testing.T) {
	s := newServer(t)
	do(s, "POST", "/v1/transit/keys/web", rootToken, `{"type":"ed25519"}`)
	items := func(n int) string {
		return `{"batch_input":[` + strings.TrimSuffix(strings.Repeat(`{"input":"AAAA"},`, n), ",") + `]}`
	}
	if w := do(s, "POST", "/v1/transit/sign/web", rootToken, items(wire.MaxBatch)); w.Code != 200 {
		t.Errorf("a full batch: %d %s", w.Code, w.Body)
	}
	w := do(s, "POST", "/v1/transit/sign/web", rootToken, items(wire.MaxBatch+1))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "1000 items") {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do(s, "POST", "/v1/transit/sign/web", rootToken, `{"batch_input":[`+strings.Repeat(`{},`, 5<<20)+`{}]}`)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 200<<20 {
		t.Errorf("a refused batch took %d MiB", grown>>20)
	}
}

func TestHeadersThatWouldChangeTheMeaning(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"X-Vault-Namespace", "", 200}, {"X-Vault-Namespace", "root", 200}, {"X-Vault-Namespace", "root/", 200},
		{"X-Vault-Namespace", "team-a", 400}, {"X-Vault-Wrap-TTL", "60s", 400},
	} {
		r := httptest.NewRequest("GET", "/v1/auth/token/lookup-self", nil)
		r.Header.Set("Authorization", "Bearer "+rootToken)
		r.Header.Set(c.header, c.value)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.want || w.Header().Get("X-Vault-Index") != "" {
			t.Errorf("%s %q: %d %s", c.header, c.value, w.Code, w.Body)
		}
	}
}

func TestLoopbackHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:8200": true, "localhost:8200": true, "LOCALHOST": true, "[::1]:8200": true, "127.9.9.9": true,
		"evil.example": false, "evil.example:8200": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "10.0.0.1": false, "": false,
	} {
		if loopbackHost(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}

func TestRaftMetricsAreThere(t *testing.T) {
	s := newServer(t)
	w := do(s, "GET", "/metrics", rootToken, "")
	for _, name := range []string{"raft_", "signet_requests_total", "signet_audit_records_total", "go_goroutines"} {
		if !strings.Contains(w.Body.String(), name) {
			t.Errorf("no %s in /metrics", name)
		}
	}
	if w := do(s, "PUT", "/v1/sys/seal", rootToken, ""); w.Code != 204 {
		t.Fatal(w.Code, w.Body)
	}
	w = do(s, "GET", "/metrics", "", "")
	if !strings.Contains(w.Body.String(), "signet_sealed 1") || strings.Contains(w.Body.String(), "signet_requests_total") {
		t.Errorf("metrics of a sealed node: %s", w.Body)
	}
}

// FuzzBody throws bodies at every route that reads one.
func FuzzBody(f *testing.F) {
	s := newServer(f)
	f.Add("POST", "/v1/transit/sign/k", `{"input":"AAAA","batch_input":[{"input":"AAAA"}]}`)
	f.Add("PUT", "/v1/sys/policies/acl/p", `{"policy":"path \"a\" { capabilities = [\"read\"] }"}`)
	f.Add("POST", "/v1/auth/token/create", `{"policies":["default"],"ttl":"1h","meta":{"a":"b"}}`)
	do(s, "POST", "/v1/transit/keys/k", rootToken, `{"type":"ed25519"}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if method == "" || strings.ContainsAny(method, " \r\n\t") || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/v1/sys/seal") {
			return
		}
		r, err := http.NewRequest(method, "http://127.0.0.1"+path, bytes.NewReader([]byte(body)))
		if err != nil {
			return
		}
		r.Header.Set(wire.HeaderToken, rootToken)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != 501 {
			t.Fatalf("%s %s %q: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}

// BenchmarkSign is a whole sign request without the network.
func BenchmarkSign(b *testing.B) {
	s := newServer(b)
	do(s, "POST", "/v1/transit/keys/web", rootToken, `{"type":"ecdsa-p256"}`)
	body := `{"input":"` + strings.Repeat("AAAA", 85) + `","marshaling_algorithm":"jws"}`
	b.ReportAllocs()
	for b.Loop() {
		if w := do(s, "POST", "/v1/transit/sign/web", rootToken, body); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
