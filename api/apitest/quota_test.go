package apitest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// Of the flood tests: who floods, how long, and how much at least.
const (
	flooder       = "127.0.0.2"
	floodTime     = 3 * time.Second
	floodRequests = 3000
	floodLines    = 24 // connections
	floodRate     = 100
)

// connectFrom opens a connection from another loopback address.
func connectFrom(source, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 30 * time.Second}
	return d.Dial("tcp", address)
}

// pacedSigner signs at most 50 times a second through the SDK, without a second
// attempt, each time within a deadline.
type pacedSigner struct {
	signed  atomic.Int64
	failure atomic.Pointer[error]
	stopped atomic.Bool
	wg      sync.WaitGroup
}

func startPacedSigner(t *testing.T, n *apitest.Node) *pacedSigner {
	t.Helper()
	c, err := client.New(client.Config{
		Addresses: []string{n.URL()}, Token: client.StaticToken(wire.SecretOf(n.Root())), Retry: client.Retry{Attempts: 1}, Timeout: 15 * time.Second,
	})
	must(t, err)
	t.Cleanup(c.Close)
	s := &pacedSigner{}
	s.wg.Go(func() {
		for !s.stopped.Load() {
			if _, err := c.Transit("").Sign(context.Background(), "web", wire.SignRequest{Input: wire.BytesOf([]byte("hi"))}); err != nil {
				s.failure.Store(&err)
				return
			}
			s.signed.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
	})
	return s
}

// stop expects that every signature succeeded, and that there were some.
func (s *pacedSigner) stop(t *testing.T) {
	t.Helper()
	s.stopped.Store(true)
	s.wg.Wait()
	if err := s.failure.Load(); err != nil {
		t.Errorf("after %d signatures the signer got %v", s.signed.Load(), *err)
	}
	if s.signed.Load() == 0 {
		t.Error("the signer did not get through")
	}
}

// nonsense is what anybody can send, as it goes over the wire. The large body is
// promised and begun.
func nonsense() []string {
	return []string{
		head("POST", "/v1/transit/sign/web", "sgt.nonsense", 16) + `{"input":"aGk="}`,
		head("POST", "/v1/transit/sign/web", "sgt."+strings.Repeat("A", 43), 16) + `{"input":"aGk="}`,
		head("GET", "/v1/transit/keys/web", "", 0),
		head("GET", "/v1/no/such/path", "", 0),
		head("GET", "/v1/transit/../sys/seal", "", 0),
		head("PATCH", "/v1/transit/keys/web", "", 0),
		head("POST", "/v1/transit/sign/web", "", 1) + "{",
		head("POST", "/v1/transit/sign/web", "sgt.nonsense", mebibyte) + strings.Repeat("x", 4096),
	}
}

// answers counts the answers to a flood.
type answers struct {
	mu       sync.Mutex
	byStatus map[int]int
	hasty    int // 429 without a Retry-After of at least a second
}

func (a *answers) add(resp *http.Response) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byStatus == nil {
		a.byStatus = map[int]int{}
	}
	a.byStatus[resp.StatusCode]++
	if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode == 429 && (err != nil || after < 1) {
		a.hasty++
	}
}

func (a *answers) total() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.byStatus {
		n += k
	}
	return n
}

