package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"

	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// secret is one clear private half, ready for use. Of the main keys one is set, or
// none for an hmac key; each stands behind a pointer, see redacted.
type secret struct {
	_ [0]func()
	redacted
	sealed []byte // what it was opened from; never written to

	ec   *ecdsa.PrivateKey
	rsa  *rsa.PrivateKey
	ed   *[ed25519.PrivateKeySize]byte
	aead tink.AEAD // nonce || ciphertext || tag, no prefix

	// mac is the HMAC key; nil for a version made before there was one.
	mac *macKey
}

// openedFrom says whether x is what the sealed half of v holds. A version whose
// sealed half was erased or replaced is not what was cached. x may be nil.
func (x *secret) openedFrom(v *state.KeyVersion) bool {
	return x != nil && bytes.Equal(x.sealed, v.Sealed)
}

// openSecret opens the sealed half of v and holds it to the type of v.
// Errors: ErrDamaged, those of the barrier.
func openSecret(b *barrier.Barrier, v *state.KeyVersion) (*secret, error) {
	main, side, err := openKeyset(b, v)
	if err != nil {
		return nil, err
	}
	x, err := fromKeyset(v.Type, main, side)
	if err != nil {
		return nil, err
	}
	x.sealed = v.Sealed
	return x, nil
}

// fromKeyset holds both keys to what newKeyset makes for t; side may be nil.
// Error: ErrDamaged.
func fromKeyset(t state.KeyType, main, side key.Key) (*secret, error) {
	if t == state.HMAC {
		if side != nil {
			return nil, ErrDamaged
		}
		mac, err := fromTinkMAC(main, MinKeySize, MaxKeySize)
		return &secret{mac: mac}, err
	}
	x, err := fromTink(t, main)
	if err != nil || side == nil {
		return x, err
	}
	x.mac, err = fromTinkMAC(side, sideKeySize, sideKeySize)
	return x, err
}

// belongsTo holds x to the public half of e: a signature that the published key
// does not verify must not be made. Error: ErrDamaged.
func (x *secret) belongsTo(e *entry) error {
	spki, err := x.spki()
	if err != nil || !bytes.Equal(spki, e.spki) {
		return ErrDamaged
	}
	return nil
}

// spki is the public half as DER; nil for symmetric keys.
func (x *secret) spki() ([]byte, error) {
	switch {
	case x.ec != nil:
		return x509.MarshalPKIXPublicKey(&x.ec.PublicKey)
	case x.rsa != nil:
		return x509.MarshalPKIXPublicKey(&x.rsa.PublicKey)
	case x.ed != nil:
		return x509.MarshalPKIXPublicKey(ed25519.PrivateKey(x.ed[:]).Public())
	}
	return nil, nil
}
