package keyring

import (
	"fmt"
	"strconv"

	"github.com/signet-kms/signet/kms/state"
)

// Salt is the length of an RSASSA-PSS salt in bytes (RFC 8017, section 9.1), or
// one of the constants. It has the values of crypto/rsa, so that 0 and -1 mean
// in a request what they mean there.
type Salt int

const (
	// SaltAuto is the longest that fits when signing, any when verifying.
	SaltAuto Salt = 0
	// SaltHash is as long as the hash, what JOSE demands (RFC 7518, section 3.5).
	SaltHash Salt = -1
)

// ParseSalt reads a salt length from a request: "auto" or "", "hash", or a
// number of bytes. Whether it fits key and hash says Check. Error: ErrSalt.
func ParseSalt(s string) (Salt, error) {
	switch s {
	case "", "auto":
		return SaltAuto, nil
	case "hash":
		return SaltHash, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < int(SaltHash) {
		return 0, fmt.Errorf("%w %s: use auto, hash or a number of bytes", ErrSalt, state.Quote(s))
	}
	return Salt(n), nil
}

// Options say how to make or check a signature. The zero value is SHA-256 over
// the input, PSS with the longest salt for RSA, ASN.1 for ECDSA. What does not
// concern a key type is ignored there: padding and salt without RSA, JWS without
// ECDSA, and for ed25519 everything but Prehashed and then Hash.
type Options struct {
	Hash      Hash
	Prehashed bool // the input is the digest
	PKCS1v15  bool // RSASSA-PKCS1-v1_5 in place of PSS
	Salt      Salt
	JWS       bool // R || S of fixed width (RFC 7518, section 3.4) in place of ASN.1
}

// Check refuses options that no input could be verified with under a key of t.
// Errors: ErrKeyType, ErrUnsupported, ErrHash, ErrHashNone, ErrPrehashedEd25519,
// ErrSalt.
func (o Options) Check(t state.KeyType) error {
	switch {
	case !t.Known():
		return unknownType(t)
	case !t.Signs():
		return unsupported(t, "signing")
	case t == state.Ed25519:
		if o.Prehashed && o.Hash.orDefault() != SHA512 {
			return ErrPrehashedEd25519
		}
		return nil
	case !o.Hash.known():
		return fmt.Errorf("%w %s", ErrHash, state.Quote(string(o.Hash)))
	case o.Hash == HashNone && (!o.Prehashed || t.RSA() && !o.PKCS1v15):
		return ErrHashNone
	case t.RSA() && !o.PKCS1v15:
		return o.checkSalt(t)
	}
	return nil
}

// CheckSign refuses in addition what verifies but is not signed with any more.
// Errors: those of Check, ErrSHA1.
func (o Options) CheckSign(t state.KeyType) error {
	if err := o.Check(t); err != nil {
		return err
	}
	if o.Hash == SHA1 && t != state.Ed25519 {
		return ErrSHA1
	}
	return nil
}

// checkSalt holds the salt to what fits beside the hash (RFC 8017, section
// 9.1.1, step 3). The moduli have whole bytes, so the encoded message is as long
// as the modulus.
func (o Options) checkSalt(t state.KeyType) error {
	longest := rsaBits(t)/8 - o.Hash.std().Size() - 2
	if o.Salt < SaltHash || int(o.Salt) > longest {
		return fmt.Errorf("%w %d: %s with %s takes auto, hash or 1 to %d", ErrSalt, int(o.Salt), t, o.Hash.orDefault(), longest)
	}
	return nil
}

// digest turns the input into what the primitive takes. The options have passed
// Check. Error: ErrDigestLength.
func (o Options) digest(t state.KeyType, input []byte) ([]byte, error) {
	switch {
	case t == state.Ed25519 && !o.Prehashed:
		return input, nil
	case !o.Prehashed:
		return o.Hash.Sum(input), nil
	case o.Hash != HashNone:
		if want := o.Hash.std().Size(); len(input) != want {
			return nil, fmt.Errorf("%w: %d bytes, %s has %d", ErrDigestLength, len(input), o.Hash.orDefault(), want)
		}
		return input, nil
	case t.RSA():
		// Two bytes of header, eight of padding at least, a zero (RFC 8017,
		// section 9.2). An empty input would sign nothing at all.
		if longest := rsaBits(t)/8 - 11; len(input) < 1 || len(input) > longest {
			return nil, fmt.Errorf("%w: %d bytes, %s signs 1 to %d unhashed", ErrDigestLength, len(input), t, longest)
		}
		return input, nil
	}
	// ECDSA takes the leftmost bits and drops the rest without a word: a message
	// given for a digest would share its signature with every longer one.
	switch len(input) {
	case 28, 32, 48, 64:
		return input, nil
	}
	return nil, fmt.Errorf("%w: %d bytes, a digest for %s has 28, 32, 48 or 64", ErrDigestLength, len(input), t)
}

func unknownType(t state.KeyType) error { return fmt.Errorf("%w %s", ErrKeyType, t) }

func unsupported(t state.KeyType, what string) error {
	return fmt.Errorf("key type %s %w %s", t, ErrUnsupported, what)
}

// rsaBits is the length of the modulus; 0 for other types.
func rsaBits(t state.KeyType) int {
	switch t {
	case state.RSA2048:
		return 2048
	case state.RSA3072:
		return 3072
	case state.RSA4096:
		return 4096
	}
	return 0
}
