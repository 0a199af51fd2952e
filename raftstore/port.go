package raftstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// port is this node's cluster port: one listener, on which raft's streams and
// requests between peers are told apart by ALPN. Who is on the other side is
// settled in the handshake; nobody else gets a byte through.
type port struct {
	log      hclog.Logger
	dir      *dataDir
	identity Identity
	listener net.Listener
	raft     chan net.Conn // accepted streams of raft
	peers    chan net.Conn // accepted connections of requests
	door     door          // handshakes under way with who came in
	refusals refusals      // what the others make of this node

	closing chan struct{}
	life    context.Context // ends with closing
	end     context.CancelFunc
	once    sync.Once
	done    sync.WaitGroup

	mu     sync.Mutex // guards what follows
	roster *Roster
	own    *tls.Certificate
	conns  map[net.Conn]*Member // who is at the other end, as the roster had it
}

const handshakeTime = 5 * time.Second

// openPort listens and knows what the directory has: the last roster and this
// node's certificate.
func openPort(o Options, d *dataDir, id Identity, log hclog.Logger) (*port, error) {
	p := &port{
		log: log.Named("peers"), dir: d, identity: id,
		raft: make(chan net.Conn), peers: make(chan net.Conn),
		closing: make(chan struct{}), conns: map[net.Conn]*Member{},
	}
	p.life, p.end = context.WithCancel(context.Background())
	if err := p.load(o.Level); err != nil {
		return nil, err
	}
	var err error
	if p.listener, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("the cluster port: %w", err)
	}
	p.done.Go(p.accept)
	return p, nil
}

// load reads the files of an earlier life. level is Options.Level.
func (p *port) load(level uint64) error {
	roster, err := readRoster(p.dir, level)
	if err != nil {
		return err
	}
	p.roster = roster
	der, err := os.ReadFile(p.dir.file(nodeCertFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	p.own, err = p.dir.nodeCertificate(der)
	return err
}

// readRoster reads the roster that the directory has, nil for none. Errors: ErrLevel
// for one above level, ErrIdentity, those of the file system.
func readRoster(d *dataDir, level uint64) (*Roster, error) {
	b, err := os.ReadFile(d.file(rosterFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := CheckLevel(b, level); err != nil {
		return nil, fmt.Errorf("%s: %w", d.file(rosterFile), err)
	}
	roster, err := ParseRoster(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIdentity, d.file(rosterFile), err)
	}
	return roster, nil
}

func (p *port) known() (*Roster, *tls.Certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.roster, p.own
}

// setRoster obeys another roster, and hangs up on whom it does not have any more.
func (p *port) setRoster(r *Roster) {
	p.mu.Lock()
	p.roster = r
	var gone []net.Conn
	for conn, was := range p.conns {
		if m := r.Member(was.NodeID); m == nil || m.Removed || m.Incarnation != was.Incarnation || !bytes.Equal(m.TLSKey, was.TLSKey) {
			p.log.Info("hanging up on a node that is no member any more", "node", was.NodeID)
			gone = append(gone, conn)
		}
	}
	p.mu.Unlock()
	for _, conn := range gone { // which takes the lock
		_ = conn.Close()
	}
}

func (p *port) setCertificate(own *tls.Certificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own = own
}

func (p *port) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			select {
			case <-p.closing:
				return
			case <-time.After(100 * time.Millisecond): // out of descriptors, perhaps
				continue
			}
		}
		p.door.begin(conn)
		p.done.Go(func() { p.greet(conn) })
	}
}

// greet does the handshake of a connection that came in and hands it on.
func (p *port) greet(conn net.Conn) {
	defer p.door.end(conn)
	config, err := p.tlsConfig("", alpnRaft, alpnPeer)
	if err != nil {
		_ = conn.Close()
		return
	}
	ctx, cancel := context.WithTimeout(p.life, handshakeTime)
	defer cancel()
	secured := tls.Server(conn, config)
	err = secured.HandshakeContext(ctx)
	p.door.end(conn)
	if err != nil {
		p.log.Debug("refused a connection on the cluster port", "remote", conn.RemoteAddr(), "error", err)
		_ = conn.Close()
		return
	}
	to := p.peers
	switch secured.ConnectionState().NegotiatedProtocol {
	case alpnRaft:
		to = p.raft
	case alpnPeer:
	default:
		_ = secured.Close()
		return
	}
	tracked, ok := p.track(secured)
	if !ok {
		_ = secured.Close()
		return
	}
	select {
	case to <- tracked:
	case <-p.closing:
		_ = tracked.Close()
	case <-ctx.Done():
		_ = tracked.Close()
	}
}

// peerConn is a connection with a known peer.
type peerConn struct {
	*tls.Conn
	port  *port
	id    string
	heard atomic.Bool // a first byte, or the refusal of this node's certificate
}

func (c *peerConn) Close() error {
	c.port.mu.Lock()
	delete(c.port.conns, c)
	c.port.mu.Unlock()
	return c.Conn.Close()
}

// track remembers a connection for as long as it is open, unless the roster
// changed while it was made.
func (p *port) track(conn *tls.Conn) (*peerConn, bool) {
	c := &peerConn{Conn: conn, port: p, id: peerOf(conn)}
	shown := conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.roster.Member(c.id)
	if m == nil || m.Removed || !bytes.Equal(m.TLSKey, shown) {
		return nil, false
	}
	p.conns[c] = m
	return c, true
}

// dial connects to a member. It fails for one that the roster does not have, or
// has removed.
func (p *port) dial(ctx context.Context, id, protocol string) (net.Conn, error) {
	roster, _ := p.known()
	m := roster.Member(id)
	switch {
	case roster == nil:
		return nil, errNoRoster
	case m == nil || m.Removed:
		return nil, fmt.Errorf("node %q is no member of the cluster", id)
	case m.Address == "":
		return nil, fmt.Errorf("node %q has no cluster port", id)
	}
	config, err := p.tlsConfig(id, protocol)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("node %s: %w", id, err)
	}
	if secured.ConnectionState().NegotiatedProtocol != protocol {
		_ = secured.Close()
		return nil, fmt.Errorf("node %s does not speak %s", id, protocol)
	}
	tracked, ok := p.track(secured)
	if !ok {
		_ = secured.Close()
		return nil, fmt.Errorf("node %q is no member of the cluster any more", id)
	}
	return tracked, nil
}

// close hangs up on everybody.
func (p *port) close() {
	p.once.Do(func() {
		close(p.closing)
		p.end()
		_ = p.listener.Close()
		p.mu.Lock()
		open := make([]net.Conn, 0, len(p.conns))
		for c := range p.conns {
			open = append(open, c)
		}
		p.mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
		p.done.Wait()
	})
}

// streams shows the raft side of the port to raft. Addresses are node ids: where a
// node is to be reached stands in the roster alone, so it can change.
type streams struct{ *port }

type nodeAddr string

func (nodeAddr) Network() string  { return "signet" }
func (a nodeAddr) String() string { return string(a) }

func (s streams) Accept() (net.Conn, error) { return takeFrom(s.port, s.raft) }
func (s streams) Addr() net.Addr            { return nodeAddr(s.identity.NodeID) }
func (s streams) Close() error              { return nil } // the store closes the port

func (s streams) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return s.dial(ctx, string(address), alpnRaft)
}

// ServerAddr implements raft.ServerAddressProvider.
func (s streams) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	return raft.ServerAddress(id), nil
}

func takeFrom(p *port, from <-chan net.Conn) (net.Conn, error) {
	select {
	case c := <-from:
		return c, nil
	case <-p.closing:
		return nil, net.ErrClosed
	}
}
