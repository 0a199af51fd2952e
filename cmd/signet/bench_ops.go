package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// benchOp is an operation that can be measured. Another one is a line in
// benchOps and its function.
type benchOp struct {
	name  string
	about string
	takes takes
	start func(ctx context.Context, t *benchTarget) (benchWork, error)
}

// takes says which flags go with an operation.
type takes uint8

const (
	takesMount takes = 1 << iota
	takesKey
	takesSize
	takesBatch
	takesHash  // and --padding and --marshaling
	takesToken // --issuer, --profile, --sub and --aud

	takesInputs = takesMount | takesKey | takesSize | takesBatch
)

func benchOps() []benchOp {
	return []benchOp{
		{"sign", "sign inputs", takesInputs | takesHash, benchSign},
		{"verify", "verify a signature made before", takesInputs | takesHash, benchVerify},
		{"encrypt", "encrypt inputs", takesInputs, benchEncrypt},
		{"decrypt", "decrypt a ciphertext made before", takesInputs, benchDecrypt},
		{"rewrap", "encrypt a ciphertext anew", takesInputs, benchRewrap},
		{"hmac", "make the hmac of inputs", takesInputs, benchHMAC},
		{"hash", "hash an input with SHA-256", takesMount | takesSize, benchHash},
		{"random", "get random bytes", takesMount | takesSize, benchRandom},
		{"key-read", "read a key's description", takesMount | takesKey, benchKeyRead},
		{"jwt-sign", "issue tokens", takesToken | takesBatch, benchJWTSign},
		{"jwt-verify", "verify tokens made before", takesToken | takesBatch, benchJWTVerify},
		{"token-lookup", "look up the token in use", 0, benchTokenLookup},
	}
}

// benchTarget is what every worker uses, at the same time.
type benchTarget struct {
	client *client.Client
	keys   client.Transit
	key    string
	sign   wire.SignOptions
	inputs [][]byte // random, one for each item
	batch  bool     // they go as batch_input
	token  benchToken
	items  int // tokens of a batch_input; 0: no batch
}

// benchWork is the operation, repeated by every worker, and how to find out that
// its answer is true, done once by each. check may be nil: do checks every answer.
type benchWork struct {
	do    func(ctx context.Context) (answer []string, err error)
	check func(ctx context.Context, answer []string) error
}

// errWrongAnswer ends a run: what was measured was not the operation.
var errWrongAnswer = errors.New("the server's answer is wrong")

// itemFailed is an error in an item of a batch that was answered.
type itemFailed struct{ wire.ItemError }

func (e *itemFailed) Error() string { return e.ItemError.Error }

func itemError(e wire.ItemError) error {
	if e.Error == "" {
		return nil
	}
	return &itemFailed{e}
}

func randomInputs(n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, size)
		_, _ = rand.Read(out[i]) // never fails
	}
	return out
}

func benchSign(_ context.Context, t *benchTarget) (benchWork, error) {
	return benchWork{do: t.signAll, check: t.verifyAll}, nil
}

func benchVerify(ctx context.Context, t *benchTarget) (benchWork, error) {
	signatures, err := t.signAll(ctx)
	return benchWork{do: func(ctx context.Context) ([]string, error) { return nil, t.verifyAll(ctx, signatures) }}, err
}

func benchEncrypt(_ context.Context, t *benchTarget) (benchWork, error) {
	return benchWork{do: t.encryptAll, check: t.decryptAll}, nil
}

func benchDecrypt(ctx context.Context, t *benchTarget) (benchWork, error) {
	ciphertexts, err := t.encryptAll(ctx)
	return benchWork{do: func(ctx context.Context) ([]string, error) { return nil, t.decryptAll(ctx, ciphertexts) }}, err
}

func benchKeyRead(_ context.Context, t *benchTarget) (benchWork, error) {
	return benchWork{do: func(ctx context.Context) ([]string, error) {
		key, err := t.keys.ReadKey(ctx, t.key)
		if err == nil && key.Name != t.key {
			err = fmt.Errorf("%w: it is about another key", errWrongAnswer)
		}
		return nil, err
	}}, nil
}

func benchTokenLookup(_ context.Context, t *benchTarget) (benchWork, error) {
	return benchWork{do: func(ctx context.Context) ([]string, error) {
		token, err := t.client.Token().LookupSelf(ctx)
		if err == nil && token.Accessor == "" {
			err = fmt.Errorf("%w: there is no accessor in it", errWrongAnswer)
		}
		return nil, err
	}}, nil
}

