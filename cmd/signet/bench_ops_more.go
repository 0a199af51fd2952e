package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/signet-kms/signet/client/wire"
)

func benchRewrap(ctx context.Context, t *benchTarget) (benchWork, error) {
	ciphertexts, err := t.encryptAll(ctx)
	return benchWork{
		do:    func(ctx context.Context) ([]string, error) { return t.rewrapAll(ctx, ciphertexts) },
		check: t.decryptAll,
	}, err
}

func (t *benchTarget) rewrapAll(ctx context.Context, ciphertexts []string) ([]string, error) {
	if !t.batch {
		out, err := t.keys.Rewrap(ctx, t.key, wire.RewrapRequest{Ciphertext: ciphertexts[0]})
		return []string{out.Ciphertext}, err
	}
	var req wire.RewrapRequest
	for _, ciphertext := range ciphertexts {
		req.BatchInput = append(req.BatchInput, wire.RewrapItem{Ciphertext: ciphertext})
	}
	results, err := t.keys.RewrapBatch(ctx, t.key, req)
	return collect(results, err, func(r wire.EncryptResult) (string, wire.ItemError) { return r.Ciphertext, r.ItemError })
}

func benchHMAC(_ context.Context, t *benchTarget) (benchWork, error) {
	return benchWork{do: t.hmacAll, check: t.verifyHMACs}, nil
}

func (t *benchTarget) hmacAll(ctx context.Context) ([]string, error) {
	if !t.batch {
		mac, err := t.keys.HMAC(ctx, t.key, wire.HMACRequest{Input: wire.BytesOf(t.inputs[0])})
		return []string{mac}, err
	}
	var req wire.HMACRequest
	for _, input := range t.inputs {
		req.BatchInput = append(req.BatchInput, wire.HMACItem{Input: wire.BytesOf(input)})
	}
	results, err := t.keys.HMACBatch(ctx, t.key, req)
	return collect(results, err, func(r wire.HMACResult) (string, wire.ItemError) { return r.HMAC, r.ItemError })
}

func (t *benchTarget) verifyHMACs(ctx context.Context, macs []string) error {
	for i, mac := range macs {
		valid, err := t.keys.VerifyHMAC(ctx, t.key, mac, wire.HMACRequest{Input: wire.BytesOf(t.inputs[i])})
		if err != nil {
			return err
		}
		if !valid {
			return fmt.Errorf("%w: the hmac is not valid", errWrongAnswer)
		}
	}
	return nil
}

func benchRandom(_ context.Context, t *benchTarget) (benchWork, error) {
	return benchWork{do: func(ctx context.Context) ([]string, error) {
		got, err := t.keys.Random(ctx, len(t.inputs[0]))
		if err == nil && len(got) != len(t.inputs[0]) {
			err = fmt.Errorf("%w: %d random bytes instead of %d", errWrongAnswer, len(got), len(t.inputs[0]))
		}
		return nil, err
	}}, nil
}

func benchHash(_ context.Context, t *benchTarget) (benchWork, error) {
	sum := sha256.Sum256(t.inputs[0])
	want := hex.EncodeToString(sum[:])
	return benchWork{do: func(ctx context.Context) ([]string, error) {
		got, err := t.keys.Hash(ctx, wire.HashRequest{Input: wire.BytesOf(t.inputs[0]), Format: wire.FormatHex})
		if err == nil && got != want {
			err = fmt.Errorf("%w: it is not the SHA-256 of the input", errWrongAnswer)
		}
		return nil, err
	}}, nil
}
