package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2/hclsimple"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/wrap"
)

// serverConfig is the configuration file, and what the flags of a development
// node make of it. Every field is usable unset.
type serverConfig struct {
	NodeID        string           `hcl:"node_id,optional"`
	DataDir       string           `hcl:"data_dir,optional"`
	APIAddr       string           `hcl:"api_addr,optional"`
	ClusterAddr   string           `hcl:"cluster_addr,optional"`
	ClusterName   string           `hcl:"cluster_name,optional"`
	LogLevel      string           `hcl:"log_level,optional"`
	LogFormat     string           `hcl:"log_format,optional"`
	PublicMetrics bool             `hcl:"unauthenticated_metrics,optional"`
	Listeners     []listenerConfig `hcl:"listener,block"`
	Seals         []*sealConfig    `hcl:"seal,block"`
	Audit         *auditConfig     `hcl:"audit,block"`
	Raft          *raftConfig      `hcl:"raft,block"`
	Snapshots     *snapshotsConfig `hcl:"snapshots,block"`

	file      string // the configuration file; "" of a development node
	text      string // what it holds
	dev       bool
	rootToken string         // of a development node, from its flag
	temporary bool           // DataDir goes when the node stops
	listener  listenerConfig // the one in use
	cert      atomic.Pointer[tls.Certificate]
	refused   atomic.Uint64 // connections closed at once: see limitedListener

	wrappers []seal.Wrapper  // of the seal blocks, in their order
	renewed  []*wrap.Transit // those of them whose token is renewed
}

type listenerConfig struct {
	Kind        string `hcl:"kind,label"`
	Address     string `hcl:"address,optional"`
	TLSCertFile string `hcl:"tls_cert_file,optional"`
	TLSKeyFile  string `hcl:"tls_key_file,optional"`
	TLSDisable  bool   `hcl:"tls_disable,optional"`
}

type auditConfig struct {
	Path       string `hcl:"path,optional"`
	Durability string `hcl:"durability,optional"`
}

const defaultListen = "127.0.0.1:8200"

// loadServerConfig reads the file, or makes the configuration of a development
// node. Its errors name the file, the line and the field.
func loadServerConfig(f serverFlags) (*serverConfig, error) {
	switch {
	case f.dev && f.config != "":
		return nil, usageError("--dev and --config exclude each other", "a development node has no configuration file")
	case !f.dev && f.config == "":
		return nil, usageError("no configuration", "give --config FILE, or --dev to try things out")
	case !f.dev && (f.rootToken != "" || f.listen != "" || f.dataDir != ""):
		return nil, usageError("--dev-root-token, --listen and --data-dir are for --dev alone", "a configured node takes them from its file")
	case f.dev:
		return devConfig(f)
	}
	c := &serverConfig{file: f.config}
	text, err := os.ReadFile(f.config)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	name := f.config // its ending would choose the syntax; it is HCL whatever it is
	if !strings.HasSuffix(name, ".hcl") {
		name += ".hcl"
	}
	if err := hclsimple.Decode(name, text, nil, c); err != nil {
		return nil, syntaxError(err)
	}
	c.text = string(text)
	if err := c.complete(); err != nil {
		return nil, c.place(err)
	}
	return c, c.refuseDevData()
}

// ownDataDir makes the data directory, and closes one that others may look into.
func (c *serverConfig) ownDataDir() error {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return wrong("data_dir", "%w", err)
	}
	if err := os.Chmod(c.DataDir, 0o700); err != nil {
		return wrong("data_dir", "%w", err)
	}
	return nil
}

