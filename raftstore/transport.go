package raftstore

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// transport carries raft's requests to and from the other members. Raft believes what a
// request says of its sender, and its own transport does not tell it whose connection a
// request came on. So each member that calls in has a receiver of its own here, and what
// names another sender than that one is refused: nobody leads, stands for election or
// sends a snapshot in the name of another.
type transport struct {
	*raft.NetworkTransport // to the others; nobody calls in on it
	streams                streams
	config                 raft.NetworkTransportConfig
	mayInstall             func(*raft.InstallSnapshotRequest) error
	heard                  chan raft.RPC
	heartbeat              atomic.Pointer[func(raft.RPC)]
	commits                commits

	closing chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

// newTransport hears the members of a port. mayInstall is asked before raft sees a
// snapshot of the leader.
func newTransport(s streams, mayInstall func(*raft.InstallSnapshotRequest) error, config raft.NetworkTransportConfig) *transport {
	t := &transport{streams: s, mayInstall: mayInstall, config: config, heard: make(chan raft.RPC), closing: make(chan struct{})}
	t.NetworkTransport = t.over(make(chan net.Conn))
	t.commits = commits{send: t.NetworkTransport.AppendEntries, work: &t.done}
	t.done.Go(t.accept)
	return t
}

// over is a transport of raft that hears what comes on conns.
func (t *transport) over(conns chan net.Conn) *raft.NetworkTransport {
	config := t.config
	config.ServerAddressProvider, config.Stream = t.streams, receiver{t.streams, conns, t.closing}
	return raft.NewNetworkTransportWithConfig(&config)
}

// receiver is the connections of one member.
type receiver struct {
	streams
	conns   chan net.Conn
	closing chan struct{}
}

// Accept implements net.Listener.
func (r receiver) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.closing:
		return nil, net.ErrClosed
	}
}

// accept hands each connection to the receiver of its member. There are no more of them
// than members.
func (t *transport) accept() {
	byMember := map[string]chan net.Conn{}
	for {
		var conn net.Conn
		select {
		case conn = <-t.streams.raft:
		case <-t.streams.closing:
			return
		case <-t.closing:
			return
		}
		member := conn.(*peerConn).id
		conns := byMember[member]
		if conns == nil {
			conns = make(chan net.Conn)
			byMember[member] = conns
			t.done.Go(func() { t.hear(member, conns) })
		}
		select {
		case conns <- conn:
		case <-t.closing:
			_ = conn.Close()
			return
		}
	}
}

// hear passes on to raft what one member says.
func (t *transport) hear(member string, conns chan net.Conn) {
	from := t.over(conns)
	defer from.Close()
	var warned atomic.Bool
	honest := func(rpc raft.RPC) bool {
		err := speaksFor(rpc, member)
		if err != nil {
			if warned.CompareAndSwap(false, true) {
				t.streams.log.Error("a member speaks to raft in the name of another, and is not heard: take it out of the cluster", "node", member, "error", err)
			}
			rpc.Respond(nil, err)
		}
		return err == nil
	}
	pass := func(rpc raft.RPC) {
		select {
		case t.heard <- rpc:
		case <-t.closing:
		}
	}
	from.SetHeartbeatHandler(func(rpc raft.RPC) { // past requests that wait for the disk
		if fn := t.heartbeat.Load(); !honest(rpc) {
			return
		} else if fn != nil && *fn != nil {
			(*fn)(rpc)
			return
		}
		pass(rpc)
	})
	for {
		select {
		case rpc := <-from.Consumer():
			if !honest(rpc) {
				continue
			}
			if req, ok := rpc.Command.(*raft.InstallSnapshotRequest); ok {
				if err := t.mayInstall(req); err != nil {
					rpc.Respond(nil, err)
					continue
				}
			}
			pass(rpc)
		case <-t.closing:
			return
		}
	}
}

// speaksFor refuses what is not said in a member's own name. Both of its names are asked,
// which are the same here: raft counts votes and follows leaders by either.
func speaksFor(rpc raft.RPC, member string) error {
	said, ok := rpc.Command.(raft.WithRPCHeader)
	if !ok {
		return fmt.Errorf("node %s sends what has no sender", member)
	}
	if h := said.GetRPCHeader(); string(h.ID) != member || string(h.Addr) != member {
		return fmt.Errorf("node %s speaks as node %q at %q", member, h.ID, h.Addr)
	}
	return nil
}

// Consumer implements raft.Transport.
func (t *transport) Consumer() <-chan raft.RPC { return t.heard }

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := t.NetworkTransport.AppendEntries(id, target, args, resp)
	if err == nil && resp.Success {
		t.commits.appended(id, target, args)
	}
	return err
}

// SetHeartbeatHandler implements raft.Transport.
func (t *transport) SetHeartbeatHandler(fn func(raft.RPC)) { t.heartbeat.Store(&fn) }

// Close implements raft.WithClose.
func (t *transport) Close() error {
	t.once.Do(func() {
		close(t.closing)
		t.commits.close()
		_ = t.NetworkTransport.Close()
		t.done.Wait()
	})
	return nil
}
