package raftstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// MaxMessage is the longest request or answer between peers, in bytes: an entry
// and what stands around it.
const MaxMessage = MaxEntry + 64<<10

// PeerHandler answers a request of another member. from is its node id, which the
// connection proved. It may be called by many at once, and its context ends with
// the caller's patience. A *PeerError reaches the caller as it is, any other error
// as one of code "internal" without its text.
type PeerHandler func(ctx context.Context, from, op string, body []byte) ([]byte, error)

// PeerError is a refusal by a peer.
type PeerError struct{ Code, Text string }

// Error is the text.
func (e *PeerError) Error() string { return e.Text }

// Errors of Ask, beside *PeerError.
var (
	// ErrNotDelivered: the request reached nobody.
	ErrNotDelivered = errors.New("the node cannot be reached")
	// ErrNoAnswer: the request may have been acted on, and no answer came.
	ErrNoAnswer = errors.New("the node did not answer")
)

const (
	headerCode  = "Signet-Code"
	headerUntil = "Signet-Patience" // milliseconds
	opPrefix    = "/"
)

// peers is the side of the port that asks and answers.
type peers struct {
	port    *port
	leases  *Leases
	handler atomic.Pointer[PeerHandler]
	server  *http.Server
	client  *http.Client
	closed  chan struct{}
}

func newPeers(p *port, l *Leases) *peers {
	ps := &peers{port: p, leases: l, closed: make(chan struct{})}
	ps.server = &http.Server{
		Handler:           http.HandlerFunc(ps.answer),
		ReadHeaderTimeout: handshakeTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          p.log.StandardLogger(nil),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, fromKey{}, c.(*peerConn).id)
		},
	}
	ps.client = &http.Client{Transport: &http.Transport{
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return p.dial(ctx, stripPort(addr), alpnPeer)
		},
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
	go func() {
		defer close(ps.closed)
		_ = ps.server.Serve(peerListener{p})
	}()
	return ps
}

type fromKey struct{}

type peerListener struct{ *port }

func (l peerListener) Accept() (net.Conn, error) { return takeFrom(l.port, l.peers) }
func (l peerListener) Close() error              { return nil }
func (l peerListener) Addr() net.Addr            { return nodeAddr(l.identity.NodeID) }

func (ps *peers) close() {
	_ = ps.server.Close()
	ps.client.CloseIdleConnections()
	<-ps.closed
}

// answer is one request of a peer.
func (ps *peers) answer(w http.ResponseWriter, r *http.Request) {
	handler := ps.handler.Load()
	from, _ := r.Context().Value(fromKey{}).(string)
	if from == "" || r.Method != http.MethodPost {
		refusePeer(w, errNotReady)
		return
	}
	ctx := r.Context()
	if patience, err := time.ParseDuration(r.Header.Get(headerUntil) + "ms"); err == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxMessage))
	if err != nil {
		refusePeer(w, &PeerError{"bad_message", "the message is too long, or was cut short"})
		return
	}
	op := strings.TrimPrefix(r.URL.Path, opPrefix)
	out, done, err := ps.leases.answer(ctx, from, op, body)
	switch {
	case done:
	case handler == nil:
		err = errNotReady
	default:
		out, err = (*handler)(ctx, from, op, body)
	}
	if err != nil {
		refusePeer(w, err)
		return
	}
	_, _ = w.Write(out)
}

var errNotReady = &PeerError{"not_ready", "the node does not answer peers yet"}

func refusePeer(w http.ResponseWriter, err error) {
	refusal := &PeerError{Code: "internal", Text: "the node could not answer"}
	_ = errors.As(err, &refusal)
	w.Header().Set(headerCode, refusal.Code)
	w.WriteHeader(http.StatusConflict)
	_, _ = io.WriteString(w, refusal.Text)
}

// ask sends a request to a member and waits for its answer.
func (ps *peers) ask(ctx context.Context, id, op string, body []byte) ([]byte, error) {
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	r, err := http.NewRequestWithContext(traced, http.MethodPost, "https://"+id+opPrefix+op, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotDelivered, err)
	}
	r.GetBody = nil // never sent twice by the transport: see ErrNoAnswer
	if deadline, ok := ctx.Deadline(); ok {
		r.Header.Set(headerUntil, fmt.Sprint(max(1, time.Until(deadline).Milliseconds())))
	}
	failed := func(err error) error {
		if connected.Load() {
			return fmt.Errorf("%w: node %s: %w", ErrNoAnswer, id, err)
		}
		return fmt.Errorf("%w: node %s: %w", ErrNotDelivered, id, err)
	}
	resp, err := ps.client.Do(r)
	if err != nil {
		return nil, failed(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, MaxMessage+1))
	switch {
	case err != nil || len(out) > MaxMessage:
		return nil, failed(errors.Join(err, errors.New("the answer was cut short")))
	case resp.StatusCode != http.StatusOK:
		return nil, &PeerError{Code: resp.Header.Get(headerCode), Text: string(out)}
	}
	return out, nil
}

// HandlePeers names who answers requests of other members. Without a cluster port
// nobody asks.
func (s *Store) HandlePeers(h PeerHandler) {
	if s.peers != nil {
		s.peers.handler.Store(&h)
	}
}

// Ask sends a request to another member and returns its answer, at most MaxMessage
// bytes each. Errors: ErrNotDelivered, ErrNoAnswer, *PeerError.
func (s *Store) Ask(ctx context.Context, nodeID, op string, body []byte) ([]byte, error) {
	if s.peers == nil {
		return nil, fmt.Errorf("%w: this node has no cluster port", ErrNotDelivered)
	}
	return s.peers.ask(ctx, nodeID, op, body)
}
