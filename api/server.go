package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// Config is what New needs.
type Config struct {
	Service        *kms.Service
	Logger         hclog.Logger
	LoopbackOnly   bool // a development node: refuse Host headers that are not loopback
	PublicMetrics  bool // metrics need no token
	BuildDate      string
	StorageVersion string
	// Admit asks a cluster to admit this node; nil: this node joins none.
	Admit Admitter
	// RefusedConnections counts those that the listener closed at once, for the
	// metrics; nil: none are.
	RefusedConnections func() uint64
}

// Server answers the API. It is an http.Handler, safe for concurrent use.
type Server struct {
	cfg    Config
	kms    *kms.Service
	log    hclog.Logger
	router router
	bodies budget // of callers

	strangers budget // of bodies without a token
	draining  atomic.Bool
	metrics   *metrics
}

// New returns the API over a service.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, kms: cfg.Service, log: cfg.Logger.Named("api"), metrics: newMetrics(cfg.Service, cfg.RefusedConnections)}
	s.bodies.most, s.strangers.most = callersBudget, strangersBudget
	s.router = s.newRouter()
	return s
}

// writeTimeout is how long a client may take to read an answer.
const writeTimeout = 60 * time.Second

// HTTPServer wraps the handler with the limits that protect it from clients that
// are slow, silent or many.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 128},
		ErrorLog:          s.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Warn}),
	}
}

// request is one request on its way through a route.
type request struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	route  *route
	vars   vars
	origin kms.Origin
	call   *kms.Call // nil on public routes
	token  string    // of the headers; for lookup-self, which repeats it
	status int       // of a success, 0 for 200
	behind bool      // a gateway put the end user's path behind its own, which was cut off
	demand kms.Demand
	held   *body // kept while the request may have to be decided again
	booked int64 // of bodies, for this request's body and answer; given back when the answer has left
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.survive()
	rq := &request{s: s, w: w, r: r, origin: kms.Origin{RequestID: newRequestID(), Method: methodOf(r), Remote: remoteIP(r)}}
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = jsonType, noStore
	if s.draining.Load() {
		h.Set("Connection", "close") // over HTTP/2 this becomes a GOAWAY
	}
	err := s.screen(rq)
	if limited := s.limit(rq); limited != nil {
		err = limited // nonsense counts as well
	}
	if err != nil {
		rq.refuse(err)
		return
	}
	methods, vars := s.router.find(r)
	if methods == nil {
		rq.refuse(errNoRoute)
		return
	}
	route := methods.find(rq.origin.Method)
	if route == nil {
		h.Set("Allow", methods.allowed)
		rq.refuse(errMethod)
		return
	}
	for i, name := range vars.names {
		if name != "policy" && !validName(vars.values[i]) {
			rq.refuse(errName)
			return
		}
	}
	rq.route, rq.vars = route, vars
	s.run(rq)
}

// survive turns a bug that panics into a logged error and a broken connection:
// the client must not take half an answer for a whole one.
func (s *Server) survive() {
	if bug := recover(); bug != nil {
		s.log.Error("a request panicked; this is a bug", "panic", bug, "stack", string(debug.Stack()))
		panic(http.ErrAbortHandler)
	}
}

var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

// screen refuses what no route takes, and gives the request its canonical path
// and its method in our sense (LIST may come as GET ?list=true).
func (s *Server) screen(rq *request) error {
	r := rq.r
	if s.cfg.LoopbackOnly && !loopbackHost(r.Host) {
		// A page in the operator's browser can make it send requests here under
		// a name that resolves to loopback.
		return errHost
	}
	behind, ok := cutGatewayPath(r)
	if !ok {
		return errBadPath
	}
	path, ok := canonical(r)
	if !ok || strings.HasPrefix(path, gatewayPath) && path != r.URL.Path {
		return errBadPath // a gateway's path with a second spelling would have its demands in another place
	}
	r.URL.Path = path
	rq.origin.Path = strings.TrimPrefix(path, "/v1/")
	if ns := r.Header.Get(wire.HeaderNamespace); ns != "" && ns != "root" && ns != "root/" {
		return errNamespace
	}
	if r.Header.Get(wire.HeaderWrapTTL) != "" {
		return errWrapping
	}
	if behind {
		// Method and query are the end user's.
		rq.behind, rq.origin.Method = true, http.MethodPost
		return nil
	}
	if r.Method == http.MethodGet && r.URL.RawQuery != "" && listQuery(r) {
		rq.origin.Method = methodList
	}
	return nil
}

const methodList = "LIST"

// methodOf is the request's method, or "OTHER" for one that nobody uses: it goes
// into the audit log, and may be anything, such as a token in the wrong place.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch,
		http.MethodOptions, http.MethodTrace, http.MethodConnect, methodList:
		return r.Method
	}
	return "OTHER"
}

func listQuery(r *http.Request) bool {
	list := r.URL.Query().Get("list")
	return list == "true" || list == "1"
}

func (rq *request) authenticateToken() error {
	rq.token = tokenOf(rq.r)
	return rq.knowToken()
}

// knowToken finds the caller behind the token that was sent.
func (rq *request) knowToken() error {
	if err := rq.s.kms.Authenticate(rq.call, rq.token); err != nil {
		return err
	}
	return rq.s.kms.LimitToken(rq.call)
}

func tokenOf(r *http.Request) string {
	if t := r.Header.Get(wire.HeaderToken); t != "" {
		return t
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return bearer
	}
	return ""
}

// refuse answers a request that reached no route, and records it.
func (rq *request) refuse(err error) {
	if rq.origin.Path == "" {
		rq.origin.Path = "(not canonical)"
	}
	rq.s.kms.Reject(rq.origin, nil, err)
	rq.fail(err)
}

// fail writes an error answer.
func (rq *request) fail(err error) {
	status, code, texts := answerTo(err)
	if code == wire.Internal {
		rq.s.log.Error("a request failed", "request_id", rq.origin.RequestID, "error", err)
	}
	if after := retryAfter(status, code, err); after != "" {
		rq.w.Header().Set(wire.HeaderRetryAfter, after)
	}
	if status == http.StatusTooManyRequests {
		rq.leaveBody()
	}
	if rq.route != nil && rq.route.auth == client {
		rq.failClient(status, code, texts)
		return
	}
	rq.write(status, wire.ErrorBody{Errors: texts, Code: code, RequestID: rq.origin.RequestID, Accessor: kms.Accessor(err)})
}

// context bounds what a verb may wait for, by the route's time.
func (rq *request) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(rq.r.Context(), rq.route.timeout)
}

// newRequestID returns a random UUID (RFC 9562, version 4).
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail: crypto/rand ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// remoteIP is the peer's address. Headers that claim another are not believed.
func remoteIP(r *http.Request) string {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap().String()
	}
	return r.RemoteAddr
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
