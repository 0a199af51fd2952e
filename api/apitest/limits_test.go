package apitest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// raw opens a connection and writes text to it.
func raw(t *testing.T, n *apitest.Node, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.Address())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(60*time.Second)))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer reads one answer from a connection.
func answer(t *testing.T, conn net.Conn) apitest.Reply {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return apitest.Reply{Status: resp.StatusCode, Header: resp.Header, Body: body}
}

func head(method, path, token string, length int64) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\nContent-Length: %d\r\n\r\n", method, path, token, length)
}

const mebibyte = 1 << 20

// The limits stand before the body: it is judged by its head alone, and a
// stranger's is not read at all.
func TestBodiesAreJudgedByTheirHead(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	for _, c := range []struct {
		what, head string
		status     int
		code       string
	}{
		{"a stranger's body over 1 MiB", head("PUT", "/v1/sys/unseal", "", mebibyte+1), 413, "body_too_large"},
		{"a stranger's body for verify-share", head("PUT", "/v1/sys/verify-share", "", mebibyte+1), 413, "body_too_large"},
		{"a body without a token", head("POST", "/v1/transit/sign/web", "", 30*mebibyte), 403, "invalid_token"},
		{"a body with a bad token", head("POST", "/v1/transit/sign/web", "sgt.bad", 30*mebibyte), 403, "invalid_token"},
		{"a caller's body over 32 MiB", head("POST", "/v1/transit/sign/web", n.Root(), 32*mebibyte+1), 413, "body_too_large"},
		{"a huge length", head("POST", "/v1/transit/sign/web", n.Root(), 1<<62), 413, "body_too_large"},
		{"a body for no route", head("POST", "/v1/no/route", n.Root(), 30*mebibyte), 404, "unsupported_path"},
	} {
		wantError(t, answer(t, raw(t, n, c.head)), c.status, c.code)
	}
	over := io.LimitReader(endless('x'), 33*mebibyte)
	r, err := n.Send("POST", "transit/sign/web", n.Root(), over) // chunked: no length is stated
	if err == nil {
		wantError(t, r, 413, "body_too_large")
	} else if !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("a chunked body over 32 MiB: %v", err)
	}
	for size, status := range map[int]int{mebibyte: 200, 12 * mebibyte: 200} {
		wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": b64(strings.Repeat("x", size))}), status)
	}
	cut := raw(t, n, head("POST", "/v1/transit/sign/web", n.Root(), 100)+`{"input":"aGk="`)
	must(t, cut.(*net.TCPConn).CloseWrite())
	wantStatus(t, answer(t, cut), 400)
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// A length that is stated and not sent costs nothing: neither strangers nor callers
// can use up the memory for bodies by promises.
func TestPromisedBodiesCostNothing(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	for range 300 {
		raw(t, n, head("PUT", "/v1/sys/verify-share", "", mebibyte))
		raw(t, n, head("POST", "/v1/transit/sign/web", n.Root(), 32*mebibyte))
		raw(t, n, "PUT /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
	}
	for range 20 {
		wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
		wantStatus(t, n.Do("PUT", "sys/verify-share", "", object{"key": n.Shares()[0]}), 200)
		time.Sleep(10 * time.Millisecond)
	}
}

// All bodies together have a budget. Who would go beyond it is refused, and served
// when others are done; strangers have a small one of their own, so they refuse
// nobody else.
func TestBodiesShareABudget(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	part := strings.Repeat(" ", mebibyte)
	hold := func(count, size int, path, token string) (refused int, held []net.Conn) {
		for range count {
			conn := raw(t, n, head("POST", path, token, int64(size*mebibyte)))
			for range size - 1 {
				if _, err := io.WriteString(conn, part); err != nil {
					break // refused in the middle
				}
			}
			_, _ = io.WriteString(conn, part[1:]) // the last byte is missing
			held = append(held, conn)
		}
		for _, conn := range held {
			must(t, conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
			if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && resp.StatusCode == 503 {
				refused++
			}
		}
		return refused, held
	}
	release := func(held []net.Conn) {
		for _, conn := range held {
			_ = conn.Close()
		}
	}
	sign := func() int { return n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}).Status }
	refused, strangers := hold(60, 1, "/v1/sys/verify-share", "")
	if refused == 0 {
		t.Error("60 MiB of strangers' bodies are held in memory")
	}
	if got := sign(); got != 200 {
		t.Errorf("a caller gets %d while strangers hold bodies", got)
	}
	release(strangers)
	if long() { // takes 256 MiB of memory
		refused, callers := hold(11, 31, "/v1/transit/sign/web", n.Root())
		if refused == 0 {
			t.Error("340 MiB of callers' bodies are held in memory")
		}
		release(callers)
	}
	eventually(t, "the budget comes back", func() bool {
		return sign() == 200 && n.Do("PUT", "sys/verify-share", "", object{"key": n.Shares()[0]}).Status == 200
	})
}

// One large batch of nothing does not take memory out of proportion, whoever sends
// it.
func TestABatchIsBoundedWhileItIsRead(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	token := n.NewToken("default")
	batch := `{"batch_input":[` + strings.Repeat("{},", 10*mebibyte) + `{}]}`
	for _, verb := range []string{"sign/web", "verify/web", "encrypt/box", "decrypt/box"} {
		for _, tok := range []string{token, n.Root()} {
			if r := n.Post("transit/"+verb, tok, batch); r.Status != 400 && r.Status != 403 {
				t.Errorf("%s with ten million items: %s", verb, r)
			}
		}
	}
	if os.Getenv("SIGNET_TEST_RACE") == "1" {
		return // the race detector takes most of the memory
	}
	if peak := peakMemory(t, n); peak > 300 {
		t.Errorf("the node took %d MiB for a batch that it refused", peak)
	}
}

