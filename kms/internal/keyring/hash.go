package keyring

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"fmt"

	"github.com/signet-kms/signet/kms/state"
)

// Hash names a hash algorithm as requests do. The zero value is SHA256.
type Hash string

// The hash algorithms. HashNone says that the input is what gets signed: a
// DigestInfo or any other bytes for RSA, a digest for ECDSA.
const (
	SHA224   Hash = "sha2-224"
	SHA256   Hash = "sha2-256"
	SHA384   Hash = "sha2-384"
	SHA512   Hash = "sha2-512"
	SHA3_224 Hash = "sha3-224"
	SHA3_256 Hash = "sha3-256"
	SHA3_384 Hash = "sha3-384"
	SHA3_512 Hash = "sha3-512"
	HashNone Hash = "none"
	SHA1     Hash = "sha1" // verifies signatures of old; makes none
)

// ParseHash reads a hash algorithm from a request; "" is SHA256. Error: ErrHash.
func ParseHash(s string) (Hash, error) {
	h := Hash(s).orDefault()
	if !h.known() {
		return "", fmt.Errorf("%w %s", ErrHash, state.Quote(s))
	}
	return h, nil
}

func (h Hash) orDefault() Hash {
	if h == "" {
		return SHA256
	}
	return h
}

func (h Hash) known() bool { return h == HashNone || h.std() != 0 }

// std is the hash for the standard library; 0 for HashNone and unknown names,
// which crypto/rsa takes as "the input is not hashed".
func (h Hash) std() crypto.Hash {
	switch h.orDefault() {
	case SHA224:
		return crypto.SHA224
	case SHA256:
		return crypto.SHA256
	case SHA384:
		return crypto.SHA384
	case SHA512:
		return crypto.SHA512
	case SHA3_224:
		return crypto.SHA3_224
	case SHA3_256:
		return crypto.SHA3_256
	case SHA3_384:
		return crypto.SHA3_384
	case SHA3_512:
		return crypto.SHA3_512
	case SHA1:
		return crypto.SHA1
	}
	return 0
}

// CheckSum refuses a hash that Sum does not make. Error: ErrHash.
func (h Hash) CheckSum() error {
	if h.std() == 0 || h == SHA1 {
		return fmt.Errorf("%w %s; use sha2-256 or stronger", ErrHash, state.Quote(string(h)))
	}
	return nil
}

// Sum hashes input, which needs no key and no pass. It takes what CheckSum or
// Options.Check has let through, and panics otherwise.
func (h Hash) Sum(input []byte) []byte {
	switch h.orDefault() {
	case SHA224:
		d := sha256.Sum224(input)
		return d[:]
	case SHA256:
		d := sha256.Sum256(input)
		return d[:]
	case SHA384:
		d := sha512.Sum384(input)
		return d[:]
	case SHA512:
		d := sha512.Sum512(input)
		return d[:]
	case SHA3_224:
		d := sha3.Sum224(input)
		return d[:]
	case SHA3_256:
		d := sha3.Sum256(input)
		return d[:]
	case SHA3_384:
		d := sha3.Sum384(input)
		return d[:]
	case SHA3_512:
		d := sha3.Sum512(input)
		return d[:]
	case SHA1:
		d := sha1.Sum(input)
		return d[:]
	}
	panic("keyring: hashing with " + string(h))
}
