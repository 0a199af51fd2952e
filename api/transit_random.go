package api

import (
	"strconv"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// defaultRandom is how many bytes random makes when no number is given.
const defaultRandom = 32

func random(rq *request, in *wire.RandomRequest) (any, error) {
	source, count := rq.vars.get("source"), rq.vars.get("bytes")
	switch count {
	case "platform", "all", "seal": // one segment says either, as in Vault
		source, count = count, ""
	}
	if source == "" {
		source = in.Source
	}
	item := kms.Item{Count: countOf(in.Bytes), Format: in.Format}
	if count != "" {
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil {
			n = 0 // refused, like every number that is out of range
		}
		item.Count = n
	}
	items, batch := []kms.Item{item}, in.BatchInput != nil
	if batch {
		items = make([]kms.Item, len(in.BatchInput))
		for i := range in.BatchInput {
			b := &in.BatchInput[i]
			items[i] = item
			if b.Bytes.Set {
				items[i].Count = countOf(b.Bytes)
			}
			if b.Format != "" {
				items[i].Format = b.Format
			}
		}
	}
	// Few bytes ask for many: their memory is booked before they are made.
	for i := range items {
		if err := rq.book(4 * min(max(items[i].Count, 0), kms.MaxRandom)); err != nil {
			rq.s.kms.Reject(rq.origin, rq.call, err)
			return nil, err
		}
	}
	results, err := rq.s.kms.Random(rq.call, rq.vars.get("mount"), source, items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.RandomData{RandomBytes: wire.SecretOf(results[0].Text)}, nil
	}
	return answerBatch(results, in.BatchInput, textMember("random_bytes"), func(it *wire.RandomItem) string { return it.Reference }), nil
}

// countOf is how many bytes are asked for.
func countOf(n wire.Int) int64 {
	if !n.Set {
		return defaultRandom
	}
	return n.Value
}

func hash(rq *request, in *wire.HashRequest) (any, error) {
	items, batch := make([]kms.Item, 0, max(1, len(in.BatchInput))), in.BatchInput != nil
	for i := range in.BatchInput {
		items = append(items, kms.Item{Input: fieldOf(in.BatchInput[i].Input)})
	}
	if !batch {
		items = append(items, kms.Item{Input: fieldOf(in.Input)})
	}
	results, err := rq.s.kms.Hash(rq.call, rq.vars.get("mount"), rq.hash(in.Algorithm, ""), in.Format, items, batch)
	if err != nil {
		return nil, err
	}
	if !batch {
		return &wire.HashData{Sum: results[0].Text}, nil
	}
	return answerBatch(results, in.BatchInput, textMember("sum"), func(it *wire.HashItem) string { return it.Reference }), nil
}
