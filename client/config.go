package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// DefaultAddress is used where no address is given.
const DefaultAddress = "https://127.0.0.1:8200"

// Errors of [New] and [FromEnvironment].
var (
	ErrBadAddress = errors.New("an address is a URL such as https://signet.example:8200")
	ErrPlaintext  = errors.New("http is for loopback addresses only, since a token would cross the network readable: use https")
	ErrBadTLS     = errors.New("the TLS files cannot be used")
)

// Config says where the server is and how to speak to it. The zero value is
// usable: the default address, no token, the roots of the system.
type Config struct {
	// Addresses are base URLs of nodes of one cluster, the nearest first; none
	// means [DefaultAddress]. Calls go to the first one, move on to the others when
	// it does not serve, and come back when it does again. Calls about one node,
	// such as Unseal and Health, go to the first alone.
	Addresses []string
	// AnyOrder takes one of the addresses at random for the first of other calls,
	// so that many programs with the same addresses spread over the nodes.
	AnyOrder bool
	// NoIndex sends no index of the state with calls. With it a call may be
	// answered by a node that does not know yet what an earlier call was told is
	// done; see [Client.Index].
	NoIndex bool
	// Token is asked once a call, for the calls that need one.
	Token TokenSource
	// CACert is a PEM file whose certificates replace the roots of the system.
	CACert string
	// CACertPEM is the same, as PEM itself; empty: see CACert.
	CACertPEM []byte
	// ClientCert and ClientKey are PEM files; both or none.
	ClientCert, ClientKey string
	// Timeout bounds a call with all its attempts, unless the context ends
	// sooner. 0 means 30 s.
	Timeout time.Duration
	// Retry bounds the attempts.
	Retry Retry
	// IdleConnections is how many connections to one node are kept for the next
	// calls: as many as there are calls at the same time, or each call over that
	// number opens one anew. 0 means 64. It matters for HTTP/1.1, which is what
	// a plaintext address speaks; over TLS calls share connections.
	IdleConnections int
	// Warn is called for each warning in an answer, such as a create that found
	// its key already there. nil drops them.
	Warn func(warning string)
}

// Retry bounds how often and how fast a call is repeated.
type Retry struct {
	// Attempts counts all attempts of a call; 1 means no retry. 0 means 4 with one
	// address, and with several as many as the call's time allows. With several,
	// each is asked before the first wait, and before giving up, unless it is 1.
	Attempts int
	// MinWait is the first wait, doubled for each further one, with jitter;
	// 0 means 100 ms. To ask another address, nothing is waited for.
	MinWait time.Duration
	// MaxWait bounds each wait, that of a Retry-After header too; 0 means 5 s.
	// A call refused by a rate limit is never repeated before its Retry-After,
	// and not at all when that is longer.
	MaxWait time.Duration
}

// Client speaks to one cluster. It is safe for concurrent use.
type Client struct {
	nodes   *nodes
	token   TokenSource
	http    *http.Client
	timeout time.Duration
	retry   Retry
	warn    func(string)
	sleep   func(context.Context, time.Duration) error
	noIndex bool
	index   atomic.Uint64 // the highest that an answer had; see index.go
}

// New returns a client. It reads the TLS files and opens no connection. It
// returns [ErrBadAddress], [ErrPlaintext] or [ErrBadTLS].
func New(cfg Config) (*Client, error) {
	addresses, err := parseAddresses(cfg.Addresses)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := loadTLS(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{
		nodes:   newNodes(addresses, cfg.AnyOrder),
		token:   cfg.Token,
		timeout: orDefault(cfg.Timeout, 30*time.Second),
		retry: Retry{
			Attempts: max(cfg.Retry.Attempts, 0),
			MinWait:  orDefault(cfg.Retry.MinWait, 100*time.Millisecond),
			MaxWait:  orDefault(cfg.Retry.MaxWait, 5*time.Second),
		},
		warn:    cfg.Warn,
		sleep:   sleep,
		noIndex: cfg.NoIndex,
	}
	dial, handshake := 10*time.Second, 10*time.Second
	if len(addresses) > 1 {
		// Another node is there, so one that is dead is not waited for: a lost
		// packet is sent again after one second.
		dial, handshake = 2*time.Second, 4*time.Second
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: dial, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:       tlsConfig,
			TLSHandshakeTimeout:   handshake,
			ForceAttemptHTTP2:     true,
			HTTP2:                 &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}, // finds a node that is gone without a word
			MaxIdleConnsPerHost:   orDefault(cfg.IdleConnections, 64),
			IdleConnTimeout:       30 * time.Second, // below the server's, so that it seldom closes first
			ExpectContinueTimeout: time.Second,
			// A compressed answer could grow past the bound that is set on it.
			DisableCompression: true,
		},
		// A redirect could carry the token to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close drops idle connections. A closed client still works.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// FromEnvironment returns the configuration that SIGNET_ADDR (one address, or
// several of one cluster with commas between them, the nearest first), SIGNET_TOKEN, SIGNET_CACERT, SIGNET_CLIENT_CERT and
// SIGNET_CLIENT_KEY describe; without SIGNET_TOKEN the token comes from the file
// that `signet login` writes.
func FromEnvironment() Config {
	cfg := Config{
		CACert:     os.Getenv("SIGNET_CACERT"),
		ClientCert: os.Getenv("SIGNET_CLIENT_CERT"),
		ClientKey:  os.Getenv("SIGNET_CLIENT_KEY"),
		Token:      EnvironmentToken(),
	}
	for address := range strings.SplitSeq(os.Getenv("SIGNET_ADDR"), ",") {
		if address = strings.TrimSpace(address); address != "" {
			cfg.Addresses = append(cfg.Addresses, address)
		}
	}
	return cfg
}

func parseAddresses(list []string) ([]*url.URL, error) {
	if len(list) == 0 {
		list = []string{DefaultAddress}
	}
	out := make([]*url.URL, 0, len(list))
	for _, text := range list {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			// The text is not repeated: someone may have put a password into it.
			return nil, ErrBadAddress
		}
		if u.Scheme == "http" && !isLoopback(u.Hostname()) {
			return nil, fmt.Errorf("%s: %w", u.Host, ErrPlaintext)
		}
		out = append(out, &url.URL{Scheme: u.Scheme, Host: u.Host})
	}
	return out, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func loadTLS(cfg Config) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CACert != "" {
		pem, err := os.ReadFile(cfg.CACert)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadTLS, err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s holds no PEM certificate", ErrBadTLS, cfg.CACert)
		}
	}
	if len(cfg.CACertPEM) > 0 {
		if out.RootCAs == nil {
			out.RootCAs = x509.NewCertPool()
		}
		if !out.RootCAs.AppendCertsFromPEM(cfg.CACertPEM) {
			return nil, fmt.Errorf("%w: the CA certificate is no PEM certificate", ErrBadTLS)
		}
	}
	if cfg.ClientCert == "" && cfg.ClientKey == "" {
		return out, nil
	}
	if cfg.ClientCert == "" || cfg.ClientKey == "" {
		return nil, fmt.Errorf("%w: a client certificate needs its key and a key its certificate", ErrBadTLS)
	}
	pair, err := tls.LoadX509KeyPair(cfg.ClientCert, cfg.ClientKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadTLS, err)
	}
	out.Certificates = []tls.Certificate{pair}
	return out, nil
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Secret is a token or a share; see [wire.Secret].
type Secret = wire.Secret
