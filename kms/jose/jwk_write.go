package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
)

// PublicJWK writes the public half of a signing key, given as SPKI in DER (RFC
// 5280, section 4.1), with alg, kid and use "sig": its members in the order of
// their names, without a space, so that equal keys are equal bytes on every node.
// Errors: ErrKeyUse when the key is not for alg, ErrUnsupportedKey.
func PublicJWK(spki []byte, alg Alg, kid string) ([]byte, error) {
	if alg.Symmetric() {
		return nil, fmt.Errorf("%w: the key of alg %s is not published", ErrKeyUse, string(alg))
	}
	k, err := describe(spki)
	if err != nil {
		return nil, err
	}
	if err := alg.suits(k.KTY, k.Crv); err != nil {
		return nil, err
	}
	return k.write(string(alg), kid, "sig"), nil
}

// RecipientJWK is PublicJWK for a key that others encrypt to, with use "enc".
// Errors: those of PublicJWK.
func RecipientJWK(spki []byte, alg KeyAlg, kid string) ([]byte, error) {
	k, err := describe(spki)
	if err != nil {
		return nil, err
	}
	if kty := alg.kty(); kty == KtyOct || kty != k.KTY {
		return nil, fmt.Errorf("%w: alg %s is not for a %s key", ErrKeyUse, string(alg), k.KTY)
	}
	return k.write(string(alg), kid, "enc"), nil
}

// Thumbprint is the thumbprint of a public key in SPKI with SHA-256, in base64url
// (RFC 7638, section 3; RFC 8037, section 2). Error: ErrUnsupportedKey.
func Thumbprint(spki []byte) (string, error) {
	k, err := describe(spki)
	if err != nil {
		return "", err
	}
	// Without alg, kid and use what is left is what section 3.2 asks for.
	sum := sha256.Sum256(k.write("", "", ""))
	return b64.EncodeToString(sum[:]), nil
}

// Thumbprint is that of the key, whatever else stands in its JWK.
func (k *JWK) Thumbprint() (string, error) {
	spki, err := k.SPKI()
	if err != nil {
		return "", unsupportedKey("it has no SPKI")
	}
	return Thumbprint(spki)
}

// described is a public key in the words of a JWK.
type described struct {
	KTY, Crv   string
	x, y, n, e string // base64url
}

func describe(spki []byte) (*described, error) {
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, unsupportedKey("its SPKI cannot be read")
	}
	switch k := parsed.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4 || x || y
		if err != nil || namedCurve(k.Params().Name) == nil {
			break
		}
		size := len(point) / 2
		return &described{KTY: KtyEC, Crv: k.Params().Name, x: b64.EncodeToString(point[1 : 1+size]), y: b64.EncodeToString(point[1+size:])}, nil
	case *rsa.PublicKey:
		return &described{KTY: KtyRSA, n: b64.EncodeToString(k.N.Bytes()), e: b64.EncodeToString(big.NewInt(int64(k.E)).Bytes())}, nil
	case ed25519.PublicKey:
		return &described{KTY: KtyOKP, Crv: CrvEd25519, x: b64.EncodeToString(k)}, nil
	}
	return nil, unsupportedKey("its SPKI is of a type that is not used here")
}

func (k *described) write(alg, kid, use string) []byte {
	out := []byte{'{'}
	for _, m := range [...][2]string{{"alg", alg}, {"crv", k.Crv}, {"e", k.e}, {"kid", kid}, {"kty", k.KTY}, {"n", k.n}, {"use", use}, {"x", k.x}, {"y", k.y}} {
		out = appendMember(out, m[0], m[1])
	}
	return append(out, '}')
}
