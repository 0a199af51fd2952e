package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"

	circl "github.com/cloudflare/circl/sign/ed25519"

	"github.com/signet-kms/signet/kms/state"
)

// stdHash is written out here, apart from the code under test.
func stdHash(h Hash) crypto.Hash {
	return map[Hash]crypto.Hash{SHA224: crypto.SHA224, SHA256: crypto.SHA256, SHA384: crypto.SHA384, SHA512: crypto.SHA512,
		SHA3_224: crypto.SHA3_224, SHA3_256: crypto.SHA3_256, SHA3_384: crypto.SHA3_384, SHA3_512: crypto.SHA3_512,
		SHA1: crypto.SHA1}[h]
}

func hashed(h Hash, message []byte) []byte {
	w := stdHash(h).New()
	w.Write(message)
	return w.Sum(nil)
}

// inputFor gives the input that o expects for message, and the digest that the
// signature is made over (message itself for ed25519 without prehash).
func inputFor(typ state.KeyType, o Options, message []byte) (input, digest []byte) {
	switch {
	case typ == state.Ed25519 && !o.Prehashed:
		return message, message
	case o.Hash == HashNone:
		d := hashed(SHA256, message)
		return d, d
	case o.Prehashed:
		d := hashed(o.Hash, message)
		return d, d
	}
	return message, hashed(o.Hash, message)
}

// derOf is the ASN.1 form of an ECDSA signature, made by encoding/asn1.
func derOf(t testing.TB, o Options, sig []byte) []byte {
	t.Helper()
	if !o.JWS {
		return sig
	}
	n := len(sig) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// saltOf is the salt length in bytes that o leads to, by RFC 8017.
func saltOf(o Options, k *rsa.PublicKey) int {
	switch o.Salt {
	case SaltAuto:
		return k.Size() - hashes()[o.Hash] - 2
	case SaltHash:
		return hashes()[o.Hash]
	}
	return int(o.Salt)
}

// standard verifies with the standard library alone.
func standard(t testing.TB, public any, o Options, digest, sig []byte) bool {
	t.Helper()
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, digest, derOf(t, o, sig))
	case ed25519.PublicKey:
		if o.Prehashed {
			return ed25519.VerifyWithOptions(k, digest, sig, &ed25519.Options{Hash: crypto.SHA512}) == nil
		}
		return ed25519.Verify(k, digest, sig)
	case *rsa.PublicKey:
		if o.PKCS1v15 {
			return rsa.VerifyPKCS1v15(k, stdHash(o.Hash), digest, sig) == nil
		}
		return rsa.VerifyPSS(k, stdHash(o.Hash), digest, sig, &rsa.PSSOptions{SaltLength: saltOf(o, k)}) == nil
	}
	t.Fatalf("public key of type %T", public)
	return false
}

func TestEveryCombinationVerifiesElsewhereAndOnlyUntampered(t *testing.T) {
	w := shared(t)
	message := []byte("what is signed")
	for _, typ := range signing() {
		v, public := w.version(typ), w.public(t, typ)
		for _, o := range combinations(typ) {
			t.Run(fmt.Sprintf("%s/%+v", typ, o), func(t *testing.T) {
				input, digest := inputFor(typ, o, message)
				sig := signed(t, w.Keyring, v, o, input)
				if !standard(t, public, o, digest, sig) {
					t.Error("the standard library refuses it")
				}
				if !verified(t, w.Keyring, v, o, input, sig) {
					t.Error("Verify refuses it")
				}
				if verified(t, w.Keyring, v, o, flipped(input, 3), sig) {
					t.Error("another input passes")
				}
				for _, i := range []int{0, 1, len(sig) / 2, len(sig) - 1} {
					if verified(t, w.Keyring, v, o, input, flipped(sig, i)) {
						t.Errorf("a signature altered at %d passes", i)
					}
				}
				if typ.ECDSA() && o.JWS && len(sig) != map[state.KeyType]int{state.ECDSAP256: 64, state.ECDSAP384: 96, state.ECDSAP521: 132}[typ] {
					t.Errorf("R || S has %d bytes", len(sig))
				}
			})
		}
	}
}

// OpenSSL 3.0 and go-jose have no Ed25519ph, so circl stands in for them.
func TestEd25519phAgreesWithTwoImplementations(t *testing.T) {
	w := shared(t)
	v := w.version(state.Ed25519)
	k := w.public(t, state.Ed25519).(ed25519.PublicKey)
	message := []byte("what is signed")
	digest := hashed(SHA512, message)
	sig := signed(t, w.Keyring, v, Options{Hash: SHA512, Prehashed: true}, digest)
	if !circl.VerifyPh(circl.PublicKey(k), message, sig, "") {
		t.Error("circl refuses the signature of the message")
	}
	if err := ed25519.VerifyWithOptions(k, digest, sig, &ed25519.Options{Hash: crypto.SHA512}); err != nil {
		t.Error(err)
	}
	if ed25519.Verify(k, digest, sig) || verified(t, w.Keyring, v, Options{}, digest, sig) {
		t.Error("it passes as plain Ed25519 of the digest")
	}
}