// flood sends nonsense over many connections until there was enough of it and the
// time is over, and returns how long that took.
func flood(t *testing.T, n *apitest.Node, got *answers) time.Duration {
	t.Helper()
	address, requests, began := n.Address(), nonsense(), time.Now()
	var wg sync.WaitGroup
	for line := range floodLines {
		wg.Go(func() {
			var conn net.Conn
			var in *bufio.Reader
			defer func() {
				if conn != nil {
					_ = conn.Close()
				}
			}()
			for i := line; time.Since(began) < floodTime || got.total() < floodRequests; i++ {
				if time.Since(began) > 2*time.Minute {
					t.Error("the flood does not come to its end")
					return
				}
				if conn == nil {
					var err error
					if conn, err = connectFrom(flooder, address); err != nil {
						conn = nil
						continue // the node may refuse so many connections
					}
					_ = conn.SetDeadline(time.Now().Add(time.Minute))
					in = bufio.NewReader(conn)
				}
				_, err := io.WriteString(conn, requests[i%len(requests)])
				var resp *http.Response
				if err == nil {
					if resp, err = http.ReadResponse(in, nil); err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						got.add(resp)
					}
				}
				if err != nil || resp.Close {
					_ = conn.Close()
					conn = nil
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

// Strangers flood a node with everything that they can send, while a client at
// another address signs. Every signature succeeds, the audit log grows by a bounded
// amount, memory stays bounded, with a rate limit and without; with one the flood
// gets nothing but 429 beyond it.
func TestAFloodFromOneAddress(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]bool{"without a rate limit": false, "with a rate limit": true} {
		t.Run(name, func(t *testing.T) {
			n := nodeWithKeys(t)
			if limited {
				wantStatus(t, n.Post("sys/quotas/rate-limit/strangers", n.Root(), object{"rate": floodRate}), 204)
			}
			s := startPacedSigner(t, n)
			var got answers
			took := flood(t, n, &got)
			s.stop(t)
			others := int64(got.total() - got.byStatus[429])
			if limited {
				// A full bucket, and what comes in while the flood goes on.
				if most := int64(floodRate * (took.Seconds() + 2)); others > most {
					t.Errorf("%d requests of the flood came through in %s, want at most %d: %v", others, took, most, got.byStatus)
				}
				if got.hasty > 0 {
					t.Errorf("%d refusals do not say when to come again", got.hasty)
				}
			} else if got.byStatus[429] > 0 || got.byStatus[403] == 0 {
				t.Errorf("without a rate limit: %v", got.byStatus)
			}
			for status := range got.byStatus {
				if status >= 500 {
					t.Errorf("status %d to the flood: %v", status, got.byStatus)
				}
			}
			strangersLog(t, n, int64(got.total()))
			if os.Getenv("SIGNET_TEST_RACE") != "1" {
				if peak := peakMemory(t, n); peak > 256 {
					t.Errorf("the node took %d MiB in a flood", peak)
				}
			}
			wantStatus(t, n.Get("sys/health", ""), 200)
			if limited {
				wantStatus(t, n.Do("DELETE", "sys/quotas/rate-limit/strangers", n.Root(), nil), 204)
			}
			t.Logf("%d requests in %s: %v, %d signatures", got.total(), took.Round(time.Millisecond), got.byStatus, s.signed.Load())
			n.CheckAll(t)
		})
	}
}

// strangersLog waits until every request of the flood is recorded or counted, and
// holds the part of strangers in the log to its bound: from one address ten records
// at once and ten a second, one count a second, each of bounded length.
func strangersLog(t *testing.T, n *apitest.Node, sent int64) {
	t.Helper()
	var single, summaries, counted int64
	var first, last time.Time
	eventually(t, "everything is recorded or counted", func() bool {
		single, summaries, counted = 0, 0, 0
		first = time.Time{}
		for _, r := range records(t, n, func(audit.Parsed) bool { return true }) {
			switch {
			case r.Operation == "audit/refused":
				summaries++
				counted += r.Count
			case r.Remote == flooder:
				single++
			default:
				continue
			}
			if first.IsZero() {
				first = r.Time
			}
			last = r.Time
		}
		return single+counted >= sent
	})
	seconds := int64(last.Sub(first).Seconds()) + 2
	if single > 10+10*seconds || summaries > 1+seconds {
		t.Errorf("%d requests left %d records and %d counts in %d s", sent, single, summaries, seconds)
	}
	if single+counted > sent {
		t.Errorf("%d records and a count of %d for %d requests", single, counted, sent)
	}
	content, err := os.ReadFile(n.AuditLog())
	must(t, err)
	const longest = 1 << 10 // of a record of this flood; every record has at most 32 KiB
	size := 0
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, `"remote":"`+flooder+`"`) || strings.Contains(line, `"operation":"audit/refused"`) {
			size += len(line)
		}
	}
	if most := longest * int(11+11*seconds); size > most {
		t.Errorf("%d requests left %d bytes in %d s, want at most %d", sent, size, seconds, most)
	}
}

// Connections on which a byte comes or goes now and then hold up nobody else.
func TestAFloodOfSlowConnections(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	address := n.Address()
	quit := make(chan struct{})
	var wg sync.WaitGroup
	var open atomic.Int64
	dribble := func(begin string) {
		conn, err := connectFrom(flooder, address)
		if err != nil {
			return // the node may refuse so many connections
		}
		defer conn.Close()
		open.Add(1)
		_, err = io.WriteString(conn, begin)
		for err == nil {
			select {
			case <-quit:
				return
			case <-time.After(100 * time.Millisecond):
				_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // the peer may read nothing
				_, err = io.WriteString(conn, "x")
			}
		}
	}
	begun := []string{
		"GET /v1/transit/keys/web HTTP/1.1\r\nHost: a\r\nX-Slow: ",               // a head that does not end
		head("PUT", "/v1/sys/verify-share", "", mebibyte),                        // a body that does not end
		head("POST", "/v1/transit/sign/web", "sgt.nonsense", 8<<10),              // one that is drained
		head("POST", "/v1/transit/sign/web", n.Root(), 1<<20) + `{"input":"aGk=`, // a caller's
		strings.Repeat(head("GET", "/v1/sys/seal-status", "", 0), 2000),          // answers that nobody reads
	}
	for i := range 200 {
		wg.Go(func() { dribble(begun[i%len(begun)]) })
	}
	eventually(t, "many slow connections are open", func() bool { return open.Load() >= 50 })
	s := startPacedSigner(t, n)
	eventually(t, "100 signatures beside slow connections", func() bool { return s.signed.Load() >= 100 || s.failure.Load() != nil })
	// A limit can still be written, and holds for new requests.
	wantStatus(t, n.Post("sys/quotas/rate-limit/strangers", n.Root(), object{"rate": floodRate}), 204)
	before := s.signed.Load()
	eventually(t, "50 signatures more", func() bool { return s.signed.Load() >= before+50 || s.failure.Load() != nil })
	s.stop(t)
	close(quit)
	wg.Wait()
	if os.Getenv("SIGNET_TEST_RACE") != "1" {
		if peak := peakMemory(t, n); peak > 256 {
			t.Errorf("the node took %d MiB for slow connections", peak)
		}
	}
	wantStatus(t, n.Do("DELETE", "sys/quotas/rate-limit/strangers", n.Root(), nil), 204)
}

// Two windows on one path, by token: the narrow one and the wide one both hold, the
// other token is not held up, and the SDK waits as it is told.
func TestTwoWindowsOnOnePath(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	n.Must("sys/policies/acl/signer", object{"policy": `path "transit/sign/web" { capabilities = ["update"] }`})
	one, two := n.NewToken("signer"), n.NewToken("signer")
	must(t, n.Client(n.Root()).Sys().WriteQuota(t.Context(), "burst", client.Quota{Path: "transit/sign/*", PerToken: true, Rate: 5, Interval: time.Second}))
	must(t, n.Client(n.Root()).Sys().WriteQuota(t.Context(), "hourly", client.Quota{Path: "transit", PerToken: true, Rate: 12, Interval: time.Hour}))
	began, through := time.Now(), 0
	var last apitest.Reply
	for range 1000 {
		last = n.Post("transit/sign/web", one, object{"input": "aGk="})
		if last.Status == 200 {
			if through++; float64(through) > 5+5*time.Since(began).Seconds() {
				t.Fatalf("%d signatures in %s with 5 a second", through, time.Since(began))
			}
			continue
		}
		wantError(t, last, 429, "rate_limited")
		after, err := strconv.Atoi(last.Header.Get("Retry-After"))
		if err != nil || after < 1 {
			t.Fatalf("Retry-After %q", last.Header.Get("Retry-After"))
		}
		if strings.Contains(last.Errors(), "the rate limit hourly") {
			break
		}
		wantText(t, last, "with this token: the rate limit burst has room again in 1 s")
		time.Sleep(100 * time.Millisecond)
	}
	// 12 an hour: a thirteenth only for whom the test took five minutes.
	if through != 12 && time.Since(began) < 5*time.Minute {
		t.Errorf("%d signatures came through two windows, want 12: %s", through, last)
	}
	wantStatus(t, n.Post("transit/sign/web", two, object{"input": "aGk="}), 200)
	wantStatus(t, n.Get("transit/keys/web", n.Root()), 200)
	wantText(t, wantError(t, n.Get("transit/keys/web", one), 429, "rate_limited"), "hourly") // although policy denies it: counted first
	must(t, n.Client(n.Root()).Sys().DeleteQuota(t.Context(), "hourly"))

	// The SDK comes back when it is told to, as often as it takes.
	c, err := client.New(client.Config{Addresses: []string{n.URL()}, Token: client.StaticToken(wire.SecretOf(one)), Retry: client.Retry{Attempts: 10}})
	must(t, err)
	defer c.Close()
	for i := range 8 {
		if _, err := c.Transit("").Sign(t.Context(), "web", wire.SignRequest{Input: wire.BytesOf([]byte("hi"))}); err != nil {
			t.Fatalf("signature %d through the SDK: %v", i+1, err)
		}
	}
	metrics, err := n.Client(n.Root()).Sys().Metrics(t.Context())
	must(t, err)
	if !strings.Contains(string(metrics), `signet_rate_limited_total{quota="burst"} `) || strings.Contains(string(metrics), `quota="hourly"`) {
		t.Error("the metrics do not name the quotas that there are")
	}
	n.Restart()
	n.Unseal()
	if q, err := n.Client(n.Root()).Sys().ReadQuota(t.Context(), "burst"); err != nil || q.Rate != 5 || q.Per != wire.QuotaPerToken {
		t.Errorf("after a restart: %+v, %v", q, err)
	}
	if limited := records(t, n, func(r audit.Parsed) bool { return r.Code == "rate_limited" && r.Accessor != "" }); len(limited) == 0 {
		t.Error("no refusal of a token is in the audit log")
	}
}

// A quota that locks everybody out, this address and this token, is removed by
// whoever may; the node can be sealed and opened meanwhile. What a limit refuses
// is answered before its body comes.
func TestALockoutCanBeRepaired(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	for _, per := range []string{"source", "token"} {
		wantStatus(t, n.Post("sys/quotas/rate-limit/"+per, n.Root(), object{"rate": 1, "interval": "24h", "block_interval": "24h", "per": per}), 204)
	}
	_ = n.Get("transit/keys/web", n.Root()) // the one of today
	r := wantError(t, n.Get("transit/keys/web", n.Root()), 429, "rate_limited")
	if after, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || after < 23*3600 || after > 24*3600 {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	for _, length := range []int64{30 * mebibyte, 1 << 40} {
		conn := raw(t, n, head("POST", "/v1/transit/sign/web", n.Root(), length))
		wantError(t, answer(t, conn), 429, "rate_limited")
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the node waits for a promised body of %d bytes: %v", length, err)
		}
	}
	for _, path := range []string{"sys/health", "sys/seal-status", "sys/leader", "sys/init"} {
		wantStatus(t, n.Get(path, ""), 200)
	}
	wantStatus(t, n.Do("PUT", "sys/verify-share", "", object{"key": n.Shares()[0]}), 200)
	wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
	n.Unseal()
	_ = n.Get("transit/keys/web", n.Root())
	wantError(t, n.Get("transit/keys/web", n.Root()), 429, "rate_limited")
	for _, per := range []string{"source", "token"} {
		wantStatus(t, n.Get("sys/quotas/rate-limit/"+per, n.Root()), 200)
		wantStatus(t, n.Do("DELETE", "sys/quotas/rate-limit/"+per, n.Root(), nil), 204)
	}
	wantStatus(t, n.Do("LIST", "sys/quotas/rate-limit", n.Root(), nil), 404)
	wantStatus(t, n.Get("transit/keys/web", n.Root()), 200)
}
