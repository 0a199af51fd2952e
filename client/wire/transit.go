package wire

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Names that sign, verify, encrypt and decrypt take.
const (
	HashSHA1     = "sha1" // verify only
	HashSHA2_224 = "sha2-224"
	HashSHA2_256 = "sha2-256" // the default
	HashSHA2_384 = "sha2-384"
	HashSHA2_512 = "sha2-512"
	HashSHA3_224 = "sha3-224"
	HashSHA3_256 = "sha3-256"
	HashSHA3_384 = "sha3-384"
	HashSHA3_512 = "sha3-512"
	HashNone     = "none" // pkcs1v15 and prehashed only

	PaddingPSS      = "pss" // the default
	PaddingPKCS1v15 = "pkcs1v15"

	MarshalingASN1 = "asn1" // the default: DER for ECDSA, standard base64
	MarshalingJWS  = "jws"  // R||S for ECDSA, unpadded base64url for every type

	SaltAuto = "auto" // the default: longest on sign, found out on verify
	SaltHash = "hash" // as long as the hash
)

// MaxBatch is how many items a batch_input holds at most.
const MaxBatch = 1000

// ErrBatchTooLong is returned for a batch_input of more than [MaxBatch] items. It
// is found while decoding: a body of 32 MiB can hold ten million empty items.
var ErrBatchTooLong = errors.New("more than 1000 items; send them in several requests")

// ErrWantBatch is returned for a batch_input that is no list.
var ErrWantBatch = errors.New("want a list of items")

// Batch is the items of one request, at most [MaxBatch]. Nil is an absent member
// or null; an empty list is present.
type Batch[T any] []T

