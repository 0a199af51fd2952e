package raftstore

import (
	"net"
	"testing"
	"time"
)

// Whoever holds connections to the cluster port open and says nothing keeps no member
// out, even one that comes from the same address.
func TestSilentStrangersKeepNobodyOut(t *testing.T) {
	c := newMesh(t, 2)
	addr := c.stores[0].port.listener.Addr().String()
	for range 3 * handshakesOnce {
		conn, err := net.Dial("tcp", addr)
		must(t, err)
		defer func() { _ = conn.Close() }()
	}
	began := time.Now()
	conn, err := c.stores[1].port.dial(testContext(t), c.stores[0].Identity().NodeID, alpnPeer)
	if err != nil {
		t.Fatalf("a member is kept out, after %v: %v", time.Since(began), err)
	}
	_ = conn.Close()
	until(t, "no more than are allowed wait", func() bool {
		g := &c.stores[0].port.door
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.conns) <= handshakesOnce
	})
}

// named is a connection from an address.
type named struct {
	net.Conn
	from   string
	closed bool
}

func (n *named) RemoteAddr() net.Addr { return nodeAddr(n.from) }
func (n *named) Close() error         { n.closed = true; return nil }

// Who has most connections at the door loses the oldest of them.
func TestTheGreediestStrangerLoses(t *testing.T) {
	var g door
	few := []*named{{from: "10.0.0.1:1"}, {from: "10.0.0.1:2"}}
	for _, c := range few {
		g.begin(c)
	}
	var many []*named
	for range handshakesOnce {
		many = append(many, &named{from: "10.0.0.2:7"})
		g.begin(many[len(many)-1])
	}
	late := &named{from: "10.0.0.3:1"}
	g.begin(late)
	if few[0].closed || few[1].closed || late.closed || !many[0].closed || !many[2].closed || many[3].closed || len(g.conns) != handshakesOnce {
		t.Errorf("the wrong ones were hung up on; %d are left", len(g.conns))
	}
	g.end(late)
	g.end(late)
	g.end(many[0])
	if len(g.conns) != handshakesOnce-1 {
		t.Errorf("%d are left", len(g.conns))
	}
}