// complete fills in the defaults and checks what the syntax does not.
func (c *serverConfig) complete() error {
	def(&c.DataDir, "/var/lib/signet")
	def(&c.LogLevel, "info")
	def(&c.LogFormat, "standard")
	if hclog.LevelFromString(c.LogLevel) == hclog.NoLevel {
		return wrong("log_level", "%q is unknown; use trace, debug, info, warn, error or off", c.LogLevel)
	}
	if c.LogFormat != "standard" && c.LogFormat != "json" {
		return wrong("log_format", "%q is unknown; use standard or json", c.LogFormat)
	}
	if c.Audit == nil {
		c.Audit = &auditConfig{}
	}
	def(&c.Audit.Path, filepath.Join(c.DataDir, "audit"))
	if d := c.Audit.Durability; d != "" && d != "sync" && d != "os" {
		return wrong("durability", "%q is unknown; use sync or os", d)
	}
	switch len(c.Listeners) {
	case 0:
		c.listener = listenerConfig{Kind: "tcp"}
	case 1:
		c.listener = c.Listeners[0]
	default:
		return wrong("listener", "there is more than one; a node has one address")
	}
	def(&c.listener.Address, defaultListen)
	return cmp.Or(checkURL("api_addr", c.APIAddr), checkURL("cluster_addr", c.ClusterAddr), c.checkCluster(), c.checkListener(), c.checkSnapshots(), c.completeSeals())
}

// checkCluster refuses a cluster address that others could not reach, and members to
// join without one.
func (c *serverConfig) checkCluster() error {
	if c.ClusterAddr == "" {
		if c.Raft != nil && len(c.Raft.RetryJoin) > 0 {
			return wrong("retry_join", "a node that joins others needs a cluster_addr")
		}
		return nil
	}
	if strings.HasPrefix(c.ClusterAddr, "http://") {
		return wrong("cluster_addr", "the cluster port speaks TLS alone: write https://")
	}
	if err := raftstore.CheckAddress(c.clusterPort()); err != nil {
		return wrong("cluster_addr", "%w", err)
	}
	if c.Raft != nil {
		for _, at := range c.Raft.RetryJoin {
			if err := checkURL("leader_api_addr", at.LeaderAPIAddr); err != nil {
				return err
			}
		}
	}
	return nil
}

// clusterPort is host and port of the cluster address; 8201 where it names none.
func (c *serverConfig) clusterPort() string {
	if c.ClusterAddr == "" || c.dev {
		return "" // dev mode opens none
	}
	u, err := url.Parse(c.ClusterAddr)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "8201"))
}

// checkURL refuses an address that others could not use to reach this node.
func checkURL(field, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return wrong(field, "want a URL of scheme, host and port, such as https://10.0.0.1:8200") // what it is may hold a password
	}
	return nil
}

func def(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func (c *serverConfig) checkListener() error {
	l := c.listener
	if l.Kind != "tcp" {
		return wrong("listener", "type %q is unknown; use tcp", l.Kind)
	}
	_, port, err := net.SplitHostPort(l.Address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return wrong("address", "%q is not host:port, such as 0.0.0.0:8200", l.Address)
	}
	if l.TLSDisable {
		if !loopback(l.Address) {
			return wrong("tls_disable", "%s is not a loopback address, and tokens do not travel in clear", l.Address)
		}
		return nil
	}
	if l.TLSCertFile == "" || l.TLSKeyFile == "" {
		return wrong("listener", "tls_cert_file and tls_key_file are needed; tls_disable = true is for loopback alone")
	}
	return nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// serviceConfig hands the domain its part of the configuration.
func (c *serverConfig) serviceConfig(logger hclog.Logger) kms.Config {
	return kms.Config{
		Store:       raftstore.Options{Dir: filepath.Join(c.DataDir, "raft"), NodeID: c.NodeID, Address: c.clusterPort(), Listen: c.clusterPort(), Dev: c.dev, Logger: logger.Named("raftstore"), Now: wall.Now},
		Audit:       audit.Options{Dir: c.Audit.Path, Durability: audit.Durability(c.Audit.Durability), Logger: logger.Named("audit"), Now: wall.Now},
		Logger:      logger,
		Version:     version,
		APIAddr:     c.APIAddr,
		ClusterName: c.ClusterName,
		Snapshots:   c.schedule(),
		Dev:         c.dev,
		Joins:       !c.dev && c.Raft != nil && len(c.Raft.RetryJoin) > 0,
		Seals:       c.wrappers,
	}
}

// cleanup removes what a development node without a data directory leaves.
func (c *serverConfig) cleanup() {
	if c.temporary {
		_ = os.RemoveAll(c.DataDir) // under the system's temporary directory, and 0700
	}
}
