package keyring

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"

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
		if t == state.Ed25519 && !smallOrder(k) {
			return &publicKey{ed: k}, nil
		}
	}
	return nil, ErrDamaged
}

// smallOrder says whether k is one of the eight points whose order divides 8, in
// any encoding. Under such a key signatures can be made up. The map to
// Curve25519, u = (1+y)/(1-y) (RFC 7748, section 4.1), keeps orders, and
// crypto/ecdh refuses a u from which the cofactor leaves zero.
func smallOrder(k ed25519.PublicKey) bool {
	le := bytes.Clone(k)
	le[31] &= 0x7f // the sign of x
	slices.Reverse(le)
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	y := new(big.Int).SetBytes(le)
	down := new(big.Int).Mod(new(big.Int).Sub(one, y), p)
	if down.Sign() == 0 {
		return true // y = 1, the neutral point
	}
	up := new(big.Int).Add(one, y)
	u := up.Mul(up, down.ModInverse(down, p)).Mod(up, p).FillBytes(make([]byte, 32))
	slices.Reverse(u)
	scalar, err1 := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{1}, 32)) // any does
	point, err2 := ecdh.X25519().NewPublicKey(u)
	if err1 != nil || err2 != nil {
		return true // cannot be: both have 32 bytes
	}
	_, err := scalar.ECDH(point)
	return err != nil
}

// thumbprint is the RFC 7638 thumbprint with SHA-256 in unpadded base64url: over
// the required members in order of their names, without a space (section 3; for
// Ed25519 RFC 8037, section 2).
func (k *publicKey) thumbprint() string {
	var jwk string
	switch {
	case k.ec != nil:
		point, err := k.ec.Bytes() // 4 || x || y
		if err != nil {
			panic("keyring: " + err.Error()) // parsePublic has put it on its curve
		}
		size := len(point) / 2
		jwk = `{"crv":"` + k.ec.Params().Name + `","kty":"EC","x":"` + encode(point[1:1+size]) + `","y":"` + encode(point[1+size:]) + `"}`
	case k.rsa != nil:
		jwk = `{"e":"` + encode(big.NewInt(int64(k.rsa.E)).Bytes()) + `","kty":"RSA","n":"` + encode(k.rsa.N.Bytes()) + `"}`
	case k.ed != nil:
		jwk = `{"crv":"Ed25519","kty":"OKP","x":"` + encode(k.ed) + `"}`
	}
	sum := sha256.Sum256([]byte(jwk))
	return encode(sum[:])
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
