package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
)

// The lengths of RSA keys that others may bring, in bits. crypto/rsa does not
// verify with longer ones, whose price grows with the cube.
const (
	minRSA = 2048
	maxRSA = 8192
)

// public makes the key. Errors: ErrJWK, ErrUnsupportedKey, ErrPrivateMember.
func (m *members) public() (*JWK, error) {
	if m.private || m.KTY == KtyOct {
		return nil, ErrPrivateMember
	}
	if err := m.consistent(); err != nil {
		return nil, err
	}
	key, err := m.key()
	if err != nil {
		return nil, err
	}
	return &JWK{Params: m.Params, key: key}, nil
}

func (m *members) key() (any, error) {
	switch m.KTY {
	case KtyEC:
		return m.ec()
	case KtyRSA:
		return m.rsa()
	}
	return m.okp()
}

// ec reads a point: both coordinates as long as the field (RFC 7518, section
// 6.2.1.2), on the curve, and not at infinity.
func (m *members) ec() (any, error) {
	curve := namedCurve(m.Crv)
	if curve == nil {
		return nil, unsupportedKey("its crv is none that is used here")
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(m.x) != size || len(m.y) != size {
		return nil, badJWK("x and y have not the full length of the curve")
	}
	point := append(append([]byte{4}, m.x...), m.y...)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, badJWK("its point is not on its curve")
	}
	return key, nil
}

func namedCurve(crv string) elliptic.Curve {
	switch crv {
	case CrvP256:
		return elliptic.P256()
	case CrvP384:
		return elliptic.P384()
	case CrvP521:
		return elliptic.P521()
	}
	return nil
}

func (m *members) rsa() (any, error) {
	if len(m.n) == 0 || m.n[0] == 0 {
		return nil, badJWK("n is missing or begins with a zero byte")
	}
	n, e := new(big.Int).SetBytes(m.n), new(big.Int).SetBytes(m.e)
	switch bits := n.BitLen(); {
	case bits < minRSA || bits > maxRSA || n.Bit(0) == 0:
		return nil, badJWK("n is not an odd number of 2048 to 8192 bits")
	case len(m.e) == 0 || len(m.e) > 4 || m.e[0] == 0 || e.Bit(0) == 0 || e.BitLen() < 17 || e.BitLen() > 31:
		return nil, badJWK("e is not an odd number from 65537 to 2147483647")
	case roca(n):
		return nil, badJWK("n comes from a generator whose keys can be factored (CVE-2017-15361): replace the key")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// roca says whether n bears the fingerprint of the generator of CVE-2017-15361:
// its primes were k*M + (65537^a mod M) with M the product of the first primes, so
// that modulo each of those n is a power of 65537. Of other moduli about one in
// 2^27 is.
func roca(n *big.Int) bool {
	rest := new(big.Int)
	for _, p := range [...]int64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
		89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167} {
		want, power := rest.Mod(n, big.NewInt(p)).Int64(), int64(1)
		for power != want {
			if power = power * 65537 % p; power == 1 {
				return false // every power was tried
			}
		}
	}
	return true
}

func (m *members) okp() (any, error) {
	switch {
	case m.Crv != CrvEd25519:
		return nil, unsupportedKey("its crv is none that is used here")
	case len(m.x) != ed25519.PublicKeySize:
		return nil, badJWK("x has not 32 bytes")
	case SmallOrder(m.x):
		return nil, badJWK("x is a point under which signatures can be made up")
	}
	return ed25519.PublicKey(m.x), nil
}

// SPKI is the key in DER (RFC 5280, section 4.1).
func (k *JWK) SPKI() ([]byte, error) { return x509.MarshalPKIXPublicKey(k.key) }
