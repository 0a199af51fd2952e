package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The body of Vault's clients, as they send it and as they read it back.
func TestQuotaBodies(t *testing.T) {
	s := newServer(t)
	const at = "/v1/sys/quotas/rate-limit/q"
	for _, c := range []struct {
		body string
		want string // a part of what is read back; "" refused with 400
	}{
		{`{"rate":897.3,"interval":"2m","block_interval":"5m","path":""}`, `"path":"","per":"source","rate":897.3,"interval":120,"block_interval":300,"role":"","inheritable":true`},
		{`{"rate":"500"}`, `"rate":500,"interval":1,"block_interval":0`},
		{`{"rate":5,"interval":"1500ms","per":"token","path":"transit/"}`, `"path":"transit/","per":"token","rate":5,"interval":"1.5s"`},
		{`{"rate":5,"interval":0,"name":"q","type":"rate-limit","role":"","inheritable":true,"group_by":"ip","secondary_rate":0,"unheard_of":1}`, `"type":"rate-limit","name":"q"`},
		{`{"rate":5,"path":"transit/sign/*","inheritable":false}`, `"inheritable":false`},
		{``, ""}, {`{}`, ""}, {`{"rate":0}`, ""}, {`{"rate":-1}`, ""}, {`{"rate":"NaN"}`, ""}, {`{"rate":1e999}`, ""}, {`{"rate":true}`, ""},
		{`{"rate":5,"interval":-1}`, ""}, {`{"rate":5,"interval":"25h"}`, ""}, {`{"rate":5,"block_interval":"25h"}`, ""},
		{`{"rate":5,"per":"host"}`, ""}, {`{"rate":5,"role":"web"}`, ""}, {`{"rate":5,"inheritable":true,"path":"transit"}`, ""},
		{`{"rate":5,"group_by":"none"}`, ""}, {`{"rate":5,"group_by":"ip","per":"token"}`, ""}, {`{"rate":5,"secondary_rate":7}`, ""},
		{`{"rate":5,"name":"other"}`, ""}, {`{"rate":5,"type":"lease-count"}`, ""}, {`{"rate":5,"path":"/transit"}`, ""},
	} {
		do(s, "DELETE", at, rootToken, "")
		w := do(s, "PUT", at, rootToken, c.body)
		if c.want == "" {
			if w.Code != 400 {
				t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
			}
			if w := do(s, "GET", at, rootToken, ""); w.Code != 404 {
				t.Errorf("%s was written: %s", c.body, w.Body)
			}
			continue
		}
		read := do(s, "GET", at, rootToken, "")
		if w.Code != 204 || read.Code != 200 || !strings.Contains(read.Body.String(), c.want) {
			t.Errorf("%s: %d %s, read as %d %s", c.body, w.Code, w.Body, read.Code, read.Body)
		}
	}
	do(s, "PUT", at, rootToken, `{"rate":5}`)
	if w := do(s, "LIST", "/v1/sys/quotas/rate-limit", rootToken, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"keys":["q"]`) {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	do(s, "DELETE", at, rootToken, "")
	if w := do(s, "GET", "/v1/sys/quotas/rate-limit?list=true", rootToken, ""); w.Code != 404 || !strings.Contains(w.Body.String(), `"errors":[]`) {
		t.Errorf("an empty list: %d %s", w.Code, w.Body)
	}
}

// from is a request from an address, with headers.
func from(s *Server, remote, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = remote
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// unread fails the test when somebody reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a request over the limit was read")
	return 0, http.ErrBodyReadAfterClose
}

// Over the limit of an address everything is 429: nonsense, forged tokens, good
// tokens. Nothing is read, and no header makes it another address.
func TestOverTheLimitOfASource(t *testing.T) {
	s := newServer(t)
	if w := do(s, "PUT", "/v1/sys/quotas/rate-limit/tight", rootToken, `{"rate":1,"interval":"10s"}`); w.Code != 204 {
		t.Fatal(w.Body)
	}
	const stranger = "192.0.2.1:1000"
	if w := from(s, stranger, "GET", "/v1/transit/keys/x", "", "X-Vault-Token", rootToken); w.Code != 404 {
		t.Fatalf("the first: %d %s", w.Code, w.Body)
	}
	for _, c := range [][2]string{
		{"GET", "/v1/transit/keys/x"}, {"POST", "/v1/transit/sign/web"}, {"GET", "/nothing"}, {"GET", "/v1/a/../b"}, {"PATCH", "/v1/transit/keys/x"},
		{"GET", "/v1/transit/keys/b%2fc"}, {"GET", "/v1/sys/metrics"}, {"GET", "/metrics"}, {"PUT", "/v1/auth/token/create"}, {"NONSENSE", "/v1/x"},
	} {
		for _, token := range []string{"", "sgt.forged", rootToken} {
			r := httptest.NewRequest(c[0], c[1], unread{t})
			r.RemoteAddr = stranger
			r.Header.Set("X-Vault-Token", token)
			for _, h := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Vault-Forward"} {
				r.Header.Set(h, "198.51.100.7")
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			after := w.Header().Get("Retry-After")
			if w.Code != 429 || !strings.Contains(w.Body.String(), `"code":"rate_limited"`) || !strings.Contains(w.Body.String(), "the rate limit tight has room again in ") {
				t.Errorf("%v with %q: %d %s", c, token, w.Code, w.Body)
			}
			if after != "10" && after != "9" && after != "8" {
				t.Errorf("%v: Retry-After %q", c, after)
			}
		}
	}
	for _, path := range []string{"sys/health", "sys/seal-status", "sys/leader", "sys/init"} {
		for range 3 {
			if w := from(s, stranger, "GET", "/v1/"+path, ""); w.Code != 200 {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	}
	if w := from(s, "192.0.2.2:1", "GET", "/v1/transit/keys/x", "", "X-Vault-Token", rootToken); w.Code != 404 {
		t.Errorf("another address: %d %s", w.Code, w.Body)
	}
	s.cfg.PublicMetrics = true
	for _, path := range []string{"/metrics", "/v1/sys/metrics"} {
		if w := from(s, stranger, "GET", path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `signet_rate_limited_total{quota="tight"} 30`) {
			t.Errorf("public %s: %d", path, w.Code)
		}
	}
	// Whoever may repairs it, from the same address.
	if w := from(s, stranger, "DELETE", "/v1/sys/quotas/rate-limit/tight", "", "X-Vault-Token", rootToken); w.Code != 204 {
		t.Fatalf("the quota cannot be removed: %d %s", w.Code, w.Body)
	}
	if w := from(s, stranger, "GET", "/v1/transit/keys/x", "", "X-Vault-Token", rootToken); w.Code != 404 {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// A limit by token counts where the token is good, metrics included, and leaves
// its owner's body unread.
func TestOverTheLimitOfAToken(t *testing.T) {
	s := newServer(t)
	do(s, "POST", "/v1/transit/keys/web", rootToken, `{"type":"ed25519"}`)
	do(s, "PUT", "/v1/sys/quotas/rate-limit/t", rootToken, `{"rate":2,"interval":"1h","per":"token","path":"transit"}`)
	do(s, "PUT", "/v1/sys/quotas/rate-limit/m", rootToken, `{"rate":1,"interval":"1h","per":"token","path":"sys/metrics"}`)
	for range 5 {
		if w := do(s, "POST", "/v1/transit/sign/web", "sgt.forged", `{"input":"aGk="}`); w.Code != 403 {
			t.Fatalf("a forged token: %d %s", w.Code, w.Body)
		}
	}
	for i := range 4 {
		w := do(s, "POST", "/v1/transit/sign/web", rootToken, `{"input":"aGk="}`)
		if want := map[bool]int{true: 200, false: 429}[i < 2]; w.Code != want {
			t.Errorf("signature %d: %d %s", i, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest("POST", "/v1/transit/sign/web", unread{t})
	r.Header.Set("X-Vault-Token", rootToken)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 429 || w.Header().Get("Connection") != "close" || w.Header().Get("Retry-After") == "" {
		t.Errorf("a body of unknown length: %d %v", w.Code, w.Header())
	}
	for _, path := range []string{"/metrics", "/v1/sys/metrics"} {
		w := do(s, "GET", path, rootToken, "")
		if want := map[bool]int{true: 200, false: 429}[path == "/metrics"]; w.Code != want {
			t.Errorf("%s: %d %.200s", path, w.Code, w.Body)
		}
	}
}

// A connection outlives a refusal of what is short, and not one of what is long:
// net/http would read that before it answers.
func TestLongBodiesEndTheConnection(t *testing.T) {
	s := newServer(t)
	do(s, "PUT", "/v1/sys/quotas/rate-limit/tight", rootToken, `{"rate":1,"interval":"1h","path":"transit"}`)
	for size, want := range map[int]string{0: "", 100: "", mostDrained: "", mostDrained + 1: "close", 1 << 20: "close"} {
		for range 2 {
			do(s, "GET", "/v1/transit/keys/x", rootToken, "")
		}
		w := do(s, "POST", "/v1/transit/sign/web", rootToken, string(bytes.Repeat([]byte(" "), size)))
		if w.Code != 429 || w.Header().Get("Connection") != want {
			t.Errorf("%d bytes: %d, Connection %q", size, w.Code, w.Header().Get("Connection"))
		}
	}
}

// The throttle of wrong shares says when it ends, too.
func TestWrongSharesSayWhen(t *testing.T) {
	s := newServer(t)
	var w *httptest.ResponseRecorder
	for range 12 {
		w = do(s, "PUT", "/v1/sys/verify-share", "", `{"key":"00"}`)
	}
	if after := w.Header().Get("Retry-After"); w.Code != 429 || after != "60" && after != "59" && after != "58" {
		t.Errorf("%d, Retry-After %q: %s", w.Code, after, w.Body)
	}
}

// A quota that is written again under the same idempotency key is written once.
func TestAQuotaIsWrittenOnce(t *testing.T) {
	s := newServer(t)
	write := func(body string) int {
		return from(s, "127.0.0.1:1", "PUT", "/v1/sys/quotas/rate-limit/q", body, "X-Vault-Token", rootToken, "Idempotency-Key", "one").Code
	}
	if first, again, other := write(`{"rate":5}`), write(`{"rate":5}`), write(`{"rate":6}`); first != 204 || again != 204 || other != 409 {
		t.Errorf("%d, again %d, with another body %d", first, again, other)
	}
}
