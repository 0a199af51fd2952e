package apitest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// A stop finishes what is under way, writes too, and takes nothing new; the audit
// log ends with it.
func TestAStopFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	n := nodeWithKeys(t)
	address := n.Address()
	sign, create := `{"input":"aGk="}`, `{"type":"rsa-2048"}`
	signing := begun(t, n, "transit/sign/web", sign)
	creating := begun(t, n, "transit/keys/late", create)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		n.Stop() // expects exit status 0
	}()
	eventually(t, "the node takes no connection any more", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	select {
	case <-stopped:
		t.Fatal("the node stopped while requests were under way")
	default:
	}
	for conn, body := range map[net.Conn]string{signing: sign, creating: create} {
		_, err := io.WriteString(conn, body[1:])
		must(t, err)
		wantStatus(t, answer(t, conn), 200)
	}
	<-stopped

	all := records(t, n, func(audit.Parsed) bool { return true })
	if last := all[len(all)-1]; last.Operation != "node/stop" || last.Outcome != audit.OutcomeOK {
		t.Errorf("the audit log ends with %s %s, want node/stop", last.Operation, last.Outcome)
	}
	n.Start()
	n.Unseal()
	wantStatus(t, n.Get("transit/keys/late", n.Root()), 200)
}

// begun sends a request but for its body, of which the first byte, and returns
// when the handler has asked for the rest: it is under way.
func begun(t *testing.T, n *apitest.Node, path, body string) net.Conn {
	t.Helper()
	conn := raw(t, n, fmt.Sprintf("POST /v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", path, n.Root(), len(body)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	if resp.StatusCode != http.StatusContinue {
		t.Fatalf("the node answered %d before the body", resp.StatusCode)
	}
	_, err = io.WriteString(conn, body[:1])
	must(t, err)
	return conn
}

// A stop comes through although every place for a connection is taken.
func TestAStopOfANodeThatIsFull(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	occupy(t, n)
	n.Stop()
}

// One source gets half of the connections; with all of them taken, others wait.
func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	held := occupy(t, n)
	waiting := dialFrom(t, n, "127.0.0.4")
	_, err := io.WriteString(waiting, "GET /v1/sys/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	must(t, err, waiting.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	var timeout net.Error
	if _, err := waiting.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the connection over the limit is served: %v", err)
	}
	for _, conn := range held[:2] {
		_ = conn.Close()
	}
	must(t, waiting.SetReadDeadline(time.Now().Add(60*time.Second)))
	wantStatus(t, answer(t, waiting), 200)
	for _, conn := range held {
		_ = conn.Close()
	}
	r := n.Get("sys/metrics", n.Root())
	if !strings.Contains(string(r.Body), "\nsignet_connections_refused_total 3\n") {
		t.Errorf("the metrics do not count 3 refused connections:\n%s", r.Body)
	}
}

// Limits of the daemon.
const (
	allConnections = 4096
	ofOneSource    = allConnections / 2
)

// occupy takes all connections of a node, from two sources, and shows on the way
// that each gets half.
func occupy(t *testing.T, n *apitest.Node) (held []net.Conn) {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Max < 3*allConnections {
		t.Skipf("%d connections need more open files than %d", allConnections, limit.Max)
	}
	n.CloseIdle() // the harness's own connections count
	for range ofOneSource {
		held = append(held, dialFrom(t, n, "127.0.0.2"))
	}
	for range 3 {
		over := dialFrom(t, n, "127.0.0.2")
		must(t, over.SetReadDeadline(time.Now().Add(60*time.Second)))
		var timeout net.Error
		if _, err := over.Read(make([]byte, 1)); err == nil || (errors.As(err, &timeout) && timeout.Timeout()) {
			t.Errorf("a connection over the half of one source is open: %v", err)
		}
	}
	wantStatus(t, n.Get("sys/health", ""), 200) // others are served
	n.CloseIdle()
	for range ofOneSource {
		held = append(held, dialFrom(t, n, "127.0.0.3"))
	}
	return held
}

func dialFrom(t *testing.T, n *apitest.Node, source string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 60 * time.Second}
	conn, err := d.Dial("tcp", n.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A body that trickles in is cut off after a minute, and a head after ten seconds;
// neither is answered with success, and the node serves others.
func TestSlowRequestsAreCutOff(t *testing.T) {
	if !long() {
		t.Skip("takes over a minute; SIGNET_TEST_LONG=1 runs it")
	}
	t.Parallel()
	n := nodeWithKeys(t)
	for what, c := range map[string]struct {
		text  string
		bound time.Duration
	}{
		"body": {head("POST", "/v1/transit/sign/web", n.Root(), 1000), 90 * time.Second},
		"head": {"POST /v1/transit/sign/web HTTP/1.1\r\nHost: ", 30 * time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			conn := raw(t, n, c.text)
			must(t, conn.SetDeadline(time.Now().Add(c.bound)))
			go func() {
				for { // until it is cut off, or closed with the test
					if _, err := io.WriteString(conn, "a"); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
			got, err := io.ReadAll(conn)
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("a slow %s is still waited for after %s", what, c.bound)
			}
			if strings.Contains(string(got), " 200 ") {
				t.Errorf("a slow %s is answered %s", what, got)
			}
		})
	}
	wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
}