func (t *benchTarget) signAll(ctx context.Context) ([]string, error) {
	req := wire.SignRequest{SignOptions: t.sign}
	if !t.batch {
		req.Input = wire.BytesOf(t.inputs[0])
		out, err := t.keys.Sign(ctx, t.key, req)
		return []string{out.Signature}, err
	}
	for _, input := range t.inputs {
		req.BatchInput = append(req.BatchInput, wire.SignItem{Input: wire.BytesOf(input)})
	}
	results, err := t.keys.SignBatch(ctx, t.key, req)
	return collect(results, err, func(r wire.SignResult) (string, wire.ItemError) { return r.Signature, r.ItemError })
}

// verifyAll returns errWrongAnswer if a signature is not valid.
func (t *benchTarget) verifyAll(ctx context.Context, signatures []string) error {
	req := wire.VerifyRequest{SignOptions: t.sign}
	if !t.batch {
		req.Input, req.Signature = wire.BytesOf(t.inputs[0]), signatures[0]
		valid, err := t.keys.Verify(ctx, t.key, req)
		return verdict(valid, err)
	}
	for i, signature := range signatures {
		req.BatchInput = append(req.BatchInput, wire.VerifyItem{Input: wire.BytesOf(t.inputs[i]), Signature: signature})
	}
	results, err := t.keys.VerifyBatch(ctx, t.key, req)
	for _, r := range results {
		if err == nil {
			err = verdict(r.Valid, itemError(r.ItemError))
		}
	}
	return err
}

func verdict(valid bool, err error) error {
	if err == nil && !valid {
		return fmt.Errorf("%w: the signature is not valid", errWrongAnswer)
	}
	return err
}

func (t *benchTarget) encryptAll(ctx context.Context) ([]string, error) {
	if !t.batch {
		out, err := t.keys.Encrypt(ctx, t.key, wire.EncryptRequest{Plaintext: wire.BytesOf(t.inputs[0])})
		return []string{out.Ciphertext}, err
	}
	var req wire.EncryptRequest
	for _, input := range t.inputs {
		req.BatchInput = append(req.BatchInput, wire.EncryptItem{Plaintext: wire.BytesOf(input)})
	}
	results, err := t.keys.EncryptBatch(ctx, t.key, req)
	return collect(results, err, func(r wire.EncryptResult) (string, wire.ItemError) { return r.Ciphertext, r.ItemError })
}

// decryptAll returns errWrongAnswer if a plaintext is not the input again.
func (t *benchTarget) decryptAll(ctx context.Context, ciphertexts []string) error {
	if !t.batch {
		plaintext, err := t.keys.Decrypt(ctx, t.key, wire.DecryptRequest{Ciphertext: ciphertexts[0]})
		return t.compare(0, plaintext, err)
	}
	var req wire.DecryptRequest
	for _, ciphertext := range ciphertexts {
		req.BatchInput = append(req.BatchInput, wire.DecryptItem{Ciphertext: ciphertext})
	}
	results, err := t.keys.DecryptBatch(ctx, t.key, req)
	for i, r := range results {
		if err == nil {
			err = itemError(r.ItemError)
		}
		if err == nil {
			plaintext, bad := r.Plaintext.Value()
			err = t.compare(i, plaintext, bad)
		}
	}
	return err
}

func (t *benchTarget) compare(i int, plaintext []byte, err error) error {
	if err == nil && !bytes.Equal(plaintext, t.inputs[i]) {
		return fmt.Errorf("%w: the plaintext is not what was encrypted", errWrongAnswer)
	}
	return err
}

// collect returns the answers of a batch, or the first error of an item.
func collect[T any](results []T, err error, of func(T) (string, wire.ItemError)) ([]string, error) {
	out := make([]string, 0, len(results))
	for _, r := range results {
		answer, failed := of(r)
		if err == nil {
			err = itemError(failed)
		}
		out = append(out, answer)
	}
	return out, err
}

// benchOpNamed returns the operation, or ok false.
func benchOpNamed(name string) (op benchOp, ok bool) {
	for _, op := range benchOps() {
		if op.name == name {
			return op, true
		}
	}
	return benchOp{}, false
}

// benchOpHelp lists the operations for the help.
func benchOpHelp() string {
	var b strings.Builder
	for _, op := range benchOps() {
		fmt.Fprintf(&b, "\n  %-13s %s", op.name, op.about)
	}
	return b.String()
}
