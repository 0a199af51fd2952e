package apitest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// Node is one daemon: a directory that outlives its processes, and the process
// that runs now, if any. Its methods fail the test when the harness itself
// fails; Send and Acked may be called from any goroutine, the others from the
// test's own.
type Node struct {
	t    testing.TB
	o    options
	dir  string // of this node alone: configuration, key record, and what o does not put elsewhere
	root string
	keys []string // the shares, hex

	id          string   // of a node of a cluster; "" for a node alone
	clusterAddr string   // host:port
	place       int      // of a node of a Network, from 1
	space       *os.File // its network namespace; nil: that of the test

	log  *buffer // stderr and stdout of all processes
	http *http.Client

	binary string // that runs; "": the daemon of these sources

	expected string // an alarm in the log that is no fault: see Expect

	lives []bool // one a process that was started → it was killed

	mu      sync.Mutex // guards what follows, which the goroutines of a test share
	proc    *process   // nil when none runs
	effects []Effect
	replies []replied
	secrets map[string]string // in every form that was handed out → what it is
}

// New starts a node with a configuration file, makes its cluster, unseals it, and
// checks all of it at the end of the test. Without options it has one share, a
// plaintext loopback listener and the daemon's defaults.
func New(t testing.TB, opts ...Option) *Node {
	t.Helper()
	n := newNode(t, opts)
	n.Configure()
	n.Start()
	if n.o.stage == started {
		return n
	}
	n.Init()
	if n.o.stage == initialized {
		return n
	}
	if n.o.seal != "" {
		n.AwaitUnsealed()
		return n
	}
	n.Unseal()
	return n
}

// Dev starts `signet server --dev` with a root token of the test's choice: one
// that a scan can find. Its data goes with the process.
func Dev(t testing.TB) *Node {
	t.Helper()
	n := newNode(t, []Option{func(o *options) { o.dev = true }})
	n.root = "dev-root-" + randomHex(24)
	n.HandedOut("the dev root token", n.root)
	n.Start()
	return n
}

func newNode(t testing.TB, opts []Option) *Node {
	t.Helper()
	n := &Node{t: t, dir: t.TempDir(), log: &buffer{}, secrets: map[string]string{}}
	for _, opt := range opts {
		opt(&n.o)
	}
	n.o.complete(n.dir)
	n.binary = n.o.binary
	if n.o.clocked {
		n.SetClock(0)
	}
	n.http = &http.Client{
		Transport:     n.Transport(),
		Timeout:       2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(n.finish)
	return n
}

// Transport is a new way to the node, for a client whose answers are not remembered.
func (n *Node) Transport() *http.Transport {
	tr := &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true, DialContext: n.dial}
	if n.o.cert == "" {
		return tr
	}
	pem, err := os.ReadFile(n.o.cert)
	if err != nil {
		n.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	tr.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return tr
}

// finish ends the test: what a running node says is checked, then it is stopped,
// then what it left.
func (n *Node) finish() {
	defer n.http.CloseIdleConnections()
	if n.Running() {
		n.report(n.liveProblems())
		n.Stop()
	}
	n.report(n.leftProblems())
	if n.t.Failed() {
		n.t.Logf("log of the node:\n%s", n.Log())
	}
}

func (n *Node) report(problems []string) {
	n.t.Helper()
	for _, p := range problems {
		n.t.Error(p)
	}
}

// Root is the root token.
func (n *Node) Root() string { return n.root }

// Shares are the shares in hex, as init gave them.
func (n *Node) Shares() []string { return n.keys }

// Log is what all processes of the node have printed so far.
func (n *Node) Log() string { return n.log.String() }

// AuditDir is the directory of the audit log.
func (n *Node) AuditDir() string { return n.o.auditDir }

// AuditLog is the audit log's file.
func (n *Node) AuditLog() string { return filepath.Join(n.o.auditDir, "audit.log") }

// DataDir is the data directory.
func (n *Node) DataDir() string { return n.o.dataDir }

// KeyRecord is the file in which a node made with RecordKeys writes its keys.
func (n *Node) KeyRecord() string { return filepath.Join(n.dir, "key-record") }

// LoggedBesides says that a command on the node's files opened its audit log, and
// ended well.
func (n *Node) LoggedBesides() { n.lives = append(n.lives, false) }

// ConfigFile is the configuration file.
func (n *Node) ConfigFile() string { return n.configFile() }

func (n *Node) configFile() string { return filepath.Join(n.dir, "signet.hcl") }

// Client returns the SDK's client for this process of the node: a node that was
// started again has another address.
func (n *Node) Client(token string) *client.Client {
	n.t.Helper()
	c, err := client.New(client.Config{
		Addresses: []string{n.URL()}, Token: client.StaticToken(wire.SecretOf(token)), CACert: n.o.cert,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.Close)
	return c
}

// Configure writes the configuration file anew, with more lines. It takes effect
// at a SIGHUP, as far as a running node takes it, or at the next start.
func (n *Node) Configure(lines ...string) {
	n.t.Helper()
	text := strings.Join(append(lines, n.clusterHCL(), n.o.hcl()), "\n")
	if err := os.WriteFile(n.configFile(), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// CloseIdle closes the connections that the harness keeps open.
func (n *Node) CloseIdle() { n.http.CloseIdleConnections() }
