package jose

import (
	"crypto"
	"fmt"
)

// Alg is a signature algorithm by its JOSE name, exact in case.
type Alg string

// The signature algorithms (RFC 7518, section 3.1; RFC 8037, section 3.1; RFC
// 9864, section 2.2). EdDSA and Ed25519 are two names for the same signatures,
// and a key is bound to one of them.
const (
	ES256   Alg = "ES256"
	ES384   Alg = "ES384"
	ES512   Alg = "ES512"
	RS256   Alg = "RS256"
	RS384   Alg = "RS384"
	RS512   Alg = "RS512"
	PS256   Alg = "PS256"
	PS384   Alg = "PS384"
	PS512   Alg = "PS512"
	EdDSA   Alg = "EdDSA"
	Ed25519 Alg = "Ed25519"
	HS256   Alg = "HS256"
	HS384   Alg = "HS384"
	HS512   Alg = "HS512"
)

// The key types and curves of JWKs (RFC 7518, section 6.1; RFC 8037, section 2).
const (
	KtyEC  = "EC"
	KtyRSA = "RSA"
	KtyOKP = "OKP"
	KtyOct = "oct"

	CrvP256    = "P-256"
	CrvP384    = "P-384"
	CrvP521    = "P-521"
	CrvEd25519 = "Ed25519"
)

// Algs lists the signature algorithms. There is no "none".
func Algs() []Alg {
	return []Alg{ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512, EdDSA, Ed25519, HS256, HS384, HS512}
}

// Known says whether a is one of Algs.
func (a Alg) Known() bool { return a.Kty() != "" }

// Kty is the type of the keys that a is used with; "" for an unknown one.
func (a Alg) Kty() string {
	switch a {
	case ES256, ES384, ES512:
		return KtyEC
	case RS256, RS384, RS512, PS256, PS384, PS512:
		return KtyRSA
	case EdDSA, Ed25519:
		return KtyOKP
	case HS256, HS384, HS512:
		return KtyOct
	}
	return ""
}

// Crv is the curve that a is bound to; "" where there is none.
func (a Alg) Crv() string {
	switch a {
	case ES256:
		return CrvP256
	case ES384:
		return CrvP384
	case ES512:
		return CrvP521
	case EdDSA, Ed25519:
		return CrvEd25519
	}
	return ""
}

// Symmetric says whether the key that verifies could sign too.
func (a Alg) Symmetric() bool { return a.Kty() == KtyOct }

// PSS says whether a is RSASSA-PSS, whose salt is as long as the hash (RFC 7518,
// section 3.5).
func (a Alg) PSS() bool { return a == PS256 || a == PS384 || a == PS512 }

// Hash is what the signing input is hashed with; 0 for Ed25519, which takes it
// whole, and for an unknown one.
func (a Alg) Hash() crypto.Hash {
	switch a {
	case ES256, RS256, PS256, HS256:
		return crypto.SHA256
	case ES384, RS384, PS384, HS384:
		return crypto.SHA384
	case ES512, RS512, PS512, HS512:
		return crypto.SHA512
	}
	return 0
}

// MinKeySize is the least length in bytes of a key of an HMAC algorithm, which is
// that of the hash (RFC 7518, section 3.2); 0 for others.
func (a Alg) MinKeySize() int {
	if !a.Symmetric() {
		return 0
	}
	return a.Hash().Size()
}

// Check refuses a token whose header names another algorithm than a, the one that
// the key found by its kid is bound to (RFC 8725, section 3.1). It comes before
// the key is touched. Error: ErrAlg.
func (a Alg) Check(h *Header) error {
	if !a.Known() || h.Alg != a {
		return ErrAlg
	}
	return nil
}

// suits refuses a key of another type or curve. Error: ErrKeyUse.
func (a Alg) suits(kty, crv string) error {
	if !a.Known() || a.Kty() != kty || a.Crv() != "" && a.Crv() != crv {
		return fmt.Errorf("%w: alg %s is not for a %s key", ErrKeyUse, string(a), kty)
	}
	return nil
}

// knownAlg finds the algorithm without keeping the bytes it came in.
func knownAlg(name []byte) (Alg, bool) {
	for _, a := range [...]Alg{ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512, EdDSA, Ed25519, HS256, HS384, HS512} {
		if string(name) == string(a) {
			return a, true
		}
	}
	return "", false
}
