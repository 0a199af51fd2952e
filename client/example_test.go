package client_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// Sign a file's bytes with the latest version of a key, and ask the server
// whether the signature is good.
func Example() {
	cl, err := client.New(client.FromEnvironment()) // SIGNET_ADDR, SIGNET_TOKEN, …
	if err != nil {
		log.Fatal(err)
	}
	ctx, keys := context.Background(), cl.Transit("")

	input := wire.BytesOf([]byte("hello\n"))
	signed, err := keys.Sign(ctx, "release", wire.SignRequest{Input: input})
	switch {
	case errors.Is(err, client.ErrSealed):
		log.Fatal("somebody has to unseal the server first")
	case err != nil:
		log.Fatal(err)
	}
	valid, err := keys.Verify(ctx, "release", wire.VerifyRequest{Input: input, Signature: signed.Signature})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signed.Signature, valid)
}

// A client of a cluster: calls go to the first node, and to the others while that one
// does not serve. No call sees that a node is stopped, or that the leader is lost.
func ExampleNew_cluster() {
	cl, err := client.New(client.Config{
		Addresses: []string{"https://signet-1.example:8200", "https://signet-2.example:8200", "https://signet-3.example:8200"},
		Token:     client.EnvironmentToken(),
		CACert:    "/etc/signet/ca.pem",
		Timeout:   20 * time.Second, // of a call, with all that it tries
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, keys := context.Background(), cl.Transit("")

	// Under a key of its own choosing a program may ask again after a crash, too.
	rotated, err := keys.RotateKey(client.WithIdempotencyKey(ctx, "release 7"), "release")
	if errors.Is(err, client.ErrOutcomeUnknown) {
		log.Fatal("no node answered in time: run this again")
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rotated.LatestVersion)

	// Another program that hears of the new version sees it, on whatever node.
	index := cl.Index()
	other, err := client.New(client.FromEnvironment()) // SIGNET_ADDR=https://…,https://…,https://…
	if err != nil {
		log.Fatal(err)
	}
	other.AtLeast(index)
}

// A Signer stands where Go code expects a private key. The digest goes to the
// server, the signature comes back, the key stays there.
func ExampleSigner() {
	cl, err := client.New(client.FromEnvironment())
	if err != nil {
		log.Fatal(err)
	}
	signer, err := cl.Transit("").Signer(context.Background(), "release", client.SignerOptions{})
	if err != nil {
		log.Fatal(err)
	}

	digest := sha256.Sum256([]byte("hello\n"))
	signature, err := signer.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		log.Fatal(err)
	}
	public := signer.Public().(*ecdsa.PublicKey)
	fmt.Println(signer.KeyID(), ecdsa.VerifyASN1(public, digest[:], signature))

	// The same value makes a certificate request, or a certificate.
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "release signing"},
	}, signer)
	if err != nil {
		log.Fatal(err)
	}
	if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request}); err != nil {
		log.Fatal(err)
	}
}