// UnmarshalJSONFrom returns [ErrWantBatch] or [ErrBatchTooLong], or what is wrong
// with an item.
func (b *Batch[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case 'n':
		*b = nil
		return dec.SkipValue()
	case '[':
	default:
		return ErrWantBatch
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	items := Batch[T]{}
	for dec.PeekKind() != ']' {
		if len(items) == MaxBatch {
			return ErrBatchTooLong
		}
		items = append(items, *new(T)) // decoded in place: one made apart would be allocated each time
		if err := json.UnmarshalDecode(dec, &items[len(items)-1]); err != nil {
			return err
		}
	}
	*b = items
	_, err := dec.ReadToken()
	return err
}

// SignOptions are common to sign and verify.
type SignOptions struct {
	HashAlgorithm       string `json:"hash_algorithm,omitzero"`
	Algorithm           string `json:"algorithm,omitzero"` // old name of HashAlgorithm
	Prehashed           Bool   `json:"prehashed,omitzero"`
	SignatureAlgorithm  string `json:"signature_algorithm,omitzero"`
	MarshalingAlgorithm string `json:"marshaling_algorithm,omitzero"`
	SaltLength          String `json:"salt_length,omitzero"` // auto, hash, or bytes in decimal
}

// SignRequest is POST <mount>/sign/:name[/:hash]. Input is required unless
// BatchInput is present (not nil: [] is present). A batch_input that is no list
// does not decode.
type SignRequest struct {
	SignOptions
	Input      Bytes           `json:"input,omitzero"`
	Context    Bytes           `json:"context,omitzero"`
	KeyVersion Int             `json:"key_version,omitzero"` // 0: latest
	BatchInput Batch[SignItem] `json:"batch_input,omitzero"`
}

// SignItem is one input of a batch.
type SignItem struct {
	Input      Bytes  `json:"input,omitzero"`
	Context    Bytes  `json:"context,omitzero"`
	KeyVersion Int    `json:"key_version,omitzero"` // absent: that of the request
	Reference  string `json:"reference,omitzero"`   // comes back with the result
}

// SignData answers a single sign.
type SignData struct {
	Signature  string `json:"signature"` // vault:v<N>:<base64>
	KeyVersion int    `json:"key_version"`
}

// BatchData answers a batch: one result an item, in order. Sign and verify
// answer 200 with errors in the items; encrypt and decrypt answer 400 with this
// as data if an item failed, or PartialFailureResponseCode if that was given.
type BatchData[T any] struct {
	BatchResults []T `json:"batch_results"`
}

// ItemError says what was wrong with one item; both are "" if nothing was.
type ItemError struct {
	Error string `json:"error,omitzero"`
	Code  Code   `json:"code,omitzero"`
}

// SignResult is one result of a batch of sign.
type SignResult struct {
	Signature  string `json:"signature,omitzero"`
	KeyVersion int    `json:"key_version,omitzero"`
	ItemError
	Reference string `json:"reference"`
}

// VerifyRequest is POST <mount>/verify/:name[/:hash]: of a signature, or of an
// HMAC, which keys of every type make. The items of a batch are all of one kind.
// CMAC is known in order to be refused.
type VerifyRequest struct {
	SignOptions
	Input      Bytes             `json:"input,omitzero"`
	Signature  string            `json:"signature,omitzero"`
	HMAC       string            `json:"hmac,omitzero"`
	CMAC       string            `json:"cmac,omitzero"`
	Context    Bytes             `json:"context,omitzero"`
	BatchInput Batch[VerifyItem] `json:"batch_input,omitzero"`
}

// VerifyItem is one input of a batch.
type VerifyItem struct {
	Input     Bytes  `json:"input,omitzero"`
	Signature string `json:"signature,omitzero"`
	HMAC      string `json:"hmac,omitzero"`
	CMAC      string `json:"cmac,omitzero"`
	Context   Bytes  `json:"context,omitzero"`
	Reference string `json:"reference,omitzero"`
}

// VerifyData answers a single verify. A well-formed signature that does not
// verify is false with status 200; a malformed one is a 400.
type VerifyData struct {
	Valid bool `json:"valid"`
}

// VerifyResult is one result of a batch of verify.
type VerifyResult struct {
	Valid bool `json:"valid"`
	ItemError
	Reference string `json:"reference"`
}

// EncryptRequest is POST <mount>/encrypt/:name. Plaintext is required unless
// BatchInput is present; "" is a plaintext.
type EncryptRequest struct {
	Plaintext                  Bytes              `json:"plaintext,omitzero"`
	AssociatedData             Bytes              `json:"associated_data,omitzero"`
	Context                    Bytes              `json:"context,omitzero"`
	Nonce                      Bytes              `json:"nonce,omitzero"` // not "" is a 400: nonces are the server's
	KeyVersion                 Int                `json:"key_version,omitzero"`
	PartialFailureResponseCode Int                `json:"partial_failure_response_code,omitzero"`
	BatchInput                 Batch[EncryptItem] `json:"batch_input,omitzero"`
}

// EncryptItem is one input of a batch.
type EncryptItem struct {
	Plaintext      Bytes  `json:"plaintext,omitzero"`
	AssociatedData Bytes  `json:"associated_data,omitzero"`
	Context        Bytes  `json:"context,omitzero"`
	Nonce          Bytes  `json:"nonce,omitzero"`
	KeyVersion     Int    `json:"key_version,omitzero"`
	Reference      string `json:"reference,omitzero"`
}

// EncryptData answers a single encrypt.
type EncryptData struct {
	Ciphertext string `json:"ciphertext"` // vault:v<N>:<base64>
	KeyVersion int    `json:"key_version"`
}

// EncryptResult is one result of a batch of encrypt.
type EncryptResult struct {
	Ciphertext string `json:"ciphertext,omitzero"`
	KeyVersion int    `json:"key_version,omitzero"`
	ItemError
	Reference string `json:"reference"`
}

// DecryptRequest is POST <mount>/decrypt/:name.
type DecryptRequest struct {
	Ciphertext                 string             `json:"ciphertext,omitzero"`
	AssociatedData             Bytes              `json:"associated_data,omitzero"`
	Context                    Bytes              `json:"context,omitzero"`
	Nonce                      Bytes              `json:"nonce,omitzero"`
	PartialFailureResponseCode Int                `json:"partial_failure_response_code,omitzero"`
	BatchInput                 Batch[DecryptItem] `json:"batch_input,omitzero"`
}

// DecryptItem is one input of a batch.
type DecryptItem struct {
	Ciphertext     string `json:"ciphertext,omitzero"`
	AssociatedData Bytes  `json:"associated_data,omitzero"`
	Context        Bytes  `json:"context,omitzero"`
	Nonce          Bytes  `json:"nonce,omitzero"`
	Reference      string `json:"reference,omitzero"`
}

// DecryptData answers a single decrypt; plaintext is never missing.
type DecryptData struct {
	Plaintext Bytes `json:"plaintext"`
}

// DecryptResult is one result of a batch of decrypt; plaintext is "" where
// there is an error.
type DecryptResult struct {
	Plaintext Bytes `json:"plaintext"`
	ItemError
	Reference string `json:"reference"`
}