// peakMemory is the largest resident size of a node so far, in MiB.
func peakMemory(t *testing.T, n *apitest.Node) int {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Pid()))
	must(t, err)
	for line := range strings.Lines(string(content)) {
		var kilobytes int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes >> 10
		}
	}
	t.Fatalf("no VmHWM in %s", content)
	return 0
}

// JSON is measured before it is decoded.
func TestJSONDepth(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	nested := func(depth int, open, end string) string {
		return `{"input":"aGk=","x":` + strings.Repeat(open, depth-1) + "1" + strings.Repeat(end, depth-1) + `}`
	}
	for _, form := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		wantStatus(t, n.Post("transit/sign/web", n.Root(), nested(64, form[0], form[1])), 200)
		for _, depth := range []int{65, 1000, 1_000_000} {
			wantError(t, n.Post("transit/sign/web", n.Root(), nested(depth, form[0], form[1])), 400, "invalid_json")
		}
	}
	wantStatus(t, n.Post("transit/sign/web", n.Root(), `{"input":"aGk=","x":"`+strings.Repeat("[", 1000)+`\"["}`), 200)
	for _, bad := range []string{"\xef\xbb\xbf{}", `{"input":"aGk="}}`, `{"input":"aGk="} {}`, `{"input":"\ud800"}`, "{\"input\":\"\xff\"}", `{'input':1}`, `{"input":"aGk=",}`, `{"key_version":1e400,"input":"aGk="}`, `{"key_version":NaN}`} {
		if r := n.Post("transit/sign/web", n.Root(), bad); r.Status != 400 {
			t.Errorf("%q: %s", bad, r)
		}
	}
}

// Heads that are too large, too slow or no HTTP.
func TestHeads(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	slow := raw(t, n, "GET /v1/sys/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
	began := time.Now()

	t.Run("over 64 KiB", func(t *testing.T) {
		big := raw(t, n, "GET /v1/sys/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Big: "+strings.Repeat("x", 80<<10)+"\r\n\r\n")
		// The rest of the head may meet a closed connection before the answer is
		// read; served it is not.
		resp, err := http.ReadResponse(bufio.NewReader(big), nil)
		if err == nil && resp.StatusCode != 431 {
			t.Errorf("a head of 80 KiB: status %d", resp.StatusCode)
		}
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a head of 80 KiB: %v", err)
		}
		fits := raw(t, n, "GET /v1/sys/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Big: "+strings.Repeat("x", 60<<10)+"\r\n\r\n")
		wantStatus(t, answer(t, fits), 200)
	})
	t.Run("strange requests", func(t *testing.T) {
		for text, status := range map[string]int{
			"GET /v1//sys///health HTTP/1.1\r\nHost: a\r\n\r\n":                                           200,
			"GET //v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n":                                             200,
			"GET http://elsewhere.example/v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n":                      200,
			"GET /v1/sys/health HTTP/1.0\r\n\r\n":                                                         200,
			"GET /v1/sys/%2e%2e/health HTTP/1.1\r\nHost: a\r\n\r\n":                                       400,
			"GET /v1/../v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n":                                        400,
			"GET /v1/sys/health\x00 HTTP/1.1\r\nHost: a\r\n\r\n":                                          400,
			"GET * HTTP/1.1\r\nHost: a\r\n\r\n":                                                           400,
			"GET /v1/sys/health HTTP/1.1\r\n\r\n":                                                         400,
			"GET /v1/sys/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                   400,
			"POST /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}": 400,
			"POST /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n":                  501,
			"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: a\r\n\r\n":                                   0,
			"NONSENSE\r\n\r\n": 400,
		} {
			r := answer(t, raw(t, n, text))
			if status != 0 && r.Status != status || status == 0 && r.Status < 400 {
				t.Errorf("%q: want %d, got %s", text, status, r)
			}
		}
	})
	t.Run("a client that does not finish its head is cut off", func(t *testing.T) {
		_, err := io.ReadAll(slow)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("still connected after %s", time.Since(began))
		}
	})
}

// A page in a browser can reach a development node under a name that resolves to
// loopback: only loopback names are answered.
func TestADevNodeAnswersLoopbackNamesOnly(t *testing.T) {
	t.Parallel()
	n := apitest.Dev(t)
	_, port, err := net.SplitHostPort(n.Address())
	must(t, err)
	for _, host := range []string{"127.0.0.1", "127.0.0.1:" + port, "localhost", "LOCALHOST:" + port, "[::1]:8200", "127.9.9.9"} {
		wantStatus(t, n.Do("GET", "sys/health", "", nil, "Host", host), 200)
	}
	for _, host := range []string{"evil.example", "evil.example:" + port, "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0", "[::]", "localhost@evil.example", "2130706433"} {
		for _, path := range []string{"sys/health", "transit/keys/a", "/metrics"} {
			r := n.Do("GET", path, n.Root(), nil, "Host", host)
			if r.Status != 403 && r.Status != 400 || r.At("initialized") != nil {
				t.Errorf("host %q on %s: %s", host, path, r)
			}
		}
	}
	configured := apitest.New(t)
	wantStatus(t, configured.Do("GET", "sys/health", "", nil, "Host", "kms.example"), 200)
}
