package kms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

// The cluster's CA signs the certificates that members show each other on the
// cluster port, and nothing else. Its key is part of the sealed state; this file is
// the only one that has it in clear, for the time of one signature.

// forever is the end of certificates that have none (RFC 5280, section 4.1.2.5): a
// member is removed by the roster, and a date would part a cluster one day.
var forever = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// always is their beginning: clocks that are behind must not refuse them.
var always = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// newCA makes the CA of a cluster: its certificate and its key, as PKCS #8.
func newCA(clusterID string) (cert []byte, key state.Secret, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"Signet"}, CommonName: "cluster " + clusterID},
		NotBefore: always, NotAfter: forever, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if cert, err = x509.CreateCertificate(rand.Reader, tmpl, tmpl, &private.PublicKey, private); err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalPKCS8PrivateKey(private)
	return cert, key, err
}

// signMember signs the certificate of a member's key, which spki is (DER of a
// SubjectPublicKeyInfo).
func signMember(caCert []byte, caKey state.Secret, nodeID string, spki []byte) ([]byte, error) {
	parent, err := x509.ParseCertificate(caCert)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(caKey)
	if err != nil {
		return nil, errors.New("the key of the cluster's CA does not parse")
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key of the cluster's CA cannot sign")
	}
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("the node's key: %w", err)
	}
	serial := new(big.Int).SetBytes(randomBytes(16))
	return x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: nodeID}, NotBefore: always, NotAfter: forever,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, parent, public, signer)
}

// readRequest checks a certificate request (RFC 2986): that whoever made it has the
// key, and that the key is of the kind that nodes have. It returns the key's SPKI.
func readRequest(csr []byte, nodeID string) ([]byte, error) {
	r, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, errors.New("the certificate request does not parse")
	}
	if err := r.CheckSignature(); err != nil {
		return nil, errors.New("the certificate request does not prove its key")
	}
	key, ok := r.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() || r.Subject.CommonName != nodeID {
		return nil, errors.New("the certificate request is not one of a node: a P-256 key and the node's id")
	}
	return r.RawSubjectPublicKeyInfo, nil
}

// spkiHash is what a join token pins of the CA.
func spkiHash(cert []byte) ([32]byte, error) {
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(parsed.RawSubjectPublicKeyInfo), nil
}
