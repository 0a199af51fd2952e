package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// A client.Signer over each type of key, with a real daemon, in the places
// where Go programs have their private keys: it must pass as one.
func TestSignerPassesAsAPrivateKey(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a daemon")
	}
	address, stop, err := startDaemon(t.TempDir(), "--dev", "--dev-root-token", "root", "--listen", "127.0.0.1:0")
	t.Cleanup(stop)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Addresses: []string{address}, Token: client.StaticToken(wire.SecretOf("root"))})
	if err != nil {
		t.Fatal(err)
	}
	for _, keyType := range []string{wire.KeyECDSAP256, wire.KeyECDSAP384, wire.KeyECDSAP521, wire.KeyEd25519, wire.KeyRSA2048} {
		t.Run(keyType, func(t *testing.T) {
			ctx := context.Background()
			transit := c.Transit("")
			if _, err := transit.CreateKey(ctx, keyType, wire.KeyCreateRequest{Type: keyType}); err != nil {
				t.Fatal(err)
			}
			signer, err := transit.Signer(ctx, keyType, client.SignerOptions{})
			if err != nil {
				t.Fatal(err)
			}
			// The key moves on; the signer, whose public key is out, must not.
			if _, err := transit.RotateKey(ctx, keyType); err != nil {
				t.Fatal(err)
			}
			certificate := selfSigned(t, signer)
			handshake(t, certificate, signer)
			signWithOptions(t, signer)
		})
	}
}

func selfSigned(t *testing.T, signer *client.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signet"}, DNSNames: []string{"signet.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.CheckSignatureFrom(certificate); err != nil {
		t.Fatal(err)
	}
	return certificate
}

// handshake serves TLS with the key: the peer verifies a signature made by it.
func handshake(t *testing.T, certificate *x509.Certificate, signer crypto.Signer) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server, peer := net.Pipe()
		served := make(chan error, 1)
		go func() {
			conn := tls.Server(server, &tls.Config{
				Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: signer}},
				MinVersion:   v, MaxVersion: v,
			})
			served <- conn.Handshake()
		}()
		err := tls.Client(peer, &tls.Config{RootCAs: roots, ServerName: "signet.test", MinVersion: v, MaxVersion: v}).Handshake()
		_ = peer.Close()
		if err != nil {
			t.Errorf("TLS %x: %v, server: %v", v, err, <-served)
		}
		_ = server.Close()
	}
}

func signWithOptions(t *testing.T, signer *client.Signer) {
	t.Helper()
	message := []byte("hello")
	short, long := sha256.Sum256(message), sha512.Sum512(message)
	sign := func(digest []byte, opts crypto.SignerOpts) []byte {
		t.Helper()
		signature, err := signer.Sign(rand.Reader, digest, opts)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	switch public := signer.Public().(type) {
	case *ecdsa.PublicKey:
		for _, digest := range [][]byte{short[:], long[:]} {
			if !ecdsa.VerifyASN1(public, digest, sign(digest, nil)) {
				t.Errorf("ecdsa over %d bytes", len(digest))
			}
		}
	case ed25519.PublicKey:
		if !ed25519.Verify(public, nil, sign(nil, crypto.Hash(0))) {
			t.Error("ed25519 of nothing")
		}
		ph := &ed25519.Options{Hash: crypto.SHA512}
		if err := ed25519.VerifyWithOptions(public, long[:], sign(long[:], ph), ph); err != nil {
			t.Error(err)
		}
	case *rsa.PublicKey:
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA512, long[:], sign(long[:], crypto.SHA512)); err != nil {
			t.Error(err)
		}
		for _, salt := range []int{rsa.PSSSaltLengthAuto, rsa.PSSSaltLengthEqualsHash, 20} {
			opts := &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
			if err := rsa.VerifyPSS(public, crypto.SHA256, short[:], sign(short[:], opts), opts); err != nil {
				t.Errorf("salt %d: %v", salt, err)
			}
		}
	}
}
