package api

import (
	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func rewrap(rq *request, in *wire.RewrapRequest) (any, error) {
	item := func(ciphertext string, aad, context, nonce wire.Bytes, version int64) kms.Item {
		return kms.Item{Ciphertext: ciphertext, AAD: fieldOf(aad), Context: fieldOf(context), Nonce: fieldOf(nonce), Version: version}
	}
	items, batch := make([]kms.Item, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	for i := range in.BatchInput {
		b := &in.BatchInput[i]
		items = append(items, item(b.Ciphertext, b.AssociatedData, b.Context, b.Nonce, versionOf(b.KeyVersion, in.KeyVersion)))
	}
	if !batch {
		items = append(items, item(in.Ciphertext, in.AssociatedData, in.Context, in.Nonce, in.KeyVersion.Value))
	}
	results, err := rq.s.kms.Rewrap(rq.call, rq.key(), items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.EncryptData{Ciphertext: results[0].Text, KeyVersion: int(results[0].Version)}, nil
	}
	out := answerBatch(results, in.BatchInput, versionedMember("ciphertext"), func(it *wire.RewrapItem) string { return it.Reference })
	return out, rq.partial(results, in.PartialFailureResponseCode)
}

func dataKeyPlaintext(rq *request, in *wire.DataKeyRequest) (any, error) {
	return dataKey(rq, in, true)
}

func dataKeyWrapped(rq *request, in *wire.DataKeyRequest) (any, error) {
	return dataKey(rq, in, false)
}

func dataKey(rq *request, in *wire.DataKeyRequest, plaintext bool) (any, error) {
	r, err := rq.s.kms.DataKey(rq.call, rq.key(), kms.DataKeyRequest{
		Bits: in.Bits.Value, Plaintext: plaintext,
		Item: kms.Item{AAD: fieldOf(in.AssociatedData), Context: fieldOf(in.Context), Nonce: fieldOf(in.Nonce), Version: in.KeyVersion.Value},
	})
	if err != nil {
		return nil, err
	}
	out := &wire.DataKeyData{Ciphertext: r.Text, KeyVersion: int(r.Version)}
	if plaintext {
		out.Plaintext = wire.BytesOf(r.Plain)
	}
	return out, nil
}
