package wire

// HMACRequest is POST <mount>/hmac/:name[/:algorithm]. Keys of every type make
// HMACs. Input is required unless BatchInput is present.
type HMACRequest struct {
	HashAlgorithm string          `json:"hash_algorithm,omitzero"` // sha2-256 if absent
	Algorithm     string          `json:"algorithm,omitzero"`      // another name of HashAlgorithm
	Input         Bytes           `json:"input,omitzero"`
	Context       Bytes           `json:"context,omitzero"`
	KeyVersion    Int             `json:"key_version,omitzero"` // 0: latest
	BatchInput    Batch[HMACItem] `json:"batch_input,omitzero"`
}

// HMACItem is one input of a batch.
type HMACItem struct {
	Input      Bytes  `json:"input,omitzero"`
	Context    Bytes  `json:"context,omitzero"`
	KeyVersion Int    `json:"key_version,omitzero"` // absent: that of the request
	Reference  string `json:"reference,omitzero"`
}

// HMACData answers a single hmac.
type HMACData struct {
	HMAC string `json:"hmac"` // vault:v<N>:<base64>
}

// HMACResult is one result of a batch of hmac.
type HMACResult struct {
	HMAC string `json:"hmac,omitzero"`
	ItemError
	Reference string `json:"reference"`
}
