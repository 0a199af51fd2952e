package keyring

import (
	"errors"
	"fmt"
)

// Mistakes of the caller. Their texts are meant for him; where a value belongs
// to the text, the error that wraps the sentinel carries it.
var (
	// ErrKeyType: the key type has no name this build knows.
	ErrKeyType = errors.New("unknown key type")
	// ErrUnsupported: keys of this type cannot do what was asked.
	ErrUnsupported = errors.New("does not support")
	// ErrHash: the hash algorithm has no name this build knows.
	ErrHash = errors.New("invalid hash algorithm")
	// ErrSHA1: SHA-1 makes no new signatures (SP 800-131A revision 2, section 3),
	// and no new HMACs here: one rule is easier to keep than two.
	ErrSHA1 = errors.New("hash_algorithm=sha1 makes no new signatures or hmacs; use sha2-256 or stronger")
	// ErrHashNone: the input is to be taken as a digest without saying so.
	ErrHashNone = errors.New("hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15")
	// ErrPrehashedEd25519: Ed25519ph exists for SHA-512 alone (RFC 8032, section 5.1).
	ErrPrehashedEd25519 = errors.New("prehashed=true with an ed25519 key requires hash_algorithm=sha2-512")
	// ErrSalt: the salt length is no length, or does not fit key and hash.
	ErrSalt = errors.New("invalid salt_length")
	// ErrDigestLength: a prehashed input is not as long as the hash's output.
	ErrDigestLength = errors.New("prehashed input has the wrong length")
	// ErrCiphertext: the bytes do not decrypt under this key version and
	// associated data. Which of them is wrong cannot be told.
	ErrCiphertext = errors.New("invalid ciphertext: it was altered, or it belongs to another key version or other associated data")
)

// About JOSE.
var (
	// ErrAlg: the algorithm is unknown, or not one of this type of key.
	ErrAlg = errors.New("this alg is not one of keys of this type")
	// ErrShortKey: an HMAC key shorter than the hash's output makes no JWS (RFC
	// 7518, section 3.2).
	ErrShortKey = errors.New("the hmac key is shorter than the hash of this alg: use an hmac key of 64 bytes, which is enough for each")
	// ErrJWE: the JWE does not decrypt with this key. What is wrong is never told,
	// since whoever may ask again would learn from it (RFC 7516, section 11.5).
	ErrJWE = errors.New("the encrypted token does not decrypt with this key")
	// ErrRecipient: a JWE cannot be made for this key.
	ErrRecipient = errors.New("cannot encrypt to this key by these algorithms")
)

// About keys rather than requests.
var (
	// ErrNoHMACKey: the version comes from before versions had an HMAC key too.
	ErrNoHMACKey = errors.New("this key version was made before keys had an hmac key; rotate the key and use the new version")
	// ErrUnwrap: what was to be imported does not unwrap. One error for all of it:
	// whoever may ask again must not learn which part is wrong, or this would decrypt
	// for him (Bleichenbacher 1998, Manger 2001).
	ErrUnwrap = errors.New("the ciphertext does not unwrap: it was altered, or wrapped for another wrapping key or with another hash_function")
	// ErrImport: what unwrapped is not the key that was to be imported. The error that
	// wraps it says why, and nothing of the key but its type and size.
	ErrImport = errors.New("the key is not imported")
	// ErrKeySize: an hmac key has MinKeySize to MaxKeySize bytes; no other type has
	// a choice.
	ErrKeySize = fmt.Errorf("invalid key_size: keys of type hmac have %d to %d bytes, and other types take none", MinKeySize, MaxKeySize)
)

// What the caller of the daemon has no part in.
var (
	// ErrSealed: no barrier, so no key can be opened.
	ErrSealed = errors.New("keyring is sealed: unseal the node first")
	// ErrClosed: a Use was used after its Close.
	ErrClosed = errors.New("the use of this key is closed: open another with a fresh pass")
	// ErrVersion: a key version cannot be told from others by what was given.
	ErrVersion = errors.New("a key version needs a mount without a slash, a name and a number from 1")
	// ErrDamaged: sealed half, public half and type of a record do not belong
	// together, or one of them is no key at all.
	ErrDamaged = errors.New("key version is damaged: its sealed half, public half and type do not belong together")
)
