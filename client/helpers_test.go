package client

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

const canary = "canary-token-51c0"

// seen is a request as a server received it.
type seen struct {
	method, uri, token, body string
}

// server answers with steps, one a request, the last one again and again.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen // guarded by mu
}

func (s *server) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.seen...)
}

func serve(t *testing.T, steps ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		n := len(s.seen)
		s.seen = append(s.seen, seen{r.Method, r.RequestURI, r.Header.Get(wire.HeaderToken), string(body)})
		s.mu.Unlock()
		steps[min(n, len(steps)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// reply answers with a status and a recorded body.
func reply(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// refuse answers as the server does, with a code.
func refuse(status int, code wire.Code, headers ...string) http.HandlerFunc {
	return reply(status, fmt.Sprintf(`{"errors":["words for people"],"code":%q,"request_id":"req-1"}`, code), headers...)
}

// data answers 200 with an envelope.
func data(body string) http.HandlerFunc {
	return reply(http.StatusOK, `{"request_id":"req-1","lease_id":"","renewable":false,"lease_duration":0,"data":`+body+`,"wrap_info":null,"warnings":null,"auth":null}`)
}

const authBody = `{"request_id":"req-1","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":null,` +
	`"auth":{"client_token":"hvs.new","accessor":"acc","policies":["default"],"token_policies":["default"],"identity_policies":[],"metadata":{},` +
	`"lease_duration":3600,"renewable":true,"orphan":false,"entity_id":"","token_type":"service","num_uses":0,"mfa_requirement":null}}`

// hangUp breaks the connection after the request was read.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// cutOff breaks the connection in the middle of the answer.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"request_id":"r","data":{`)
	w.(http.Flusher).Flush()
	hangUp(w, nil)
}

// connect returns a client of the servers whose waits are recorded, not slept.
func connect(t *testing.T, cfg Config, servers ...*server) (*Client, *[]time.Duration) {
	t.Helper()
	for _, s := range servers {
		cfg.Addresses = append(cfg.Addresses, s.URL)
	}
	if cfg.Token == nil {
		cfg.Token = StaticToken(wire.SecretOf(canary))
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	// No time passes by itself: what is set aside stays so.
	now := time.Unix(1_700_000_000, 0)
	c.nodes.now = func() time.Time { return now }
	var waits []time.Duration
	c.sleep = func(ctx context.Context, d time.Duration) error {
		waits = append(waits, d)
		return ctx.Err()
	}
	return c, &waits
}

// safely is a call without lasting effect, lastingly one with.
func safely(c *Client) error {
	_, err := c.Transit("").Sign(context.Background(), "web", wire.SignRequest{Input: wire.BytesOf([]byte("hi"))})
	return err
}

func lastingly(c *Client) error {
	_, err := c.Transit("").RotateKey(context.Background(), "web")
	return err
}

// discard silences what net/http says of refused handshakes.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }
