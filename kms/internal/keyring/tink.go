package keyring

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/aead/chacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/aead/xchacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	tinkecdsa "github.com/tink-crypto/tink-go/v2/signature/ecdsa"
	tinked25519 "github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/signature/rsassapss"

	"github.com/signet-kms/signet/kms/state"
)

// parameters are Tink's for a type. None adds a prefix to outputs. The hash and
// padding in them bind nothing here: a transit key may be used with each, and
// the standard library makes the signatures.
func parameters(t state.KeyType) (key.Parameters, error) {
	switch t {
	case state.ECDSAP256:
		return tinkecdsa.NewParameters(tinkecdsa.NistP256, tinkecdsa.SHA256, tinkecdsa.DER, tinkecdsa.VariantNoPrefix)
	case state.ECDSAP384:
		return tinkecdsa.NewParameters(tinkecdsa.NistP384, tinkecdsa.SHA384, tinkecdsa.DER, tinkecdsa.VariantNoPrefix)
	case state.ECDSAP521:
		return tinkecdsa.NewParameters(tinkecdsa.NistP521, tinkecdsa.SHA512, tinkecdsa.DER, tinkecdsa.VariantNoPrefix)
	case state.Ed25519:
		p, err := tinked25519.NewParameters(tinked25519.VariantNoPrefix)
		return &p, err
	case state.RSA2048, state.RSA3072, state.RSA4096:
		return rsassapss.NewParameters(rsassapss.ParametersValues{
			ModulusSizeBits: rsaBits(t),
			SigHashType:     rsassapss.SHA256,
			MGF1HashType:    rsassapss.SHA256,
			PublicExponent:  65537, // FIPS 186-5, section A.1.1: above 2^16
			SaltLengthBytes: 32,
		}, rsassapss.VariantNoPrefix)
	case state.AES128GCM, state.AES256GCM:
		return aesgcm.NewParameters(aesgcm.ParametersOpts{
			KeySizeInBytes: aesBytes(t),
			IVSizeInBytes:  12,
			TagSizeInBytes: 16,
			Variant:        aesgcm.VariantNoPrefix,
		})
	case state.ChaCha20:
		return chacha20poly1305.NewParameters(chacha20poly1305.VariantNoPrefix)
	case state.XChaCha20:
		return xchacha20poly1305.NewParameters(xchacha20poly1305.VariantNoPrefix)
	}
	return nil, ErrKeyType
}

// newKeyset makes a keyset with one fresh key of t as its primary and an HMAC key
// of its own beside it; for an hmac key with that alone, of size bytes. A 4096-bit
// RSA key takes seconds.
func newKeyset(t state.KeyType, size int) (*keyset.Handle, error) {
	m := keyset.NewManager() // not safe for concurrent use, so one a key
	id, err := addFresh(m, t, size)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	if t == state.HMAC {
		return m.Handle()
	}
	return withSideKey(m)
}

// addFresh adds a fresh key of t. A symmetric one is random bytes, and as much work to
// make from parameters as to seal: Tink puts those into a protobuf first, which it then
// parses.
func addFresh(m *keyset.Manager, t state.KeyType, size int) (id uint32, err error) {
	if t == state.HMAC {
		return addFreshMAC(m, size)
	}
	p, err := parameters(t)
	if err != nil {
		return 0, err
	}
	if t.Asymmetric() {
		return m.AddNewKeyFromParameters(p)
	}
	raw, err := secretdata.NewBytesFromRand(uint32(symmetricBytes(t)))
	if err != nil {
		return 0, err
	}
	k, err := symmetricKey(p, raw)
	if err != nil {
		return 0, err
	}
	return m.AddKey(k)
}

// addFreshMAC adds a fresh HMAC key of size bytes.
func addFreshMAC(m *keyset.Manager, size int) (id uint32, err error) {
	raw, err := secretdata.NewBytesFromRand(uint32(size))
	if err != nil {
		return 0, err
	}
	k, err := tinkHMAC(raw)
	if err != nil {
		return 0, err
	}
	return m.AddKey(k)
}

// withSideKey adds the HMAC key that keys of other types have beside them.
func withSideKey(m *keyset.Manager) (*keyset.Handle, error) {
	if _, err := addFreshMAC(m, sideKeySize); err != nil {
		return nil, err
	}
	return m.Handle()
}

// fromTink turns the main key of an opened keyset into what signs or encrypts. It
// must be one that newKeyset makes for t, which is not hmac. Error: ErrDamaged.
func fromTink(t state.KeyType, k key.Key) (*secret, error) {
	want, err := parameters(t)
	if err != nil || !want.Equal(k.Parameters()) {
		return nil, ErrDamaged
	}
	switch k := k.(type) {
	case *tinkecdsa.PrivateKey:
		d := clearBytes(k.PrivateKeyValue())
		defer clear(d)
		ec, err := ecdsa.ParseRawPrivateKey(curve(t), d)
		if err != nil {
			return nil, ErrDamaged
		}
		return &secret{ec: ec}, nil
	case *tinked25519.PrivateKey:
		seed := clearBytes(k.PrivateKeyBytes())
		defer clear(seed)
		ed := [ed25519.PrivateKeySize]byte(ed25519.NewKeyFromSeed(seed))
		return &secret{ed: &ed}, nil
	case *rsassapss.PrivateKey:
		return fromTinkRSA(k)
	}
	return fromTinkCipher(k)
}

func fromTinkRSA(k *rsassapss.PrivateKey) (*secret, error) {
	public, err := k.PublicKey()
	if err != nil {
		return nil, ErrDamaged
	}
	n, ok := public.(*rsassapss.PublicKey)
	if !ok {
		return nil, ErrDamaged
	}
	x := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).SetBytes(n.Modulus()), E: 65537},
		D:         natural(k.D()),
		Primes:    []*big.Int{natural(k.P()), natural(k.Q())},
	}
	x.Precomputed.Dp, x.Precomputed.Dq, x.Precomputed.Qinv = natural(k.DP()), natural(k.DQ()), natural(k.QInv())
	// Precompute proves that the parts belong together; without it each signature
	// would do that again.
	x.Precompute()
	if x.Validate() != nil {
		return nil, ErrDamaged
	}
	return &secret{rsa: x}, nil
}

func natural(b secretdata.Bytes) *big.Int {
	d := clearBytes(b)
	defer clear(d)
	return new(big.Int).SetBytes(d)
}

// clearBytes copies secret bytes out of Tink.
func clearBytes(b secretdata.Bytes) []byte { return b.Data(insecuresecretdataaccess.Token{}) }

// curve is the curve of t; nil for other types.
func curve(t state.KeyType) elliptic.Curve {
	switch t {
	case state.ECDSAP256:
		return elliptic.P256()
	case state.ECDSAP384:
		return elliptic.P384()
	case state.ECDSAP521:
		return elliptic.P521()
	}
	return nil
}