func TestOtherOptionsDoNotVerify(t *testing.T) {
	w := shared(t)
	message := []byte("what is signed")
	for _, c := range []struct {
		typ        state.KeyType
		made, read Options
	}{
		{state.ECDSAP256, Options{}, Options{Hash: SHA384}},
		{state.ECDSAP256, Options{}, Options{Hash: SHA3_256}},
		{state.ECDSAP256, Options{}, Options{JWS: true}},
		{state.ECDSAP256, Options{JWS: true}, Options{}},
		{state.RSA2048, Options{}, Options{PKCS1v15: true}},
		{state.RSA2048, Options{PKCS1v15: true}, Options{}},
		{state.RSA2048, Options{}, Options{Salt: SaltHash}},
		{state.RSA2048, Options{Salt: SaltHash}, Options{Salt: 31}},
		{state.RSA2048, Options{PKCS1v15: true}, Options{PKCS1v15: true, Hash: SHA512}},
	} {
		sig := signed(t, w.Keyring, w.version(c.typ), c.made, message)
		if verified(t, w.Keyring, w.version(c.typ), c.read, message, sig) {
			t.Errorf("%s: made with %+v, passes with %+v", c.typ, c.made, c.read)
		}
	}
	// Auto reads every salt length.
	sig := signed(t, w.Keyring, w.version(state.RSA2048), Options{Salt: 20}, message)
	if !verified(t, w.Keyring, w.version(state.RSA2048), Options{}, message, sig) {
		t.Error("salt_length=auto refuses a salt of 20 bytes")
	}
}

func TestOptionsWithoutMeaningForATypeAreIgnored(t *testing.T) {
	w := shared(t)
	message := []byte("what is signed")
	for _, c := range []struct {
		typ         state.KeyType
		said, plain Options
	}{
		{state.ECDSAP384, Options{PKCS1v15: true, Salt: 9999}, Options{}},
		{state.Ed25519, Options{PKCS1v15: true, Salt: 9999, Hash: SHA3_384, JWS: true}, Options{}},
		{state.Ed25519, Options{Hash: SHA1}, Options{}},
		{state.Ed25519, Options{Hash: HashNone}, Options{}},
		{state.RSA2048, Options{JWS: true}, Options{}},
		{state.RSA2048, Options{PKCS1v15: true, Salt: 9999}, Options{PKCS1v15: true}},
	} {
		sig := signed(t, w.Keyring, w.version(c.typ), c.said, message)
		if !verified(t, w.Keyring, w.version(c.typ), c.plain, message, sig) {
			t.Errorf("%s: %+v is not ignored", c.typ, c.said)
		}
	}
}

func TestUnhashedRSASignsDigestInfoOfTheCaller(t *testing.T) {
	w := shared(t)
	digest := sha256.Sum256([]byte("what is signed"))
	info := append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, digest[:]...)
	sig := signed(t, w.Keyring, w.version(state.RSA2048), Options{Hash: HashNone, Prehashed: true, PKCS1v15: true}, info)
	if err := rsa.VerifyPKCS1v15(w.public(t, state.RSA2048).(*rsa.PublicKey), crypto.SHA256, digest[:], sig); err != nil {
		t.Error(err)
	}
}

// Two signatures of one input differ where randomness is hedged in, and are the
// same where the algorithm has none.
func TestECDSAAndPSSAreRandomizedTheOthersAreNot(t *testing.T) {
	w := shared(t)
	for _, c := range []struct {
		typ    state.KeyType
		o      Options
		random bool
	}{
		{state.ECDSAP256, Options{}, true}, {state.ECDSAP384, Options{}, true}, {state.ECDSAP521, Options{}, true},
		{state.RSA2048, Options{}, true}, {state.RSA2048, Options{PKCS1v15: true}, false}, {state.Ed25519, Options{}, false},
	} {
		one := signed(t, w.Keyring, w.version(c.typ), c.o, []byte("input"))
		two := signed(t, w.Keyring, w.version(c.typ), c.o, []byte("input"))
		if (string(one) != string(two)) != c.random {
			t.Errorf("%s %+v: randomized should be %v", c.typ, c.o, c.random)
		}
	}
}
