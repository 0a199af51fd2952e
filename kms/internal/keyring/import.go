package keyring

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"

	"github.com/tink-crypto/tink-go/v2/kwp/subtle"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// Imported is a key that was made elsewhere, wrapped for a wrapping key: an AES-256
// key that was made for it in RSA-OAEP (RFC 8017, section 7.1), and after it the key
// under that in AES-KWP (RFC 5649). The key is PKCS #8 in DER (RFC 5958), or the bytes
// themselves for symmetric types.
type Imported struct {
	Wrapping   *state.KeyVersion // the wrapping key
	Ciphertext []byte
	Hash       string // of OAEP: SHA1, SHA224, SHA256 or "", SHA384, SHA512
	MinSize    int    // bytes of an hmac key at least; 0 for MinKeySize
	KID        string // "" for what Generate gives
}

// MaxImported is how long a ciphertext can be that unwraps: that of the longest
// key that is under 4 KiB. An RSA key of 4096 bits has 2.4.
const MaxImported = 512 + 4096 + 8

// WrapHashes lists the names of the hashes that OAEP is used with.
func WrapHashes() []string { return []string{"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"} }

// wrapHash is a hash by its name there; 0 if it has none.
func wrapHash(name string) crypto.Hash {
	switch name {
	case "", "SHA256":
		return crypto.SHA256
	case "SHA1":
		return crypto.SHA1 // of OAEP, which asks no collision resistance of its hash
	case "SHA224":
		return crypto.SHA224
	case "SHA384":
		return crypto.SHA384
	case "SHA512":
		return crypto.SHA512
	}
	return 0
}

// CheckWrapHash refuses a hash that nothing is wrapped with. Error: ErrHash.
func CheckWrapHash(name string) error {
	if wrapHash(name) == 0 {
		return ErrHash
	}
	return nil
}

// Import spends p on a key version of typ that was made elsewhere, sealed as version
// number of name on mount. Its public half is computed here. size is the bytes of an
// hmac key, 0 for other types. The Keyring does not remember it. Errors:
// pass.ErrSpent, pass.ErrWrongUse, ErrVersion, ErrKeyType, ErrHash, ErrSealed, ErrDamaged
// for the wrapping key, ErrUnwrap, ErrImport.
func (k *Keyring) Import(p *pass.Pass, mount, name string, number uint32, typ state.KeyType, i *Imported) (g *Generated, size int, err error) {
	if err := p.Redeem(pass.Import, mount+"/"+name); err != nil {
		return nil, 0, err
	}
	if err := checkNew(mount, name, number, typ); err != nil {
		return nil, 0, err
	}
	if err := CheckWrapHash(i.Hash); err != nil {
		return nil, 0, err
	}
	s := k.session.Load()
	if s == nil {
		return nil, 0, ErrSealed
	}
	g, size, err = s.adoptImported(&state.KeyVersion{Mount: mount, Name: name, Number: number, Type: typ, KID: i.KID}, i)
	if errors.Is(err, barrier.ErrWiped) {
		return nil, 0, ErrSealed // the node was sealed meanwhile
	}
	return g, size, err
}

func (s *session) adoptImported(v *state.KeyVersion, i *Imported) (*Generated, int, error) {
	x, err := s.secret(i.Wrapping)
	if err != nil {
		return nil, 0, err
	}
	if x.rsa == nil {
		return nil, 0, ErrDamaged
	}
	plain, err := unwrap(x.rsa, wrapHash(i.Hash), i.Ciphertext)
	if err != nil {
		return nil, 0, err
	}
	defer clear(plain)
	h, err := importedKeyset(v.Type, plain, max(i.MinSize, MinKeySize))
	if err != nil {
		return nil, 0, err
	}
	g, err := settle(s.b, v, h)
	if err != nil || v.Type != state.HMAC {
		return g, 0, err
	}
	return g, len(plain), nil
}

// unwrap undoes the wrapping. An AES key that does not come out is replaced by a
// random one, so that the failure is the same, in the same place and after the same
// work, as one of AES-KWP. The caller erases what it gets. Error: ErrUnwrap.
func unwrap(key *rsa.PrivateKey, hash crypto.Hash, ciphertext []byte) ([]byte, error) {
	size := key.Size()
	if len(ciphertext) < size || len(ciphertext) > MaxImported {
		return nil, ErrUnwrap
	}
	spare := make([]byte, 32)
	_, _ = rand.Read(spare) // does not fail: crypto/rand ends the process instead
	kek, err := rsa.DecryptOAEP(hash.New(), nil, key, ciphertext[:size], nil)
	defer func() { clear(kek); clear(spare) }()
	use := kek
	if err != nil || len(kek) != 32 {
		use = spare
	}
	cipher, err := subtle.NewKWP(use)
	if err != nil {
		return nil, ErrUnwrap
	}
	plain, err := cipher.Unwrap(ciphertext[size:])
	if err != nil || len(kek) != 32 {
		clear(plain)
		return nil, ErrUnwrap
	}
	return plain, nil
}
