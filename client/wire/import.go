package wire

// KeyImport is a private key that was made elsewhere, wrapped for the public key of
// [WrappingKey]: a fresh AES-256 key in RSA-OAEP, and after it the key under that in
// AES-KWP (RFC 5649). The key is PKCS #8 in DER, or for symmetric types its bytes.
type KeyImport struct {
	Ciphertext   Bytes  `json:"ciphertext,omitzero"`    // required
	HashFunction String `json:"hash_function,omitzero"` // of OAEP: SHA1, SHA224, SHA256 (if absent), SHA384, SHA512
}

// WrappingKey is the data of GET <mount>/wrapping_key.
type WrappingKey struct {
	PublicKey string `json:"public_key"` // RSA of 4096 bits, SPKI in PEM; the same for the life of the cluster
}

// KeyImportRequest is POST <mount>/keys/:name/import, for a name that no key has.
// The answer has [KeyData].
type KeyImportRequest struct {
	KeyImport
	Type                 string   `json:"type,omitzero"`           // "": aes256-gcm96
	AllowRotation        Bool     `json:"allow_rotation,omitzero"` // versions may be made here later; the key is none that was imported then
	Derived              Bool     `json:"derived,omitzero"`        // true is a 400
	Exportable           Bool     `json:"exportable,omitzero"`     // true is a 400
	AllowPlaintextBackup Bool     `json:"allow_plaintext_backup,omitzero"`
	AutoRotatePeriod     Duration `json:"auto_rotate_period,omitzero"` // needs AllowRotation
	PublicKey            String   `json:"public_key,omitzero"`         // a public key alone is refused
}

// KeyImportVersionRequest is POST <mount>/keys/:name/import_version. The answer has
// [KeyData].
type KeyImportVersionRequest struct {
	KeyImport
	Version   Int    `json:"version,omitzero"`    // refused: what is imported is a new version
	PublicKey String `json:"public_key,omitzero"` // a public key alone is refused
}
