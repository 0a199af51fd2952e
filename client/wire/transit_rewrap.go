package wire

// RewrapRequest is POST <mount>/rewrap/:name: decrypt Ciphertext and encrypt it
// with another version of the same key, on the server. It is answered like an
// encrypt, with [EncryptData] or results of [EncryptResult].
type RewrapRequest struct {
	Ciphertext                 string            `json:"ciphertext,omitzero"`
	AssociatedData             Bytes             `json:"associated_data,omitzero"` // of both ciphertexts
	Context                    Bytes             `json:"context,omitzero"`
	Nonce                      Bytes             `json:"nonce,omitzero"`
	KeyVersion                 Int               `json:"key_version,omitzero"` // of the new ciphertext; 0: latest
	PartialFailureResponseCode Int               `json:"partial_failure_response_code,omitzero"`
	BatchInput                 Batch[RewrapItem] `json:"batch_input,omitzero"`
}

// RewrapItem is one ciphertext of a batch.
type RewrapItem struct {
	Ciphertext     string `json:"ciphertext,omitzero"`
	AssociatedData Bytes  `json:"associated_data,omitzero"`
	Context        Bytes  `json:"context,omitzero"`
	Nonce          Bytes  `json:"nonce,omitzero"`
	KeyVersion     Int    `json:"key_version,omitzero"` // absent: that of the request
	Reference      string `json:"reference,omitzero"`
}

// DataKeyRequest is POST <mount>/datakey/plaintext/:name or
// <mount>/datakey/wrapped/:name.
type DataKeyRequest struct {
	Bits           Int   `json:"bits,omitzero"` // 128, 256 (the default) or 512
	AssociatedData Bytes `json:"associated_data,omitzero"`
	Context        Bytes `json:"context,omitzero"`
	Nonce          Bytes `json:"nonce,omitzero"`
	KeyVersion     Int   `json:"key_version,omitzero"`
}

// DataKeyData answers both; the wrapped form has no plaintext.
type DataKeyData struct {
	Plaintext  Bytes  `json:"plaintext,omitzero"`
	Ciphertext string `json:"ciphertext"` // vault:v<N>:<base64>
	KeyVersion int    `json:"key_version"`
}
