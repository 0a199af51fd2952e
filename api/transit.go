package api

import (
	"fmt"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func (rq *request) key() kms.KeyRef {
	return kms.KeyRef{Mount: rq.vars.get("mount"), Name: rq.vars.get("name")}
}

func fieldOf(b wire.Bytes) kms.Field {
	raw, err := b.Value()
	return kms.Field{Bytes: raw, Set: b.IsSet(), Err: err}
}

// options are those of the body.
func (rq *request) options(o *wire.SignOptions) kms.SignOptions {
	return kms.SignOptions{
		Hash: rq.hash(o.HashAlgorithm, o.Algorithm), Prehashed: o.Prehashed.Value, Padding: o.SignatureAlgorithm,
		Marshaling: o.MarshalingAlgorithm, Salt: o.SaltLength.Value,
	}
}

// itemError is the error of one item of a batch, by the same table as any other.
func itemError(err error) wire.ItemError {
	if err == nil {
		return wire.ItemError{}
	}
	_, code, texts := answerTo(err)
	return wire.ItemError{Error: fmt.Sprint(append(texts, "failed")[0]), Code: code}
}

func sign(rq *request, in *wire.SignRequest) (any, error) {
	items := make([]kms.Item, 0, max(1, len(in.BatchInput)))
	batch := in.BatchInput != nil
	for i := range in.BatchInput {
		it := &in.BatchInput[i]
		items = append(items, kms.Item{Input: fieldOf(it.Input), Context: fieldOf(it.Context), Version: versionOf(it.KeyVersion, in.KeyVersion)})
	}
	if !batch {
		items = append(items, kms.Item{Input: fieldOf(in.Input), Context: fieldOf(in.Context), Version: in.KeyVersion.Value})
	}
	results, err := rq.s.kms.Sign(rq.call, rq.key(), rq.options(&in.SignOptions), items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.SignData{Signature: results[0].Text, KeyVersion: int(results[0].Version)}, nil
	}
	return answerBatch(results, in.BatchInput, versionedMember("signature"), func(it *wire.SignItem) string { return it.Reference }), nil
}

func verify(rq *request, in *wire.VerifyRequest) (any, error) {
	item := func(input, context wire.Bytes, signature, hmac, cmac string) kms.Item {
		return kms.Item{Input: fieldOf(input), Context: fieldOf(context), Signature: signature, HMAC: hmac, CMAC: cmac != ""}
	}
	items, batch := make([]kms.Item, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	for i := range in.BatchInput {
		b := &in.BatchInput[i]
		items = append(items, item(b.Input, b.Context, b.Signature, b.HMAC, b.CMAC))
	}
	if !batch {
		items = append(items, item(in.Input, in.Context, in.Signature, in.HMAC, in.CMAC))
	}
	results, err := rq.s.kms.Verify(rq.call, rq.key(), rq.options(&in.SignOptions), items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.VerifyData{Valid: results[0].Valid}, nil
	}
	return answerBatch(results, in.BatchInput, validMember, func(it *wire.VerifyItem) string { return it.Reference }), nil
}

func encrypt(rq *request, in *wire.EncryptRequest) (any, error) {
	item := func(plain, aad, context, nonce wire.Bytes, version int64) kms.Item {
		return kms.Item{Input: fieldOf(plain), AAD: fieldOf(aad), Context: fieldOf(context), Nonce: fieldOf(nonce), Version: version}
	}
	items, batch := make([]kms.Item, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	for i := range in.BatchInput {
		b := &in.BatchInput[i]
		items = append(items, item(b.Plaintext, b.AssociatedData, b.Context, b.Nonce, versionOf(b.KeyVersion, in.KeyVersion)))
	}
	if !batch {
		items = append(items, item(in.Plaintext, in.AssociatedData, in.Context, in.Nonce, in.KeyVersion.Value))
	}
	results, err := rq.s.kms.Encrypt(rq.call, rq.key(), items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.EncryptData{Ciphertext: results[0].Text, KeyVersion: int(results[0].Version)}, nil
	}
	out := answerBatch(results, in.BatchInput, versionedMember("ciphertext"), func(it *wire.EncryptItem) string { return it.Reference })
	return out, rq.partial(results, in.PartialFailureResponseCode)
}

func decrypt(rq *request, in *wire.DecryptRequest) (any, error) {
	item := func(ciphertext string, aad, context, nonce wire.Bytes) kms.Item {
		return kms.Item{Ciphertext: ciphertext, AAD: fieldOf(aad), Context: fieldOf(context), Nonce: fieldOf(nonce)}
	}
	items, batch := make([]kms.Item, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	for i := range in.BatchInput {
		b := &in.BatchInput[i]
		items = append(items, item(b.Ciphertext, b.AssociatedData, b.Context, b.Nonce))
	}
	if !batch {
		items = append(items, item(in.Ciphertext, in.AssociatedData, in.Context, in.Nonce))
	}
	results, err := rq.s.kms.Decrypt(rq.call, rq.key(), items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.DecryptData{Plaintext: wire.BytesOf(results[0].Plain)}, nil
	}
	out := answerBatch(results, in.BatchInput, plaintextMember, func(it *wire.DecryptItem) string { return it.Reference })
	return out, rq.partial(results, in.PartialFailureResponseCode)
}

// partial gives the answer to encrypt, decrypt and rewrap its status when an item
// failed: 400, or what the caller asked for.
func (rq *request) partial(results []kms.Result, asked wire.Int) error {
	for _, r := range results {
		if r.Err == nil {
			continue
		}
		rq.status = http.StatusBadRequest
		if asked.Set && asked.Value >= 200 && asked.Value <= 599 && asked.Value != 204 && asked.Value != 304 {
			rq.status = int(asked.Value)
		}
		return nil
	}
	return nil
}
