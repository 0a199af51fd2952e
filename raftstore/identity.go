package raftstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
)

// Identity is what this node is known by. Nothing in it is secret.
type Identity struct {
	NodeID      string // stable name in the cluster
	Incarnation string // random, one for each life of a data directory: a wiped node that comes back under its old id has another one
	Public      []byte // public half of the node's TLS key, as DER of a SubjectPublicKeyInfo (RFC 5280, section 4.1)
}

// identify loads the identity of the directory, and makes the parts that are
// missing when the directory holds no log yet. Errors: ErrNodeID, ErrIdentity,
// and those of the file system.
func identify(d *dataDir, wantID string) (Identity, error) {
	hasLog, err := d.exists(logFile)
	if err != nil {
		return Identity{}, err
	}
	load := func(name string, make func() ([]byte, error)) ([]byte, error) {
		data, err := os.ReadFile(d.file(name))
		if !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
		if hasLog {
			return nil, fmt.Errorf("%w: %s is missing", ErrIdentity, d.file(name))
		}
		if data, err = make(); err != nil {
			return nil, err
		}
		return data, d.create(name, data)
	}

	keyPEM, err := load(nodeKeyFile, newNodeKeyPEM)
	if err != nil {
		return Identity{}, err
	}
	defer clear(keyPEM)
	key, err := parseNodeKey(keyPEM)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %s: %w", ErrIdentity, d.file(nodeKeyFile), err)
	}
	public, err := key.public()
	if err != nil {
		return Identity{}, err
	}
	incarnation, err := load(incarnationFile, func() ([]byte, error) { return line(rand.Text()), nil })
	if err != nil {
		return Identity{}, err
	}
	id, err := load(nodeIDFile, func() ([]byte, error) {
		if wantID != "" {
			return line(wantID), nil
		}
		return line("node-" + strings.ToLower(rand.Text()[:12])), nil
	})
	if err != nil {
		return Identity{}, err
	}
	i := Identity{NodeID: unline(id), Incarnation: unline(incarnation), Public: public}
	return i, i.check(d, wantID)
}

// check refuses names that nobody of ours wrote, and a wanted id that is not
// the one kept.
func (i Identity) check(d *dataDir, wantID string) error {
	switch {
	case !nodeIDPattern.MatchString(i.NodeID):
		return fmt.Errorf("%w: %s holds no node id", ErrIdentity, d.file(nodeIDFile))
	case !nodeIDPattern.MatchString(i.Incarnation):
		return fmt.Errorf("%w: %s holds no incarnation", ErrIdentity, d.file(incarnationFile))
	case wantID != "" && wantID != i.NodeID:
		return fmt.Errorf("%w: the configured id is %q, the data directory %s belongs to %q: set that id, or none, or use another directory",
			ErrNodeID, wantID, d.path, i.NodeID)
	}
	return nil
}

// line and unline convert between a name and a file of one line. A file that
// is not one line gives the empty name.
func line(name string) []byte { return []byte(name + "\n") }

func unline(data []byte) string {
	name, rest, found := strings.Cut(string(data), "\n")
	if !found || rest != "" {
		return ""
	}
	return name
}

// nodeKey is the private half of this node's TLS key. It lives in clear in
// node.key, mode 0600, since a sealed node must speak to its peers. It is read
// when the store opens, to check it and to learn the public half. The cluster port
// holds it for as long as it is open; a node without one holds it no longer.
type nodeKey struct {
	_   [0]func() // incomparable
	key *ecdsa.PrivateKey
}

const nodeKeyPEMType = "PRIVATE KEY"

// newNodeKeyPEM makes a P-256 key and encodes it as PKCS #8 (RFC 5208) in PEM.
func newNodeKeyPEM() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: nodeKeyPEMType, Bytes: der}), nil
}

// parseNodeKey takes exactly what newNodeKeyPEM writes. Its errors say nothing
// of the content.
func parseNodeKey(data []byte) (*nodeKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != nodeKeyPEMType || !bytes.Equal(pem.EncodeToMemory(block), data) {
		return nil, errors.New("not one PEM block of type " + nodeKeyPEMType)
	}
	defer clear(block.Bytes)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("not a PKCS #8 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("not an ECDSA key on P-256")
	}
	return &nodeKey{key: key}, nil
}

// nodeKey reads the key of the directory.
func (d *dataDir) nodeKey() (*nodeKey, error) {
	data, err := os.ReadFile(d.file(nodeKeyFile))
	if err != nil {
		return nil, err
	}
	defer clear(data)
	key, err := parseNodeKey(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIdentity, d.file(nodeKeyFile), err)
	}
	return key, nil
}

// nodeCertificate is a certificate and the key of this node, for the cluster port.
func (d *dataDir) nodeCertificate(der []byte) (*tls.Certificate, error) {
	key, err := d.nodeKey()
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key.key}, nil
}

// certificateRequest asks for a certificate for this node, and proves that it has
// the key (RFC 2986).
func (d *dataDir) certificateRequest(nodeID string) ([]byte, error) {
	key, err := d.nodeKey()
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: nodeID}}, key.key)
}

func (k *nodeKey) public() ([]byte, error) { return x509.MarshalPKIXPublicKey(&k.key.PublicKey) }

const redactedKey = "[node key]"

var errKeyNotMarshalled = errors.New("a node key is not to be marshalled")

func (k nodeKey) String() string               { return redactedKey }
func (k nodeKey) GoString() string             { return redactedKey }
func (k nodeKey) Format(f fmt.State, _ rune)   { io.WriteString(f, redactedKey) }
func (k nodeKey) LogValue() slog.Value         { return slog.StringValue(redactedKey) }
func (k nodeKey) MarshalJSON() ([]byte, error) { return nil, errKeyNotMarshalled }
func (k nodeKey) MarshalText() ([]byte, error) { return nil, errKeyNotMarshalled }
