package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	tinkecdsa "github.com/tink-crypto/tink-go/v2/signature/ecdsa"
	tinked25519 "github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/signature/rsassapss"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-kms/signet/kms/state"
)

// refused says why a key is not imported. It names no part of the key.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrImport, fmt.Sprintf(format, args...))
}

// importedKeyset makes of a key in clear the keyset that newKeyset makes for t: the
// key as its primary, and an HMAC key of its own beside it. shortest is of an hmac
// key. It keeps nothing of plain. Error: ErrImport.
func importedKeyset(t state.KeyType, plain []byte, shortest int) (*keyset.Handle, error) {
	var k key.Key
	var err error
	if t.Asymmetric() {
		k, err = importPrivate(t, plain)
	} else {
		k, err = importSymmetric(t, plain, shortest)
	}
	if err != nil {
		return nil, err
	}
	m := keyset.NewManager()
	id, err := m.AddKey(k)
	if err != nil || m.SetPrimary(id) != nil {
		return nil, refused("it is no key of type %s", t)
	}
	if t == state.HMAC {
		return m.Handle()
	}
	return withSideKey(m)
}

// importPrivate reads PKCS #8, of which x509 checks that EC scalars are in range and
// computes public halves anew.
func importPrivate(t state.KeyType, der []byte) (key.Key, error) {
	if !wholePKCS8(der) {
		return nil, refused("it is no PKCS #8 private key in DER, as 'openssl pkcs8 -topk8 -nocrypt -outform DER' writes it, or something follows it")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, refused("it is no PKCS #8 private key of a type that is known, or it is none that works")
	}
	p, err := parameters(t)
	if err != nil {
		return nil, err
	}
	var k key.Key
	switch x := parsed.(type) {
	case *ecdsa.PrivateKey:
		if x.Curve != curve(t) {
			return nil, refused("it is an EC key on %s, and type is %s", x.Params().Name, t)
		}
		d, err := x.Bytes()
		defer clear(d)
		if err != nil {
			return nil, refused("its scalar is out of range")
		}
		k, err = tinkecdsa.NewPrivateKey(secretOf(d), 0, p.(*tinkecdsa.Parameters))
		return k, works(err)
	case ed25519.PrivateKey:
		defer clear(x)
		if t != state.Ed25519 {
			return nil, refused("it is an ed25519 key, and type is %s", t)
		}
		seed := x.Seed()
		defer clear(seed)
		k, err = tinked25519.NewPrivateKey(secretOf(seed), 0, *p.(*tinked25519.Parameters))
		return k, works(err)
	case *rsa.PrivateKey:
		return importRSA(t, x, p)
	}
	return nil, refused("it is a key of another algorithm than %s", t)
}

func importRSA(t state.KeyType, x *rsa.PrivateKey, p key.Parameters) (key.Key, error) {
	switch {
	case !t.RSA():
		return nil, refused("it is an RSA key, and type is %s", t)
	case x.N.BitLen() != rsaBits(t):
		return nil, refused("it is an RSA key of %d bits, and type is %s; no RSA key has fewer than 2048", x.N.BitLen(), t)
	case x.E != 65537:
		return nil, refused("the public exponent of an RSA key is 65537 here")
	case len(x.Primes) != 2:
		return nil, refused("it is an RSA key of %d primes; it has two", len(x.Primes))
	case x.Validate() != nil:
		return nil, refused("the parts of the RSA key do not belong together")
	}
	public, err := rsassapss.NewPublicKey(x.N.Bytes(), 0, p.(*rsassapss.Parameters))
	if err != nil {
		return nil, works(err)
	}
	prime, other, d := x.Primes[0].Bytes(), x.Primes[1].Bytes(), x.D.Bytes()
	defer func() { clear(prime); clear(other); clear(d) }()
	k, err := rsassapss.NewPrivateKey(public, rsassapss.PrivateKeyValues{P: secretOf(prime), Q: secretOf(other), D: secretOf(d)})
	return k, works(err)
}

func importSymmetric(t state.KeyType, raw []byte, shortest int) (key.Key, error) {
	size := symmetricBytes(t)
	switch {
	case t == state.HMAC && (len(raw) < shortest || len(raw) > MaxKeySize):
		return nil, refused("it has %d bytes, and an hmac key here has %d to %d", len(raw), shortest, MaxKeySize)
	case t != state.HMAC && len(raw) != size:
		return nil, refused("it has %d bytes, and a key of type %s has %d", len(raw), t, size)
	case bytes.Count(raw, raw[:1]) == len(raw):
		return nil, refused("all its bytes are the same")
	}
	if t == state.HMAC {
		k, err := tinkHMAC(secretOf(raw))
		return k, works(err)
	}
	p, err := parameters(t)
	if err != nil {
		return nil, err
	}
	k, err := symmetricKey(p, secretOf(raw))
	return k, works(err)
}

// works replaces an error of Tink, which may quote what it is about.
func works(err error) error {
	if err == nil {
		return nil
	}
	return refused("it is no key that works")
}

// wholePKCS8 says whether der is one PrivateKeyInfo whose key is one value, and
// nothing after either: x509 reads past what follows. The optional attributes and
// public key (RFC 5958, section 2) are allowed and not believed.
func wholePKCS8(der []byte) bool {
	var info, algorithm, private cryptobyte.String
	var version int
	var tag asn1.Tag
	in := cryptobyte.String(der)
	if !in.ReadASN1(&info, asn1.SEQUENCE) || !in.Empty() || !info.ReadASN1Integer(&version) ||
		!info.ReadASN1(&algorithm, asn1.SEQUENCE) || !info.ReadASN1(&private, asn1.OCTET_STRING) {
		return false
	}
	for last := -1; !info.Empty(); {
		var more cryptobyte.String
		if !info.ReadAnyASN1(&more, &tag) {
			return false
		}
		number := int(tag &^ (0xc0 | 0x20)) // context-specific 0, then 1
		if tag&0xc0 != 0x80 || number > 1 || number <= last {
			return false
		}
		last = number
	}
	var value cryptobyte.String
	return private.ReadAnyASN1(&value, &tag) && private.Empty()
}

func secretOf(b []byte) secretdata.Bytes {
	return secretdata.NewBytesFromData(b, insecuresecretdataaccess.Token{})
}
