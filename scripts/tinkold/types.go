package main

import (
	"bytes"
	"errors"

	"github.com/google/tink/go/aead"
	"github.com/google/tink/go/keyset"
	"github.com/google/tink/go/mac"
	tinkpb "github.com/google/tink/go/proto/tink_go_proto"
	"github.com/google/tink/go/signature"
)

// kind is what keys of a type do.
type kind int

const (
	signer kind = iota
	cipher
	authenticator
)

// keyType is a type of key that both libraries have, in the parameters that Signet
// makes it with; the templates differ from them in the prefix alone.
type keyType struct {
	name     string
	kind     kind
	template func() *tinkpb.KeyTemplate
}

func types() []keyType {
	return []keyType{
		{"ecdsa-p256", signer, signature.ECDSAP256KeyTemplate},
		{"ecdsa-p384", signer, signature.ECDSAP384SHA384KeyTemplate},
		{"ecdsa-p521", signer, signature.ECDSAP521KeyTemplate},
		{"ed25519", signer, signature.ED25519KeyTemplate},
		{"aes128-gcm96", cipher, aead.AES128GCMKeyTemplate},
		{"aes256-gcm96", cipher, aead.AES256GCMKeyTemplate},
		{"chacha20-poly1305", cipher, aead.ChaCha20Poly1305KeyTemplate},
		{"xchacha20-poly1305", cipher, aead.XChaCha20Poly1305KeyTemplate},
		{"hmac", authenticator, mac.HMACSHA256Tag256KeyTemplate},
	}
}

var errPlaintext = errors.New("the ciphertext decrypts to something else")

// use makes the output of a sample.
func (t keyType) use(h *keyset.Handle, s *sample) ([]byte, error) {
	switch t.kind {
	case signer:
		p, err := signature.NewSigner(h)
		if err != nil {
			return nil, err
		}
		return p.Sign(s.Input)
	case cipher:
		p, err := aead.New(h)
		if err != nil {
			return nil, err
		}
		return p.Encrypt(s.Input, s.AssociatedData)
	}
	p, err := mac.New(h)
	if err != nil {
		return nil, err
	}
	return p.ComputeMAC(s.Input)
}

// accept checks the output of a sample.
func (t keyType) accept(h *keyset.Handle, s *sample) error {
	switch t.kind {
	case signer:
		public, err := h.Public()
		if err != nil {
			return err
		}
		p, err := signature.NewVerifier(public)
		if err != nil {
			return err
		}
		return p.Verify(s.Output, s.Input)
	case cipher:
		p, err := aead.New(h)
		if err != nil {
			return err
		}
		plaintext, err := p.Decrypt(s.Output, s.AssociatedData)
		if err == nil && !bytes.Equal(plaintext, s.Input) {
			err = errPlaintext
		}
		return err
	}
	p, err := mac.New(h)
	if err != nil {
		return err
	}
	return p.VerifyMAC(s.Output, s.Input)
}
