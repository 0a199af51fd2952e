package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// Generated is a new key version as the state keeps it. Nothing in it is secret.
type Generated struct {
	Public []byte // SPKI, DER; nil for symmetric keys
	Sealed []byte // the private half, as the barrier sealed it
	KID    string // RFC 7638 thumbprint; 16 random bytes in base64url for symmetric keys
}

// Generate spends p on a new key of typ, sealed as version number of name on
// mount: it opens as nothing else. size is the bytes of an hmac key, 0 for
// DefaultKeySize, and 0 for every other type. An RSA key of 4096 bits takes seconds of one
// core; nobody waits meanwhile. The Keyring does not remember it: what the state
// does not take never was. Errors: pass.ErrSpent, pass.ErrWrongUse, ErrVersion,
// ErrKeyType, ErrKeySize, ErrSealed, ErrDamaged.
func (k *Keyring) Generate(p *pass.Pass, mount, name string, number uint32, typ state.KeyType, size int) (*Generated, error) {
	if err := p.Redeem(pass.Generate, mount+"/"+name); err != nil {
		return nil, err
	}
	if err := checkNew(mount, name, number, typ); err != nil {
		return nil, err
	}
	size, err := CheckKeySize(typ, size)
	if err != nil {
		return nil, err
	}
	s := k.session.Load()
	if s == nil {
		return nil, ErrSealed
	}
	g, err := generate(s.b, &state.KeyVersion{Mount: mount, Name: name, Number: number, Type: typ}, size)
	if errors.Is(err, barrier.ErrWiped) {
		return nil, ErrSealed // the node was sealed meanwhile
	}
	return g, err
}

// checkNew refuses what cannot name a new version. Errors: ErrVersion, ErrKeyType.
func checkNew(mount, name string, number uint32, typ state.KeyType) error {
	// A slash in the mount would let two keys have one identity.
	if mount == "" || strings.Contains(mount, "/") || name == "" || number == 0 {
		return ErrVersion
	}
	if !typ.Known() {
		return unknownType(typ)
	}
	return nil
}

// generate makes a version, of which v says what it is and where.
func generate(b *barrier.Barrier, v *state.KeyVersion, size int) (*Generated, error) {
	h, err := newKeyset(v.Type, size)
	if err != nil {
		return nil, fmt.Errorf("making a %s key failed", v.Type)
	}
	return settle(b, v, h)
}

// settle is generate for a keyset that is there. A v that has a KID keeps it. A version
// whose private half would not come back is found here: sealKeyset opens what it sealed.
// A public half is taken from what the sealed bytes open to, before anybody trusts it.
func settle(b *barrier.Barrier, v *state.KeyVersion, h *keyset.Handle) (*Generated, error) {
	var err error
	if v.Sealed, err = sealKeyset(b, v, h); err != nil {
		return nil, err
	}
	if v.Type.Asymmetric() {
		x, err := openSecret(b, v)
		if err != nil {
			return nil, err
		}
		if v.Public, err = x.spki(); err != nil {
			return nil, ErrDamaged
		}
	}
	if v.KID == "" {
		if v.KID, err = kid(v); err != nil {
			return nil, err
		}
	}
	if err := record(b, v, h); err != nil {
		return nil, err
	}
	return &Generated{Public: v.Public, Sealed: v.Sealed, KID: v.KID}, nil
}

// kid names a version. Error: ErrDamaged.
func kid(v *state.KeyVersion) (string, error) {
	public, err := parsePublic(v.Type, v.Public)
	if err != nil {
		return "", err
	}
	if public != nil {
		name, err := jose.Thumbprint(v.Public)
		if err != nil {
			return "", ErrDamaged
		}
		return name, nil
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // does not fail: crypto/rand ends the process instead
	return encode(random[:]), nil
}
