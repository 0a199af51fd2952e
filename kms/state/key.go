package state

// KeyType is the type of a transit key, by its Vault name.
type KeyType string

// The key types.
const (
	ECDSAP256 KeyType = "ecdsa-p256"
	ECDSAP384 KeyType = "ecdsa-p384"
	ECDSAP521 KeyType = "ecdsa-p521"
	Ed25519   KeyType = "ed25519"
	RSA2048   KeyType = "rsa-2048"
	RSA3072   KeyType = "rsa-3072"
	RSA4096   KeyType = "rsa-4096"
	AES128GCM KeyType = "aes128-gcm96"
	AES256GCM KeyType = "aes256-gcm96"
	ChaCha20  KeyType = "chacha20-poly1305"
	XChaCha20 KeyType = "xchacha20-poly1305"
	HMAC      KeyType = "hmac"
)

// KeyTypes lists every type in the order they are documented.
func KeyTypes() []KeyType {
	return []KeyType{
		AES256GCM, AES128GCM, ChaCha20, XChaCha20, ECDSAP256, ECDSAP384, ECDSAP521, Ed25519, RSA2048, RSA3072, RSA4096, HMAC,
	}
}

// Known says whether t is a type that this build can use.
func (t KeyType) Known() bool { return t.Signs() || t.Encrypts() || t == HMAC }

// RSA says whether keys of t are RSA keys, which have padding and salt options.
func (t KeyType) RSA() bool { return t == RSA2048 || t == RSA3072 || t == RSA4096 }

// ECDSA says whether keys of t are ECDSA keys, which have marshaling options.
func (t KeyType) ECDSA() bool { return t == ECDSAP256 || t == ECDSAP384 || t == ECDSAP521 }

// Asymmetric says whether keys of t have a public half.
func (t KeyType) Asymmetric() bool { return t.ECDSA() || t.RSA() || t == Ed25519 }

// Signs says whether keys of t sign and verify.
func (t KeyType) Signs() bool { return t.Asymmetric() }

// Encrypts says whether keys of t encrypt and decrypt.
func (t KeyType) Encrypts() bool { return t.ShortNonce() || t == XChaCha20 }

// ShortNonce says whether keys of t encrypt with random nonces of 96 bits, whose
// number under one key is limited: see MaxEncryptions. XChaCha20-Poly1305 has 192
// bits and no such limit.
func (t KeyType) ShortNonce() bool { return t == AES128GCM || t == AES256GCM || t == ChaCha20 }

// KeyVersion is one version of a key. It is immutable once in the state: a
// change inserts a new record in its place.
type KeyVersion struct {
	Mount   string       `codec:"m"` // the mount's UUID
	Name    string       `codec:"n"`
	Number  uint32       `codec:"v"` // from 1
	Type    KeyType      `codec:"t"`
	State   VersionState `codec:"s"`
	KID     string       `codec:"i"` // RFC 7638 thumbprint; for symmetric keys random
	Public  []byte       `codec:"p"` // SPKI DER; empty for symmetric keys
	Sealed  []byte       `codec:"x"` // the private half, sealed by the barrier
	Created int64        `codec:"c"` // unix nanoseconds

	// Encryptions is how many encryptions nodes have reserved under this
	// version, an upper bound of how many were made.
	Encryptions uint64 `codec:"u,omitempty"`

	// When what happened, unix nanoseconds; 0 not, or for a version that was born
	// active at Created.
	ActiveAt    int64 `codec:"a,omitempty"` // of a pending one: when it is to become active
	Activated   int64 `codec:"b,omitempty"`
	Suspended   int64 `codec:"h,omitempty"`
	Retired     int64 `codec:"r,omitempty"`
	RemoveAt    int64 `codec:"w,omitempty"` // of an issuer's: the last token under it is over, see Issuer.Lifetime
	Compromised int64 `codec:"y,omitempty"`
	Destroyed   int64 `codec:"z,omitempty"`

	Imported bool `codec:"j,omitempty"` // the private half was made elsewhere
}

// Limits on encryptions under one version with random 96-bit nonces (NIST SP
// 800-38D, section 8.3, allows 2^32 over all nodes together).
const (
	MaxEncryptions    = 1 << 32
	RotateEncryptions = 1 << 31 // from here on the key rotates by itself
)

// ID is the key's identity across mounts, "<mount uuid>/<name>".
func (v *KeyVersion) ID() string { return v.Mount + "/" + v.Name }

// Spent says that the version encrypts no more, whatever its state: see MaxEncryptions.
func (v *KeyVersion) Spent() bool { return v.Type.ShortNonce() && v.Encryptions >= MaxEncryptions }

// Key is what all versions of a key share. It is immutable once in the state.
type Key struct {
	Mount           string  `codec:"m"` // the mount's UUID
	Name            string  `codec:"n"`
	Type            KeyType `codec:"t"`
	Latest          uint32  `codec:"l"` // the newest version
	MinAvailable    uint32  `codec:"a"` // the oldest version that is kept
	MinDecryption   uint32  `codec:"d"` // older versions neither verify nor decrypt
	MinEncryption   uint32  `codec:"e"` // older versions neither sign nor encrypt; 0 means the latest only by default, any by choice
	DeletionAllowed bool    `codec:"x"`
	AutoRotate      int64   `codec:"r"` // seconds between automatic rotations; 0 never
	Created         int64   `codec:"c"` // unix nanoseconds

	// Issuer is the name of the issuer that the key serves; "" of a transit key. A
	// bound key serves nobody else: otherwise whoever may sign bytes with it could
	// mint any claims.
	Issuer string `codec:"i,omitempty"`
	// Signer is the version that signs when it is not Latest: while that one is
	// pending, or after it was destroyed.
	Signer uint32 `codec:"g,omitempty"`

	// Imported says that the key was brought in and has not been rotated here since:
	// so long other versions may be brought in. Of an issuer's key, it says so of the
	// version that came last.
	Imported bool `codec:"j,omitempty"`
	// ImportRotation lets a key that was brought in rotate here.
	ImportRotation bool `codec:"q,omitempty"`

	// Lead is how many seconds a version of a transit key is pending after its
	// rotation; 0 none. An issuer's key has its issuer's.
	Lead int64 `codec:"o,omitempty"`

	KeySize   uint32 `codec:"z,omitempty"` // bytes of an hmac key; 0 for other types
	Deleted   int64  `codec:"y,omitempty"` // unix nanoseconds since when it is deleted; 0 of a key in use
	DestroyAt int64  `codec:"w,omitempty"` // unix nanoseconds from which a deleted key may be destroyed
}

// SignerNumber is the version that signs and encrypts unless another is asked for.
func (k *Key) SignerNumber() uint32 {
	if k.Signer != 0 {
		return k.Signer
	}
	return k.Latest
}

// ID is the key's identity across mounts, "<mount uuid>/<name>".
func (k *Key) ID() string { return k.Mount + "/" + k.Name }

// Tombstone is what stays of a destroyed key: its name may be used again, its
// version numbers never.
type Tombstone struct {
	Mount     string `codec:"m"`
	Name      string `codec:"n"`
	Last      uint32 `codec:"l"` // the highest version number ever used
	Destroyed int64  `codec:"d"` // unix nanoseconds

	// KIDs are those that versions of an issuer's key had, the newest last: a later
	// issuer of the name gives none of them to another key.
	KIDs []string `codec:"k,omitempty"`
}
