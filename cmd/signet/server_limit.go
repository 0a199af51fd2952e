package main

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// maxConnections is how many clients may be connected at once. The descriptors of
// the process also serve the log and the audit log, which must never lack one.
const maxConnections = 4096

// limitedListener accepts a connection only when there is room for it; until then
// clients wait in the system's queue. One source gets at most half of the room:
// what it opens beyond is closed at once, so that it cannot keep others out.
type limitedListener struct {
	net.Listener
	room    chan struct{} // holds one element for each connection
	closed  chan struct{}
	close   func() error
	most    int            // connections of one source
	refused *atomic.Uint64 // counts those closed at once

	mu   sync.Mutex
	open map[netip.Prefix]int // source → connections; guarded by mu
}

func newLimitedListener(l net.Listener, room int, refused *atomic.Uint64) *limitedListener {
	closed := make(chan struct{})
	return &limitedListener{
		Listener: l, room: make(chan struct{}, room), closed: closed, most: room / 2, refused: refused, open: map[netip.Prefix]int{},
		close: sync.OnceValue(func() error {
			close(closed)
			return l.Close()
		}),
	}
}

// Close also ends an Accept that waits for room: a stop waits for it, and the
// room would come only from connections that are closed after that.
func (l *limitedListener) Close() error { return l.close() }

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		select {
		case l.room <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.room
			return nil, err
		}
		source := sourceOf(conn.RemoteAddr())
		if l.enter(source) {
			return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(source) })}, nil
		}
		l.refused.Add(1)
		_ = conn.Close()
		<-l.room
	}
}

func (l *limitedListener) enter(source netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[source] >= l.most {
		return false
	}
	l.open[source]++
	return true
}

func (l *limitedListener) leave(source netip.Prefix) {
	l.mu.Lock()
	if l.open[source]--; l.open[source] == 0 {
		delete(l.open, source)
	}
	l.mu.Unlock()
	<-l.room
}

// sourceOf returns who a peer counts as: an IPv4 address, or the /64 of an IPv6
// address, of which a single host has all.
func sourceOf(peer net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return netip.Prefix{} // one source for all that have no address
	}
	addr := ap.Addr().Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

type limitedConn struct {
	net.Conn
	leave func() // gives the room back, once
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
