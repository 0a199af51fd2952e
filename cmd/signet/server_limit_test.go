package main

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// accepted runs Accept until the listener is closed.
func accepted(l net.Listener) <-chan net.Conn {
	out := make(chan net.Conn)
	go func() {
		defer close(out)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			out <- conn
		}
	}()
	return out
}

// dialFrom connects from a loopback address of the caller's choice.
func dialFrom(t *testing.T, source string, to net.Addr) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 10 * time.Second}
	conn, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Skip("this system has one loopback address only: ", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func isClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); err == nil || (errors.As(err, &timeout) && timeout.Timeout()) {
		t.Errorf("the connection is open: %v", err)
	}
}

func TestOneSourceGetsHalfOfTheRoom(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var refused atomic.Uint64
	l := newLimitedListener(tcp, 4, &refused)
	defer l.Close()
	conns := accepted(l)
	var greedy []net.Conn
	for range 2 {
		dialFrom(t, "127.0.0.2", l.Addr())
		greedy = append(greedy, <-conns)
	}
	isClosed(t, dialFrom(t, "127.0.0.2", l.Addr()))
	isClosed(t, dialFrom(t, "127.0.0.2", l.Addr()))
	if refused.Load() != 2 {
		t.Errorf("%d are counted as refused, want 2", refused.Load())
	}
	dialFrom(t, "127.0.0.3", l.Addr())
	<-conns

	// What it closes, it may open again; closing twice gives nothing twice.
	_ = greedy[0].Close()
	_ = greedy[0].Close()
	dialFrom(t, "127.0.0.2", l.Addr())
	<-conns
	isClosed(t, dialFrom(t, "127.0.0.2", l.Addr()))
	l.mu.Lock()
	defer l.mu.Unlock()
	for source, want := range map[string]int{"127.0.0.2/32": 2, "127.0.0.3/32": 1} {
		if got := l.open[netip.MustParsePrefix(source)]; got != want || len(l.open) != 2 {
			t.Errorf("%s has %d connections, want %d; of %d sources, want 2", source, got, want, len(l.open))
		}
	}
}

func TestOthersWaitForRoom(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimitedListener(tcp, 2, new(atomic.Uint64))
	defer l.Close()
	conns := accepted(l)
	dialFrom(t, "127.0.0.2", l.Addr())
	first := <-conns
	dialFrom(t, "127.0.0.3", l.Addr())
	<-conns
	waiting := dialFrom(t, "127.0.0.4", l.Addr()) // in the system's queue
	select {
	case <-conns:
		t.Fatal("a third was accepted where there is room for two")
	case <-time.After(50 * time.Millisecond):
	}
	_ = first.Close()
	served := <-conns
	if _, err := io.WriteString(served, "x"); err != nil {
		t.Error(err)
	}
	if _, err := waiting.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// Shutdown closes the listener and then waits for Accept to return, before it
// closes any connection.
func TestCloseEndsAnAcceptThatWaitsForRoom(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimitedListener(tcp, 2, new(atomic.Uint64))
	conns := accepted(l)
	dialFrom(t, "127.0.0.2", l.Addr())
	<-conns
	dialFrom(t, "127.0.0.3", l.Addr())
	<-conns
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	select {
	case _, open := <-conns:
		if open {
			t.Error("accepted after Close")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Accept still waits for room")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept of a closed listener: %v", err)
	}
}

func TestSourceOf(t *testing.T) {
	for peer, want := range map[string]string{
		"192.0.2.1:5":              "192.0.2.1/32",
		"[::ffff:192.0.2.1]:5":     "192.0.2.1/32",
		"[2001:db8:1:2:3:4:5:6]:5": "2001:db8:1:2::/64",
		"[2001:db8:1:2::9]:5":      "2001:db8:1:2::/64",
		"[fe80::1%eth0]:5":         "fe80::/64",
		"pipe":                     "invalid Prefix",
	} {
		if got := sourceOf(addr(peer)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", peer, got, want)
		}
	}
}

type addr string

func (a addr) Network() string { return "tcp" }
func (a addr) String() string  { return string(a) }
