package apitest

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
)

// Option changes what New makes.
type Option func(*options)

type options struct {
	shares, threshold int
	stage             stage
	durability        string
	dataDir, auditDir string // "": below the test's own directory
	cert, key         string // PEM files; "": plaintext
	hooked            bool
	clocked           bool
	seal              string // seal blocks; "": shares alone unseal the node
	dev               bool
	listen            string // of the API; "": the kernel chooses a port at every start
	network           *Network
	under             string // see Under
	binary            string // see Runs
}

// stage is how far New brings a node.
type stage int

const (
	unsealed stage = iota
	initialized
	started
)

// Shares chooses how many shares are made and how many open the node; the
// default is one of one.
func Shares(n, k int) Option {
	return func(o *options) { o.shares, o.threshold = n, k }
}

// Sealed leaves the node initialized and sealed.
func Sealed() Option { return func(o *options) { o.stage = initialized } }

// Uninitialized leaves the node without a cluster.
func Uninitialized() Option { return func(o *options) { o.stage = started } }

// Durability sets audit.durability, "sync" or "os"; the default is the daemon's.
func Durability(d string) Option { return func(o *options) { o.durability = d } }

// AuditDir puts the audit log into dir.
func AuditDir(dir string) Option { return func(o *options) { o.auditDir = dir } }

// DataDir puts the data into dir.
func DataDir(dir string) Option { return func(o *options) { o.dataDir = dir } }

// TLS gives the listener a certificate, which must be valid for 127.0.0.1, and
// its key: two PEM files. Without it the node speaks plaintext.
func TLS(cert, key string) Option { return func(o *options) { o.cert, o.key = cert, key } }

// Under puts the data of each node of a cluster into dir/ID/data/signet, and its audit
// log into dir/ID/audit/signet: below directories that may be mounts.
func Under(dir string) Option { return func(o *options) { o.under = dir } }

// In puts each node of a cluster into a namespace of the network.
func In(w *Network) Option { return func(o *options) { o.network = w } }

// RecordKeys runs a daemon built with the tag signet_testhook, which writes every
// private key that it generates to KeyRecord, for a test that searches for them.
func RecordKeys() Option { return func(o *options) { o.hooked = true } }

// Clocked runs a daemon whose wall clock SetClock sets, built with the tag
// signet_testclock.
func Clocked() Option { return func(o *options) { o.clocked = true } }

// SealedBy puts seal blocks into the configuration: the node unseals by itself, and
// its shares are recovery shares.
func SealedBy(blocks string) Option { return func(o *options) { o.seal = blocks } }

// hcl is the configuration file of a node. The kernel chooses the port of a node
// alone, a new one at every start.
func (o *options) hcl() string {
	var b strings.Builder
	fmt.Fprintf(&b, "data_dir = %q\n\nlistener \"tcp\" {\n  address = %q\n", o.dataDir, cmp.Or(o.listen, "127.0.0.1:0"))
	if o.cert == "" {
		b.WriteString("  tls_disable = true\n}\n")
	} else {
		fmt.Fprintf(&b, "  tls_cert_file = %q\n  tls_key_file = %q\n}\n", o.cert, o.key)
	}
	fmt.Fprintf(&b, "\naudit {\n  path = %q\n", o.auditDir)
	if o.durability != "" {
		fmt.Fprintf(&b, "  durability = %q\n", o.durability)
	}
	b.WriteString("}\n" + o.seal)
	return b.String()
}

func (o *options) complete(dir string) {
	if o.shares == 0 {
		o.shares, o.threshold = 1, 1
	}
	if o.dataDir == "" {
		o.dataDir = filepath.Join(dir, "data")
	}
	if o.auditDir == "" {
		o.auditDir = filepath.Join(dir, "audit")
	}
}
