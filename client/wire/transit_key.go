package wire

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Key types.
const (
	KeyECDSAP256 = "ecdsa-p256"
	KeyECDSAP384 = "ecdsa-p384"
	KeyECDSAP521 = "ecdsa-p521"
	KeyEd25519   = "ed25519"
	KeyRSA2048   = "rsa-2048"
	KeyRSA3072   = "rsa-3072"
	KeyRSA4096   = "rsa-4096"
	KeyAES128GCM = "aes128-gcm96"
	KeyAES256GCM = "aes256-gcm96"
	KeyChaCha20  = "chacha20-poly1305"
	KeyXChaCha20 = "xchacha20-poly1305"
	KeyHMAC      = "hmac"
)

// States of a key version.
const (
	StatePending     = "pending"     // published, does not sign yet
	StateActive      = "active"      // signs, verifies, encrypts, decrypts
	StateSuspended   = "suspended"   // neither signs nor accepts, until resumed
	StateRetired     = "retired"     // verifies and decrypts only
	StateCompromised = "compromised" // nothing
	StateDestroyed   = "destroyed"   // the private half is erased
)

// KeyCreateRequest is POST <mount>/keys/:name. The answer has [KeyData]; if the
// key existed already, with a warning and nothing changed.
type KeyCreateRequest struct {
	Type                 string   `json:"type,omitzero"` // "": aes256-gcm96
	Derived              Bool     `json:"derived,omitzero"`
	ConvergentEncryption Bool     `json:"convergent_encryption,omitzero"`
	Exportable           Bool     `json:"exportable,omitzero"`             // true is a 400
	AllowPlaintextBackup Bool     `json:"allow_plaintext_backup,omitzero"` // true is a 400
	AutoRotatePeriod     Duration `json:"auto_rotate_period,omitzero"`     // 0, or at least an hour
	KeySize              Int      `json:"key_size,omitzero"`               // bytes of an hmac key: 32 (if absent) to 512
	Context              Bytes    `json:"context,omitzero"`
}

// KeyConfigRequest is POST <mount>/keys/:name/config. Absent members stay as
// they are. The answer has [KeyData].
type KeyConfigRequest struct {
	MinDecryptionVersion Int      `json:"min_decryption_version,omitzero"`
	MinEncryptionVersion Int      `json:"min_encryption_version,omitzero"` // 0: latest
	DeletionAllowed      Bool     `json:"deletion_allowed,omitzero"`
	Exportable           Bool     `json:"exportable,omitzero"`             // true is a 400
	AllowPlaintextBackup Bool     `json:"allow_plaintext_backup,omitzero"` // true is a 400
	AutoRotatePeriod     Duration `json:"auto_rotate_period,omitzero"`
	RotationLeadTime     Duration `json:"rotation_lead_time,omitzero"` // how long a new version is pending; 0 it signs at once
}

// KeyTrimRequest is POST <mount>/keys/:name/trim. The answer has [KeyData].
type KeyTrimRequest struct {
	MinAvailableVersion Int `json:"min_available_version,omitzero"` // versions before it are erased
}

// DeletedKeys is the data of LIST <mount>/keys?deleted=true: the keys that are
// deleted and not destroyed yet.
type DeletedKeys struct {
	Keys    []string              `json:"keys"`
	KeyInfo map[string]DeletedKey `json:"key_info"` // by name
}

// DeletedKey says since when a key is deleted and from when it may be destroyed.
type DeletedKey struct {
	DeletionTime time.Time `json:"deletion_time"`
	DestroyTime  time.Time `json:"destroy_time"`
}

