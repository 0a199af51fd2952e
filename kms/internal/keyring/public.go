package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"

	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// publicKey is a parsed public half. Exactly one field is set.
type publicKey struct {
	ec  *ecdsa.PublicKey
	rsa *rsa.PublicKey
	ed  ed25519.PublicKey
}

// parsePublic reads an SPKI (RFC 5280, section 4.1) of a key of t in the one form
// that x509 gives it; nil for symmetric types, which must have none. Points are
// on their curve. Error: ErrDamaged.
func parsePublic(t state.KeyType, spki []byte) (*publicKey, error) {
	if !t.Asymmetric() {
		if len(spki) != 0 {
			return nil, ErrDamaged
		}
		return nil, nil
	}
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, ErrDamaged
	}
	if again, err := x509.MarshalPKIXPublicKey(parsed); err != nil || !bytes.Equal(again, spki) {
		return nil, ErrDamaged
	}
	switch k := parsed.(type) {
	case *ecdsa.PublicKey:
		if c := curve(t); c != nil && k.Curve == c {
			return &publicKey{ec: k}, nil
		}
	case *rsa.PublicKey:
		if t.RSA() && k.N.BitLen() == rsaBits(t) && k.E == 65537 {
			return &publicKey{rsa: k}, nil
		}
	case ed25519.PublicKey:
		if t == state.Ed25519 && !jose.SmallOrder(k) {
			return &publicKey{ed: k}, nil
		}
	}
	return nil, ErrDamaged
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
