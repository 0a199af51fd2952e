package apitest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// strangersDo is what anybody can send to a node that serves.
type strangersDo struct {
	name               string
	count              int
	method, path, body string
	token              string
	status             int    // 0: any
	code               string // as it is recorded; "" where nothing has to be
}

// No remote off-switch: whatever strangers send, the audit log grows by a bounded
// amount, none of it is lost from the count, and a client that signs goes on.
func TestAFloodOfStrangersDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	for name, floods := range map[string][]strangersDo{
		"bad tokens": {{"bad tokens", 20_000, "POST", "transit/sign/web", `{"input":"aGk="}`, "sgt.nonsense", 403, "invalid_token"}},
		"everything else": {
			{"no token", 300, "GET", "transit/keys/web", "", "", 403, "invalid_token"},
			{"unknown paths", 300, "GET", "no/such/path", "", "", 404, "unsupported_path"},
			{"methods", 300, "PATCH", "transit/keys/web", "", "", 405, "method_not_allowed"},
			{"second inits", 300, "PUT", "sys/init", `{"secret_shares":1,"secret_threshold":1}`, "", 400, "already_initialized"},
			{"wrong shares", 300, "PUT", "sys/verify-share", `{"key":"` + strings.Repeat("00", 48) + `"}`, "", 0, ""},
			{"broken bodies", 300, "PUT", "sys/unseal", `{`, "", 400, "invalid_json"},
			{"migrations", 300, "PUT", "sys/unseal", `{"migrate":true}`, "", 400, "unsupported"},
			{"resets", 300, "PUT", "sys/unseal", `{"reset":true}`, "", 0, ""},
			{"shares for an open node", 300, "PUT", "sys/unseal", `{"key":"` + strings.Repeat("00", 48) + `"}`, "", 0, ""},
			{"health", 300, "GET", "sys/health", "", "", 200, ""},
		},
	} {
		t.Run(name, func(t *testing.T) { floodWhileSigning(t, floods) })
	}
}

func floodWhileSigning(t *testing.T, floods []strangersDo) {
	n := nodeWithKeys(t)
	before := len(records(t, n, func(audit.Parsed) bool { return true }))
	s := startSigners(n, 1)
	start := time.Now()
	wanted := map[string]int64{} // code → how many have to be recorded or counted
	for _, f := range floods {
		if other := sendMany(n, f.count, f.method, f.path, f.token, f.body, f.status); other != "" {
			t.Errorf("%s: an answer of the flood: %s", f.name, other)
		}
		if f.code != "" {
			wanted[f.code] += int64(f.count)
		}
	}
	s.stop(t)
	signed := s.signed.Load()
	counted := map[string]int64{}
	eventually(t, "everything is recorded or counted", func() bool {
		clear(counted)
		for _, r := range records(t, n, func(audit.Parsed) bool { return true })[before:] {
			if r.Operation == "audit/refused" {
				for code, count := range r.Fields {
					if c, err := strconv.ParseInt(count, 10, 64); err == nil { // "since" is none
						counted[code] += c
					}
				}
			} else {
				counted[r.Code]++
			}
		}
		for code, count := range wanted {
			if counted[code] < count {
				return false
			}
		}
		return true
	})
	// Of one source 10 at once and 10 a second are recorded singly, and a second has
	// one summary; the signer's own; and what the node adds once a minute.
	seconds := int64(time.Since(start).Seconds()) + 1
	grown := int64(len(records(t, n, func(audit.Parsed) bool { return true })) - before)
	if bound := 25 + 12*seconds + signed; grown > bound {
		t.Errorf("strangers grew the log by %d records in %d s, want at most %d", grown-signed, seconds, bound-signed)
	}
	if signed == 0 {
		t.Error("the signer did not get through")
	}
	t.Logf("%d s: %d records, %d of them the signer's; recorded or counted %v", seconds, grown, signed, counted)
}

// A node that is sealed, or not made yet, is as open to strangers.
func TestAFloodBeforeTheNodeServes(t *testing.T) {
	t.Parallel()
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
			if other := sendMany(n, 500, "PUT", flood.path, "", flood.body, 0); other != "" {
				t.Errorf("an answer of the flood: %s", other)
			}
			bound := 25 + 12*(int(time.Since(start).Seconds())+1)
			if grown := len(records(t, n, func(audit.Parsed) bool { return true })) - before; grown > bound {
				t.Errorf("500 requests of strangers grew the log by %d records, want at most %d", grown, bound)
			}
		})
	}
}

// sendMany sends the same request many times over several connections, many at a
// time, and returns an answer that should not be, if any. Status 0 is any; count is
// a multiple of 25.
func sendMany(n *apitest.Node, count int, method, path, token, body string, status int) string {
	const together = 25
	request := fmt.Sprintf("%s /v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\nContent-Length: %d\r\n\r\n%s", method, path, token, len(body), body)
	address := n.Address()
	var left atomic.Int64
	left.Store(int64(count))
	var other atomic.Pointer[string]
	complain := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		other.Store(&text)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				complain("%v", err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for left.Add(-together) >= 0 {
				if _, err := io.WriteString(conn, strings.Repeat(request, together)); err != nil {
					complain("%v", err)
					return
				}
				for range together {
					resp, err := http.ReadResponse(answers, nil)
					if err != nil {
						complain("%v", err)
						return
					}
					all, _ := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if status != 0 && resp.StatusCode != status || resp.StatusCode >= 500 && resp.StatusCode != 503 {
						complain("%d %s", resp.StatusCode, all)
					}
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
