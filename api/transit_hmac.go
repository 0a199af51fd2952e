package api

import (
	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func hmac(rq *request, in *wire.HMACRequest) (any, error) {
	items, batch := make([]kms.Item, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	for i := range in.BatchInput {
		b := &in.BatchInput[i]
		items = append(items, kms.Item{Input: fieldOf(b.Input), Context: fieldOf(b.Context), Version: versionOf(b.KeyVersion, in.KeyVersion)})
	}
	if !batch {
		items = append(items, kms.Item{Input: fieldOf(in.Input), Context: fieldOf(in.Context), Version: in.KeyVersion.Value})
	}
	results, err := rq.s.kms.HMAC(rq.call, rq.key(), rq.hash(in.HashAlgorithm, in.Algorithm), items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.HMACData{HMAC: results[0].Text}, nil
	}
	return answerBatch(results, in.BatchInput, textMember("hmac"), func(it *wire.HMACItem) string { return it.Reference }), nil
}

// hash is the hash algorithm that a request names: in the path before the one in
// the body, and its old name last, as in Vault.
func (rq *request) hash(name, oldName string) string {
	switch {
	case rq.vars.get("hash") != "":
		return rq.vars.get("hash")
	case name != "":
		return name
	}
	return oldName
}

// versionOf is the key version of an item: its own, or that of the request.
func versionOf(item, request wire.Int) int64 {
	if item.Set {
		return item.Value
	}
	return request.Value
}
