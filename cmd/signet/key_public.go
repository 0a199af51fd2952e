package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"

	"github.com/signet-kms/signet/client"
)

// publicKey is the result of `signet key read --public`.
type publicKey struct {
	Version   int    `json:"version"`
	KID       string `json:"kid"`
	PublicKey string `json:"public_key"` // SPKI PEM for every type
}

func (c *cli) emitPublic(ctx context.Context, t client.Transit, name string, version int) error {
	signer, err := t.Signer(ctx, name, client.SignerOptions{Version: version})
	if err != nil {
		return err
	}
	pem, err := spkiPEM(signer.Public())
	if err != nil {
		return fmt.Errorf("encode the public key of version %d: %w", signer.Version(), err)
	}
	return c.emit(publicKey{signer.Version(), signer.KeyID(), pem}, func(w io.Writer) error {
		_, err := io.WriteString(w, pem)
		return err
	})
}

// spkiPEM encodes a public key as openssl reads it, ed25519 too.
func spkiPEM(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}
