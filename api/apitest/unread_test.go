package apitest_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// Clients that do not read what they asked for keep it in memory: that is bounded,
// and given back when they go.
func TestUnreadAnswersAreBounded(t *testing.T) {
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/box", object{"type": "xchacha20-poly1305"})
	n.Must("transit/keys/web", object{"type": "ed25519"})
	base, err := url.Parse(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	item := `{"plaintext":"` + strings.Repeat("QUFB", 5000) + `"}`
	body := `{"batch_input":[` + strings.Repeat(item+",", 999) + item + `]}` // 20 MiB, answered with as much
	head := fmt.Sprintf("POST /v1/transit/encrypt/box HTTP/1.1\r\nHost: %s\r\nX-Vault-Token: %s\r\nContent-Length: %d\r\n\r\n", base.Host, n.Root(), len(body))
	refused, waiting := 0, 0
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range 12 {
		c, err := net.Dial("tcp", base.Host)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		_ = c.SetDeadline(time.Now().Add(50 * time.Second))
		_, _ = c.Write([]byte(head + body)) // a refusal may come before its end
		line := make([]byte, 12)
		if _, err := io.ReadFull(c, line); err != nil {
			refused++ // refused, and closed while the body was on its way
			continue
		}
		switch string(line) {
		case "HTTP/1.1 200":
			waiting++
		case "HTTP/1.1 503":
			refused++
		default:
			t.Fatalf("answered with %q", line)
		}
	}
	if waiting == 0 || waiting > 8 || refused == 0 {
		t.Errorf("%d answers wait to be read, %d were refused", waiting, refused)
	}
	wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200) // what is small goes on
	for _, c := range open {
		_ = c.Close()
	}
	open = nil
	for end := time.Now().Add(50 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if r := n.Post("transit/encrypt/box", n.Root(), body); r.Status == 200 {
			return
		} else if time.Now().After(end) {
			t.Fatalf("the memory of clients that left is still booked: %s", r)
		}
	}
}
