package raftstore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// What the two sides of a connection between peers agree on before a byte of it is
// read. The server name says which cluster, and which epoch of it: a node that was
// declared dead and comes back is refused by its epoch.
const (
	alpnRaft = "signet-raft/1" // raft's own streams
	alpnPeer = "signet-peer/1" // requests, see Ask
)

func (r *Roster) serverName() string {
	return fmt.Sprintf("e%d.%s.signet", r.Epoch, r.ClusterID)
}

var (
	errNoRoster   = errors.New("this node belongs to no cluster with a cluster port yet")
	errNoPeerCert = errors.New("the peer showed no certificate")
)

// tlsConfig is the side of this node in a connection with peers: TLS 1.3 alone,
// certificates on both sides, nothing resumed.
func (p *port) tlsConfig(wanted string, protocols ...string) (*tls.Config, error) {
	roster, own := p.known()
	if roster == nil || len(roster.CA) == 0 || own == nil {
		return nil, errNoRoster
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{*own},
		ServerName:             roster.serverName(),
		NextProtos:             protocols,
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // VerifyConnection does it: a name in a certificate is a node id here
		SessionTicketsDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if cs.ServerName != roster.serverName() {
				return fmt.Errorf("the peer is of another cluster, or of another epoch of this one: %q", cs.ServerName)
			}
			if len(cs.PeerCertificates) == 0 {
				return errNoPeerCert
			}
			id, err := roster.verify(cs.PeerCertificates[0])
			if err == nil && wanted != "" && id != wanted {
				err = fmt.Errorf("node %s answers at the address of node %s", id, wanted)
			}
			return err
		},
	}, nil
}

// verify says which member a certificate is of. It must be signed by the cluster's
// CA and be for the key that the roster has for that member. Its dates are not
// asked: a wrong clock must not part a cluster, and a member is removed by the
// roster.
func (r *Roster) verify(cert *x509.Certificate) (id string, err error) {
	id = cert.Subject.CommonName
	m := r.Member(id)
	switch {
	case m == nil:
		return "", fmt.Errorf("node %q is not in the roster", id)
	case m.Removed:
		return "", fmt.Errorf("node %s was removed from the cluster", id)
	case !bytes.Equal(cert.RawSubjectPublicKeyInfo, m.TLSKey):
		return "", fmt.Errorf("node %s shows a key that is not the one in the roster", id)
	}
	ca, err := x509.ParseCertificate(r.CA)
	if err != nil {
		return "", err
	}
	if err := cert.CheckSignatureFrom(ca); err != nil {
		return "", fmt.Errorf("node %s: its certificate is not of this cluster's CA: %w", id, err)
	}
	return id, nil
}

// peerOf is the member at the other end of a connection that passed verify.
func peerOf(conn *tls.Conn) string {
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// CheckCertificate says whether a certificate is for this node and of a CA.
func (i Identity) CheckCertificate(der, ca []byte) error {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("the certificate of this node: %w", err)
	}
	m := Member{NodeID: i.NodeID, TLSKey: i.Public, Suffrage: Voter}
	_, err = (&Roster{CA: ca, Members: []Member{m}}).verify(cert)
	return err
}

func stripPort(hostport string) string { return strings.TrimSuffix(hostport, ":443") }