// KeyData is the data of GET <mount>/keys/:name, and of create, config and
// rotate. All members are always present, and versions are always numbers.
type KeyData struct {
	Name                 string      `json:"name"`
	Type                 string      `json:"type"`
	Keys                 KeyVersions `json:"keys"`
	LatestVersion        int         `json:"latest_version"`
	MinAvailableVersion  int         `json:"min_available_version"`
	MinDecryptionVersion int         `json:"min_decryption_version"`
	MinEncryptionVersion int         `json:"min_encryption_version"`
	AutoRotatePeriod     int64       `json:"auto_rotate_period"` // seconds
	DeletionAllowed      bool        `json:"deletion_allowed"`
	Derived              bool        `json:"derived"`
	Exportable           bool        `json:"exportable"`                           // always false
	AllowPlaintextBackup bool        `json:"allow_plaintext_backup"`               // always false
	ImportedKey          bool        `json:"imported_key"`                         // and not rotated since
	ImportedKeyRotates   Bool        `json:"imported_key_allow_rotation,omitzero"` // of an imported key alone
	SupportsEncryption   bool        `json:"supports_encryption"`
	SupportsDecryption   bool        `json:"supports_decryption"`
	SupportsSigning      bool        `json:"supports_signing"`
	SupportsDerivation   bool        `json:"supports_derivation"`
	KeySize              int         `json:"key_size,omitzero"`           // bytes; of an hmac key alone
	RotationLeadTime     int64       `json:"rotation_lead_time,omitzero"` // seconds; absent when a new version signs at once
	Issuer               string      `json:"issuer,omitzero"`             // the issuer that the key serves alone; absent of a transit key

	// VersionStates is the state of those versions of a symmetric key that are not
	// active, since Keys has no room for it: one of the State constants, or
	// VersionSpent. Absent when all are active.
	VersionStates map[string]string `json:"version_states,omitzero"`
}

// VersionSpent is an active version that decrypts and encrypts no more: it has made as
// many encryptions as is safe, or how many it made is not known since a restore.
const VersionSpent = "spent"

// KeyVersions is version number in decimal → version.
type KeyVersions map[string]KeyVersion

// KeyVersion is one version. That of a symmetric key is on the wire nothing but
// its creation time in unix seconds; a KeyVersion without Name is one.
type KeyVersion struct {
	Name             string    // P-256, P-384, P-521, ed25519, rsa-2048, rsa-3072, rsa-4096
	PublicKey        string    // SPKI PEM; for ed25519 32 bytes in standard base64
	CertificateChain string    // "" until there is one
	CreationTime     time.Time // RFC 3339 with nanoseconds
	KID              string    // as in JOSE headers; by default the RFC 7638 thumbprint
	State            string    // one of the State constants
}

// keyVersionObject is the form of an asymmetric version.
type keyVersionObject struct {
	Name             string    `json:"name"`
	PublicKey        string    `json:"public_key"`
	CertificateChain string    `json:"certificate_chain"`
	CreationTime     time.Time `json:"creation_time"`
	KID              string    `json:"kid"`
	State            string    `json:"state"`
}

// ErrWantKeyVersion is returned for a version that is neither number nor object.
var ErrWantKeyVersion = errors.New("want a key version: an object, or a unix time")

// MarshalJSONTo writes an object, or a number if Name is "".
func (v KeyVersion) MarshalJSONTo(enc *jsontext.Encoder) error {
	if v.Name == "" {
		return enc.WriteToken(jsontext.Int(v.CreationTime.Unix()))
	}
	return json.MarshalEncode(enc, keyVersionObject(v))
}

// UnmarshalJSON reads both forms.
func (v *KeyVersion) UnmarshalJSON(raw []byte) error {
	switch jsontext.Value(raw).Kind() {
	case '0':
		var at Int
		if err := at.UnmarshalJSON(raw); err != nil {
			return ErrWantKeyVersion
		}
		*v = KeyVersion{CreationTime: time.Unix(at.Value, 0).UTC()}
		return nil
	case '{':
		var o keyVersionObject
		if err := json.Unmarshal(raw, &o); err != nil {
			return err
		}
		*v = KeyVersion(o)
		return nil
	default:
		return ErrWantKeyVersion
	}
}
