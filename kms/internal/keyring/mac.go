package keyring

import (
	"crypto/hmac"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/key"
	tinkhmac "github.com/tink-crypto/tink-go/v2/mac/hmac"
	"github.com/tink-crypto/tink-go/v2/secretdata"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
)

// The length of an hmac key in bytes: at least what SHA-256 puts out (RFC 2104,
// section 3), and DefaultKeySize unless asked for another.
const (
	MinKeySize     = 32
	MaxKeySize     = 512
	DefaultKeySize = 32
)

// sideKeySize is the length of the HMAC key that keys of other types have.
const sideKeySize = 32

// CheckKeySize returns the size in bytes that a key of t is made with when size
// is asked for; 0 asks for nothing and is the answer for types without a choice.
// Error: ErrKeySize.
func CheckKeySize(t state.KeyType, size int) (int, error) {
	switch {
	case size == 0 && t == state.HMAC:
		return DefaultKeySize, nil
	case size != 0 && (t != state.HMAC || size < MinKeySize || size > MaxKeySize):
		return 0, ErrKeySize
	}
	return size, nil
}

// macParameters are Tink's for an HMAC key. As with signatures, the hash in them
// binds nothing: a request names it.
func macParameters(size int) (key.Parameters, error) {
	return tinkhmac.NewParameters(tinkhmac.ParametersOpts{
		KeySizeInBytes: size, TagSizeInBytes: 32, HashType: tinkhmac.SHA256, Variant: tinkhmac.VariantNoPrefix,
	})
}

// tinkHMAC is Tink's form of an HMAC key.
func tinkHMAC(raw secretdata.Bytes) (key.Key, error) {
	p, err := macParameters(raw.Len())
	if err != nil {
		return nil, err
	}
	return tinkhmac.NewKey(raw, p.(*tinkhmac.Parameters), 0)
}

// macKey is a clear HMAC key.
type macKey struct {
	_ [0]func()
	redacted
	bytes []byte
}

// fromTinkMAC takes an HMAC key of shortest to longest bytes as newKeyset makes
// it. Error: ErrDamaged.
func fromTinkMAC(k key.Key, shortest, longest int) (*macKey, error) {
	mac, ok := k.(*tinkhmac.Key)
	if !ok {
		return nil, ErrDamaged
	}
	b := clearBytes(mac.KeyBytes())
	want, err := macParameters(len(b))
	if err != nil || len(b) < shortest || len(b) > longest || !want.Equal(mac.Parameters()) {
		clear(b)
		return nil, ErrDamaged
	}
	return &macKey{bytes: b}, nil
}

// CheckMAC refuses a hash that makes no HMAC. Errors: ErrHash, ErrSHA1.
func (h Hash) CheckMAC() error {
	if err := h.CheckVerifyMAC(); err != nil {
		return err
	}
	if h == SHA1 {
		return ErrSHA1
	}
	return nil
}

// CheckVerifyMAC refuses a hash that no HMAC can be checked with. Error: ErrHash.
func (h Hash) CheckVerifyMAC() error {
	if h.std() == 0 {
		return fmt.Errorf("%w %s for an hmac", ErrHash, state.Quote(string(h)))
	}
	return nil
}

// HMAC returns the HMAC (RFC 2104) of input under the HMAC key of v, which every
// type has: as long as the output of h. Errors: ErrClosed, pass.ErrWrongUse,
// ErrSealed, ErrKeyType, ErrNoHMACKey, those of Hash.CheckMAC, ErrDamaged.
func (u *Use) HMAC(v *state.KeyVersion, h Hash, input []byte) ([]byte, error) {
	k, err := u.macKey(pass.HMAC, v, h.CheckMAC())
	if err != nil {
		return nil, err
	}
	return k.sum(h, input), nil
}

// VerifyHMAC says whether mac is the HMAC of input under v, whole, in constant
// time. SHA-1 still verifies. Errors: those of HMAC but ErrSHA1.
func (u *Use) VerifyHMAC(v *state.KeyVersion, h Hash, input, mac []byte) (bool, error) {
	k, err := u.macKey(pass.VerifyHMAC, v, h.CheckVerifyMAC())
	if err != nil {
		return false, err
	}
	return hmac.Equal(k.sum(h, input), mac), nil
}

// macKey opens the HMAC key of v, unless something is wrong already.
func (u *Use) macKey(action pass.Action, v *state.KeyVersion, wrong error) (*macKey, error) {
	s, err := u.admit(action, v)
	if err != nil {
		return nil, err
	}
	if !v.Type.Known() {
		return nil, unknownType(v.Type)
	}
	if wrong != nil {
		return nil, wrong
	}
	x, err := u.secret(s, v)
	if err != nil {
		return nil, err
	}
	if x.mac == nil {
		return nil, ErrNoHMACKey
	}
	return x.mac, nil
}

func (k *macKey) sum(h Hash, input []byte) []byte {
	m := hmac.New(h.std().New, k.bytes)
	m.Write(input)
	return m.Sum(nil)
}
