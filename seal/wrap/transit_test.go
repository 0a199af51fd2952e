package wrap

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// engine answers as a transit engine does: base64 is its whole cipher. The body
// shapes are those of Vault, which api/apitest/vaultclient holds a daemon to.
type engine struct {
	t       *testing.T
	refuses func(in map[string]any) bool // with 400
	seen    []*http.Request
	token   string
	ttl     int
	fixed   bool // the token is not renewable
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.seen = append(e.seen, r)
	body, _ := io.ReadAll(r.Body)
	in := map[string]any{}
	_ = json.Unmarshal(body, &in)
	if r.URL.Path != "/v1/sys/seal-status" && r.Header.Get("X-Vault-Token") != e.token {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":["permission denied for %s"]}`, r.Header.Get("X-Vault-Token"))
		return
	}
	if e.refuses != nil && e.refuses(in) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.URL.Path {
	case "/v1/keys/of/mine/encrypt/unseal":
		fmt.Fprintf(w, `{"data":{"ciphertext":"vault:v12:%s","key_version":12}}`, in["plaintext"])
	case "/v1/keys/of/mine/decrypt/unseal":
		fmt.Fprintf(w, `{"data":{"plaintext":%q}}`, strings.TrimPrefix(fmt.Sprint(in["ciphertext"]), "vault:v12:"))
	case "/v1/sys/seal-status":
		fmt.Fprint(w, `{"type":"shamir","cluster_id":"theirs"}`)
	case "/v1/auth/token/lookup-self":
		fmt.Fprintf(w, `{"data":{"ttl":%d,"renewable":%t}}`, e.ttl, !e.fixed)
	case "/v1/auth/token/renew-self":
		fmt.Fprint(w, `{"auth":{"lease_duration":600,"renewable":true}}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func newEngine(t *testing.T) (*engine, TransitConfig) {
	t.Helper()
	e := &engine{t: t, token: "hvs.a-token-of-theirs"}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return e, TransitConfig{Address: server.URL + "/", MountPath: "/keys/of/mine/", KeyName: "unseal", Namespace: "team/a", Token: e.token}
}

func transit(t *testing.T, c TransitConfig) *Transit {
	t.Helper()
	tr, err := NewTransit(c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestTransit(t *testing.T) {
	secret, binding := []byte(strings.Repeat("s", 64)), []byte("whose it is")
	ad := base64.StdEncoding.EncodeToString(binding)
	for _, c := range []struct {
		refuses func(in map[string]any) bool
		form    string
		bound   bool
		calls   int
	}{
		{nil, "ad", true, 1},
		{func(in map[string]any) bool { return in["context"] == nil }, "ad+context", true, 2},
		{func(in map[string]any) bool { return in["associated_data"] != nil }, "plain", false, 3},
	} {
		e, config := newEngine(t)
		e.refuses = c.refuses
		tr := transit(t, config)
		if tr.Type() != "transit" || tr.Name() != "keys/of/mine/unseal" {
			t.Errorf("%s %s", tr.Type(), tr.Name())
		}
		w, err := tr.Wrap(t.Context(), secret, binding)
		if err != nil || w.Version != 12 || w.Bound != c.bound || !strings.HasPrefix(string(w.Blob), c.form+"|vault:v12:") || len(e.seen) != c.calls {
			t.Errorf("%s: %+v, %v, after %d calls", c.form, w, err, len(e.seen))
		}
		e.refuses = func(in map[string]any) bool { // and so it is asked back
			return c.bound && in["associated_data"] != ad || c.form == "ad+context" && in["context"] != ad || c.form == "plain" && len(in) != 1
		}
		got, err := tr.Unwrap(t.Context(), w, binding)
		if err != nil || string(got) != string(secret) {
			t.Errorf("%s: %q, %v", c.form, got, err)
		}
		for _, r := range e.seen {
			if r.Header.Get("X-Vault-Namespace") != "team/a" || r.Header.Get("X-Vault-Request") != "true" {
				t.Errorf("headers %v", r.Header)
			}
		}
		e.refuses = nil
		if id, err := tr.Cluster(t.Context()); id != "theirs" || err != nil || e.seen[len(e.seen)-1].Header.Get("X-Vault-Token") != "" {
			t.Errorf("cluster %q, %v", id, err)
		}
	}
	e, config := newEngine(t)
	tr := transit(t, config)
	w, err := tr.Wrap(t.Context(), secret, binding)
	if err != nil {
		t.Fatal(err)
	}
	w.Blob = append([]byte("new|"), w.Blob...)
	if _, err := tr.Unwrap(t.Context(), w, binding); err == nil || !strings.Contains(err.Error(), "newer release") || len(e.seen) != 1 {
		t.Errorf("an unknown form: %v", err)
	}
}

// No error repeats what the other side says, which may quote the request.
func TestTransitFailures(t *testing.T) {
	for status, says := range map[int]string{
		400: "answers 400: the key does not exist or does not encrypt: transit/encrypt/k", 401: "answers 401", 403: "answers 403: the token has expired",
		404: "no such engine or key", 307: "redirects", 429: "answers 429", 500: "answers 500", 503: "it is sealed",
		200: "without a ciphertext", 201: "answers 201",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{r.Header.Get("X-Vault-Token"), string(body)}})
		}))
		tr := transit(t, TransitConfig{Address: server.URL, KeyName: "k", Token: "the-token"})
		_, err := tr.Wrap(t.Context(), []byte("the-secret"), nil)
		var f *Failure
		if !errors.As(err, &f) || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), server.URL) || f.Detail() != "" {
			t.Errorf("%d: %v", status, err)
		}
		for _, hidden := range []string{"the-token", "the-secret", base64.StdEncoding.EncodeToString([]byte("the-secret"))} {
			if err == nil || strings.Contains(err.Error(), hidden) {
				t.Errorf("%d tells %q: %v", status, hidden, err)
			}
		}
		server.Close()
		if _, err = tr.Wrap(t.Context(), []byte("the-secret"), nil); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("closed: %v", err)
		}
	}
	hang := make(chan struct{})
	for what, serve := range map[string]http.HandlerFunc{
		"does not answer within 1s": func(http.ResponseWriter, *http.Request) { <-hang },
		"something else": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"data":{"ciphertext":"%s"}}`, strings.Repeat("x", maxAnswer))
		},
	} {
		server := httptest.NewServer(serve)
		tr := transit(t, TransitConfig{Address: server.URL, KeyName: "k", Token: "t", Timeout: time.Second})
		if _, err := tr.Wrap(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		if what != "something else" {
			close(hang)
		}
		server.Close()
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	if _, err := transit(t, TransitConfig{Address: secure.URL, KeyName: "k", Token: "t"}).Wrap(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "not trusted here") {
		t.Errorf("a strange certificate: %v", err)
	}
}

// The certificate of the other side is held to tls_ca_cert, and its name too.
func TestTransitTLS(t *testing.T) {
	e := &engine{t: t, token: "t"}
	server := httptest.NewUnstartedServer(e)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	config := TransitConfig{Address: server.URL, MountPath: "keys/of/mine", KeyName: "unseal", Token: "t", CACert: ca}
	for name, says := range map[string]string{"": "", "example.com": "", "elsewhere.example": "not trusted here"} { // of Go's test certificate
		config.ServerName = name
		_, err := transit(t, config).Wrap(t.Context(), []byte("x"), nil)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", name, err)
		}
	}
	config.CACert = filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(config.CACert, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewTransit(config); err == nil || !strings.Contains(err.Error(), "tls_ca_cert") {
		t.Error(err)
	}
}

func TestRenew(t *testing.T) {
	for _, c := range []struct {
		ttl   int
		fixed bool
		next  time.Duration
		want  error
	}{{0, false, 0, nil}, {100, true, 50 * time.Second, ErrNotRenewable}, {100, false, 300 * time.Second, nil}} {
		e, config := newEngine(t)
		e.ttl, e.fixed = c.ttl, c.fixed
		next, err := transit(t, config).Renew(t.Context())
		if next != c.next || !errors.Is(err, c.want) {
			t.Errorf("%+v: %s, %v", c, next, err)
		}
	}
	e, config := newEngine(t)
	e.token = "another"
	if next, err := transit(t, config).Renew(t.Context()); next != 0 || err == nil || !strings.Contains(err.Error(), "auth/token/lookup-self") {
		t.Errorf("%s, %v", next, err)
	}
}

func TestTokenFile(t *testing.T) {
	e, config := newEngine(t)
	file := filepath.Join(t.TempDir(), "token")
	config.Token, config.TokenFile = "", file
	tr := transit(t, config)
	write := func(text string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(file)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for text, says := range map[string]string{"": "holds no token", "two words": "holds no token", "a\nb": "holds no token", strings.Repeat("x", 5000): "too large"} {
		write(text, 0o600)
		if _, err := tr.Wrap(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), says) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	write(e.token, 0o640)
	if _, err := tr.Wrap(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
	write(e.token+"\n", 0o600) // and it is read again
	if _, err := tr.Wrap(t.Context(), []byte("x"), nil); err != nil {
		t.Error(err)
	}
	if _, err := (token{file: t.TempDir()}).read(); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Error(err)
	}
}

func TestTokensAreNotPrinted(t *testing.T) {
	const secret = "hvs.very-secret-token"
	tr := transit(t, TransitConfig{Address: "https://a", KeyName: "k", Token: secret})
	type nested struct {
		t token
		p *Transit
	}
	for name, v := range map[string]any{"token": fixedToken(secret), "*Transit": tr, "Transit": *tr, "nested": nested{fixedToken(secret), tr}} {
		var outs []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
			outs = append(outs, fmt.Sprintf(verb, v))
		}
		js, _ := json.Marshal(v)
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		for _, out := range append(outs, string(js), log.String()) {
			if strings.Contains(out, secret) || strings.Contains(out, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s printed the token: %s", name, out)
			}
		}
	}
	if _, err := json.Marshal(fixedToken(secret)); err == nil {
		t.Error("a token became JSON")
	}
}
