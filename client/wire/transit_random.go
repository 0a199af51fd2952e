package wire

// The forms in which random bytes and hashes are answered.
const (
	FormatBase64 = "base64" // the default of random
	FormatHex    = "hex"    // the default of hash
)

// Bounds on random, in bytes.
const (
	MaxRandom      = 128 << 10 // one request or item
	MaxRandomBatch = 1 << 20   // all items of a batch
)

// RandomRequest is POST <mount>/random[/:source][/:bytes]. What the path says
// counts before what the body says.
type RandomRequest struct {
	Bytes      Int               `json:"bytes,omitzero"`  // 32 if absent
	Format     string            `json:"format,omitzero"` // a Format constant
	Source     string            `json:"source,omitzero"` // platform (the default) or all, which is the same
	BatchInput Batch[RandomItem] `json:"batch_input,omitzero"`
}

// RandomItem is one value of a batch.
type RandomItem struct {
	Bytes     Int    `json:"bytes,omitzero"`
	Format    string `json:"format,omitzero"` // "": that of the request
	Reference string `json:"reference,omitzero"`
}

// RandomData answers a single random.
type RandomData struct {
	RandomBytes Secret `json:"random_bytes"`
}

// RandomResult is one result of a batch of random.
type RandomResult struct {
	RandomBytes Secret `json:"random_bytes,omitzero"`
	ItemError
	Reference string `json:"reference"`
}

// HashRequest is POST <mount>/hash[/:algorithm].
type HashRequest struct {
	Input      Bytes           `json:"input,omitzero"`
	Algorithm  string          `json:"algorithm,omitzero"` // sha2-256 if absent
	Format     string          `json:"format,omitzero"`    // a Format constant
	BatchInput Batch[HashItem] `json:"batch_input,omitzero"`
}

// HashItem is one input of a batch.
type HashItem struct {
	Input     Bytes  `json:"input,omitzero"`
	Reference string `json:"reference,omitzero"`
}

// HashData answers a single hash.
type HashData struct {
	Sum string `json:"sum"`
}

// HashResult is one result of a batch of hash.
type HashResult struct {
	Sum string `json:"sum,omitzero"`
	ItemError
	Reference string `json:"reference"`
}
