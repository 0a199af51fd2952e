package apitest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// No remote off-switch: whatever strangers send, the audit log grows by a bounded
// amount, none of it is lost from the count, and a client that signs goes on.
func TestAFloodOfStrangersDoesNotFillTheLog(t *testing.T) {
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	for _, flood := range []struct {
		name               string
		count              int
		method, path, body string
		token              string
		status             int
		code               string // in the summaries
	}{
		{"bad tokens", 20_000, "POST", "transit/sign/web", `{"input":"aGk="}`, "sgt.nonsense", 403, "invalid_token"},
		{"no token", 2_000, "GET", "transit/keys/web", "", "", 403, "invalid_token"},
		{"unknown paths", 2_000, "GET", "no/such/path", "", "", 404, "unsupported_path"},
		{"methods", 2_000, "PATCH", "transit/keys/web", "", "", 405, "method_not_allowed"},
		{"second inits", 2_000, "PUT", "sys/init", `{"secret_shares":1,"secret_threshold":1}`, "", 400, "already_initialized"},
		{"wrong shares", 2_000, "PUT", "sys/verify-share", `{"key":"` + strings.Repeat("00", 48) + `"}`, "", 0, "rate_limited"},
		{"broken bodies", 2_000, "PUT", "sys/unseal", `{`, "", 400, "invalid_json"},
		{"migrations", 2_000, "PUT", "sys/unseal", `{"migrate":true}`, "", 400, "unsupported"},
		{"resets", 2_000, "PUT", "sys/unseal", `{"reset":true}`, "", 0, ""},
		{"shares for an open node", 2_000, "PUT", "sys/unseal", `{"key":"` + strings.Repeat("00", 48) + `"}`, "", 0, ""},
		{"health", 2_000, "GET", "sys/health", "", "", 200, ""},
	} {
		t.Run(flood.name, func(t *testing.T) {
			before := len(records(t, n, func(audit.Parsed) bool { return true }))
			signed := 0
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for ; ; signed++ {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
					if r, err := n.Send("POST", "transit/sign/web", n.Root(), object{"input": "aGk="}); err != nil || r.Status != 200 {
						t.Errorf("the signer got %v, %v", r, err)
						return
					}
				}
			}()
			start := time.Now()
			other := sendMany(n, flood.count, flood.method, flood.path, flood.token, flood.body, flood.status)
			seconds := int(time.Since(start).Seconds()) + 1
			close(stop)
			<-done
			if other != "" {
				t.Errorf("an answer of the flood: %s", other)
			}
			// Singly 10 a second of one source after the first 10, and one summary
			// a second; the signer's own; and what the node adds once a minute.
			bound := 10 + 12*seconds + signed + 15
			counted := int64(0)
			if flood.code != "" {
				byCode := map[string]int64{}
				defer func() {
					if t.Failed() {
						t.Logf("recorded by code: %v", byCode)
					}
				}()
				eventually(t, "what was not recorded singly is counted", func() bool {
					recs := records(t, n, func(audit.Parsed) bool { return true })[before:]
					counted = 0
					clear(byCode)
					for _, r := range recs {
						byCode[r.Operation+" "+r.Code] += max(1, r.Count)
						if r.Operation == "audit/refused" {
							counted += r.Count
						} else if r.Code == flood.code {
							counted++
						}
					}
					return counted >= int64(flood.count)-15 // some wrong shares have another code
				})
			}
			grown := len(records(t, n, func(audit.Parsed) bool { return true })) - before
			if grown > bound {
				t.Errorf("%d requests of strangers grew the log by %d records, %d of them the signer's, in %d s", flood.count, grown, signed, seconds)
			}
			if signed == 0 {
				t.Error("the signer did not get through")
			}
			t.Logf("%d requests in %d s: %d records, %d of them the signer's; counted %d", flood.count, seconds, grown, signed, counted)
		})
	}
}

// A node that is sealed, or not made yet, is as open to strangers.
func TestAFloodBeforeTheNodeServes(t *testing.T) {
	for _, flood := range []struct {
		name, path, body string
		stage            apitest.Option
	}{
		{"resets of a sealed node", "sys/unseal", `{"reset":true}`, apitest.Sealed()},
		{"wrong shares for a sealed node", "sys/unseal", `{"key":"00"}`, apitest.Sealed()},
		{"inits that cannot be", "sys/init", `{"secret_shares":3,"secret_threshold":4}`, apitest.Uninitialized()},
		{"shares for nothing", "sys/unseal", `{"key":"00"}`, apitest.Uninitialized()},
	} {
		t.Run(flood.name, func(t *testing.T) {
			n := apitest.New(t, apitest.Shares(3, 2), flood.stage)
			before := len(records(t, n, func(audit.Parsed) bool { return true }))
			start := time.Now()
			if other := sendMany(n, 1_000, "PUT", flood.path, "", flood.body, 0); other != "" {
				t.Errorf("an answer of the flood: %s", other)
			}
			bound := 25 + 12*(int(time.Since(start).Seconds())+1)
			if grown := len(records(t, n, func(audit.Parsed) bool { return true })) - before; grown > bound {
				t.Errorf("1000 requests of strangers grew the log by %d records, want at most %d", grown, bound)
			}
		})
	}
}

// sendMany sends the same request many times from several connections, and returns
// an answer that should not be, if any. Status 0 is any.
func sendMany(n *apitest.Node, count int, method, path, token, body string, status int) string {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	url := n.URL() + "/v1/" + path
	var left atomic.Int64
	left.Store(int64(count))
	var other atomic.Pointer[string]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				req, err := http.NewRequest(method, url, strings.NewReader(body))
				if err != nil {
					return
				}
				req.Header.Set("X-Vault-Token", token)
				resp, err := client.Do(req)
				if err != nil {
					text := err.Error()
					other.Store(&text)
					return
				}
				all, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if status != 0 && resp.StatusCode != status || resp.StatusCode >= 500 && resp.StatusCode != 503 {
					text := fmt.Sprintf("%d %s", resp.StatusCode, all)
					other.Store(&text)
				}
			}
		})
	}
	wg.Wait()
	if text := other.Load(); text != nil {
		return *text
	}
	return ""
}
