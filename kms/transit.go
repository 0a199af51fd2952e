package kms

import (
	"fmt"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Field is binary input that may be absent, or may not have decoded.
type Field struct {
	Bytes []byte
	Set   bool
	Err   error // of base64
}

// SignOptions are the options of sign and verify as a request spells them.
type SignOptions struct {
	Hash       string // "": sha2-256
	Prehashed  bool
	Padding    string // "", "pss", "pkcs1v15"; RSA only
	Marshaling string // "", "asn1", "jws"
	Salt       string // "", "auto", "hash", a number
}

// Item is one thing to work on. Which fields count depends on the verb.
type Item struct {
	Input      Field  // of sign and verify; the plaintext of encrypt
	Signature  string // of verify
	Ciphertext string // of decrypt
	AAD        Field
	OtherMAC   bool  // of verify: an hmac or cmac was given, which these keys do not make
	Context    Field // refused: keys here are not derived
	Nonce      Field // refused: nonces are the server's
	Version    int64 // of sign and encrypt; 0 is the latest
}

// Result is what became of an Item.
type Result struct {
	Text    string // signature or ciphertext, "vault:v<N>:<base64>"
	Plain   []byte // of decrypt
	Valid   bool   // of verify
	Version uint32
	Err     error // wraps a sentinel; the other fields are zero
}

// MaxBatch is how many items a batch holds.
const MaxBatch = 1000

// transit is one verb on one key with its items, on its way through act.
type transit struct {
	verb    verb
	ref     KeyRef
	items   []Item
	batch   bool
	missing string // what is said when there is no such key
	check   func(k *state.Key) error
	each    func(u *keyring.Use, k *state.Key, it *Item) (Result, [2][]byte, error) // with the bytes to hash for the log
}

// run does a verb for all its items under one Pass and one audit commit. For a
// single request the item's error is the request's; in a batch each item has its
// own.
func (s *Service) run(c *Call, t *transit) ([]Result, error) {
	m, err := c.mount(t.ref)
	if err != nil {
		return nil, s.refuse(c, verb{operation: t.verb.operation, need: t.verb.need}, err)
	}
	t.verb.key = m.UUID + "/" + t.ref.Name
	results := make([]Result, len(t.items))
	err = s.act(c, t.verb, func(a *gate.Admission) error {
		a.Record.Key = t.ref.Name
		if len(t.items) > MaxBatch {
			return saying(ErrBadRequest, "batch_input holds %d items; at most %d are taken at once", len(t.items), MaxBatch)
		}
		if t.batch && len(t.items) == 0 {
			return saying(ErrBadRequest, "missing batch input to process")
		}
		k := c.view.Key(m.UUID, t.ref.Name)
		if k == nil {
			return saying(ErrKeyNotFound, "%s", t.missing)
		}
		if err := inUse(k); err != nil {
			return err
		}
		a.Record.Alg = string(k.Type)
		if err := t.check(k); err != nil {
			return err
		}
		use, err := s.keys.Open(a.Pass(), t.verb.action, t.verb.key)
		if err != nil {
			return err
		}
		defer use.Close()
		if t.batch {
			return s.runBatch(c, t, a, use, k, results)
		}
		var seen [2][]byte
		results[0], seen, err = t.each(use, k, &t.items[0])
		a.Record.KeyVersion = results[0].Version
		if v := c.view.Version(k.Mount, k.Name, results[0].Version); v != nil {
			a.Record.KID = v.KID
		}
		a.Record.Input, a.Record.Output = s.hashOf(seen[0]), s.hashOf(seen[1])
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// hashOf is the keyed hash of a sensitive value for the log; "" for nil, which
// stands for absent.
func (s *Service) hashOf(b []byte) string {
	if b == nil {
		return ""
	}
	return s.gate.Hash(b)
}

func (s *Service) runBatch(c *Call, t *transit, a *gate.Admission, use *keyring.Use, k *state.Key, results []Result) error {
	a.Record.Items = len(t.items)
	hashes := make([]audit.ItemHash, len(t.items))
	for i := range t.items {
		r, seen, err := t.each(use, k, &t.items[i])
		if err = translate(err); err != nil {
			if outcome(err) != audit.OutcomeRefused {
				return err // the node's fault, which is no item's
			}
			r = Result{Err: err}
		}
		results[i] = r
		hashes[i] = audit.ItemHash{Index: i, Input: s.hashOf(seen[0]), Output: s.hashOf(seen[1]), Code: Code(err), KeyVersion: r.Version}
	}
	for chunk, from := 1, 0; from < len(hashes); chunk, from = chunk+1, from+audit.ChunkItems {
		a.Chunks = append(a.Chunks, &audit.Record{
			Type: audit.TypeChunk, RequestID: c.RequestID, Operation: t.verb.operation, Key: gate.Scrub(t.ref.Name), Chunk: chunk,
			Hashes: hashes[from:min(from+audit.ChunkItems, len(hashes))],
		})
	}
	return nil
}

// options turns a request's spelling into the keyring's, in Vault's words.
func (o *SignOptions) options() (keyring.Options, error) {
	var out keyring.Options
	var err error
	if out.Hash, err = keyring.ParseHash(o.Hash); err != nil {
		return out, err
	}
	if out.Salt, err = keyring.ParseSalt(o.Salt); err != nil {
		return out, err
	}
	out.Prehashed = o.Prehashed
	switch o.Padding {
	case "", "pss":
	case "pkcs1v15":
		out.PKCS1v15 = true
	default:
		return out, saying(ErrBadRequest, "unsupported signature algorithm %s; use pss or pkcs1v15", state.Quote(o.Padding))
	}
	switch o.Marshaling {
	case "", "asn1":
	case "jws":
		out.JWS = true
	default:
		return out, saying(ErrBadRequest, "invalid marshaling type %s; use asn1 or jws", state.Quote(o.Marshaling))
	}
	return out, nil
}

// take checks the fields that all items share and returns the input.
func (it *Item) take(missing string) ([]byte, error) {
	if it.Context.Set && len(it.Context.Bytes) > 0 || it.Context.Err != nil {
		return nil, saying(ErrUnsupported, "this key is not derived, and takes no context")
	}
	if it.Nonce.Set && len(it.Nonce.Bytes) > 0 || it.Nonce.Err != nil {
		return nil, saying(ErrUnsupported, "nonces are chosen by the server")
	}
	if it.AAD.Err != nil {
		return nil, saying(ErrBadRequest, "unable to decode associated_data as base64: %s", it.AAD.Err)
	}
	if !it.Input.Set {
		return nil, saying(ErrBadRequest, "%s", missing)
	}
	if it.Input.Err != nil {
		return nil, saying(ErrBadRequest, "unable to decode input as base64: %s", it.Input.Err)
	}
	return it.Input.Bytes, nil
}

// forward is the version that signs or encrypts: the one asked for, or the latest.
func (c *Call) forward(k *state.Key, asked int64, doing string) (*state.KeyVersion, error) {
	switch {
	case asked < 0:
		return nil, saying(ErrBadRequest, "requested version for %s is negative", doing)
	case asked > int64(k.Latest):
		return nil, saying(ErrVersionTooNew, "requested version for %s is higher than the latest key version", doing)
	case asked != 0 && asked < int64(max(k.MinEncryption, k.MinDecryption, k.MinAvailable)):
		// Below the minimum for decryption as well: nobody could read it.
		return nil, saying(ErrVersionTooOld, "requested version for %s is less than the minimum encryption key version", doing)
	}
	number := uint32(asked)
	if number == 0 {
		number = k.Latest
	}
	return c.version(k, number)
}

// backward is the version that verifies or decrypts what it once made.
func (c *Call) backward(k *state.Key, number uint32, kind *Error) (*state.KeyVersion, error) {
	switch {
	case number > k.Latest:
		return nil, saying(ErrVersionTooNew, "%s: version is too new", kind.text)
	case number < k.MinDecryption || number < k.MinAvailable:
		return nil, ErrVersionTooOld
	}
	return c.version(k, number)
}

func (c *Call) version(k *state.Key, number uint32) (*state.KeyVersion, error) {
	v := c.view.Version(k.Mount, k.Name, number)
	if v == nil {
		return nil, fmt.Errorf("key %s has no version %d", k.Name, number)
	}
	if v.State != state.Active {
		return nil, saying(ErrBadRequest, "version %d of the key is %s", number, v.State)
	}
	return v, nil
}

// Sign signs each item. It needs update. A single request's error is the
// item's; items of a batch have their own.
//
// Errors: ErrKeyNotFound, ErrKeyTypeUnsupported, ErrBadRequest, ErrVersionTooNew,
// ErrVersionTooOld.
func (s *Service) Sign(c *Call, ref KeyRef, opts SignOptions, items []Item, batch bool) ([]Result, error) {
	var o keyring.Options
	return s.run(c, &transit{
		verb: verb{operation: "transit/sign", need: policy.Update, action: pass.Sign}, ref: ref, items: items, batch: batch,
		missing: "signing key not found",
		check: func(k *state.Key) (err error) {
			if !k.Type.Signs() {
				return saying(ErrKeyTypeUnsupported, "key type %s does not support signing", k.Type)
			}
			if o, err = opts.options(); err != nil {
				return err
			}
			return o.CheckSign(k.Type)
		},
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			input, err := it.take("missing input to sign")
			if err != nil {
				return r, seen, err
			}
			seen[0] = input
			v, err := c.forward(k, it.Version, "signing")
			if err != nil {
				return r, seen, err
			}
			sig, err := u.Sign(v, o, input)
			if err != nil {
				return r, seen, err
			}
			seen[1] = sig
			return Result{Text: formatResult(v.Number, sig, o.JWS), Version: v.Number}, seen, nil
		},
	})
}

// Verify checks each item's signature. It needs update. A well-formed signature
// that does not verify is no error. Errors: as Sign, and ErrBadSignature.
func (s *Service) Verify(c *Call, ref KeyRef, opts SignOptions, items []Item, batch bool) ([]Result, error) {
	var o keyring.Options
	return s.run(c, &transit{
		verb: verb{operation: "transit/verify", need: policy.Update, action: pass.Verify}, ref: ref, items: items, batch: batch,
		missing: "signature verification key not found",
		check: func(k *state.Key) (err error) {
			if !k.Type.Signs() {
				return saying(ErrKeyTypeUnsupported, "key type %s does not support verification", k.Type)
			}
			if o, err = opts.options(); err != nil {
				return err
			}
			return o.Check(k.Type)
		},
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			input, err := it.take("missing input to verify")
			if err != nil {
				return r, seen, err
			}
			seen[0] = input
			if it.OtherMAC {
				return r, seen, saying(ErrUnsupported, "hmac and cmac are not supported; send 'signature'")
			}
			number, sig, err := parseResult(it.Signature, o.JWS, ErrBadSignature)
			if err != nil {
				return r, seen, err
			}
			v, err := c.backward(k, number, ErrBadSignature)
			if err != nil {
				return r, seen, err
			}
			seen[1] = sig
			valid, err := u.Verify(v, o, input, sig)
			return Result{Valid: valid, Version: number}, seen, err
		},
	})
}

// Encrypt encrypts each item's input. It needs update, and never makes a key.
// Errors: ErrKeyNotFound, ErrKeyTypeUnsupported, ErrBadRequest, ErrVersion….
func (s *Service) Encrypt(c *Call, ref KeyRef, items []Item, batch bool) ([]Result, error) {
	return s.run(c, &transit{
		verb: verb{operation: "transit/encrypt", need: policy.Update, action: pass.Encrypt}, ref: ref, items: items, batch: batch,
		missing: "encryption key not found",
		check:   encrypts("encryption"),
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			plain, err := it.take("missing plaintext to encrypt")
			if err != nil {
				return r, seen, err
			}
			seen[0] = plain
			v, err := c.forward(k, it.Version, "encryption")
			if err == nil {
				err = s.bookEncryption(c, v)
			}
			if err != nil {
				return r, seen, err
			}
			ct, err := u.Encrypt(v, plain, it.AAD.Bytes)
			if err != nil {
				return r, seen, err
			}
			seen[1] = ct
			return Result{Text: formatResult(v.Number, ct, false), Version: v.Number}, seen, nil
		},
	})
}

// Decrypt decrypts each item's ciphertext. It needs update. Errors: as Encrypt,
// and ErrBadCiphertext.
func (s *Service) Decrypt(c *Call, ref KeyRef, items []Item, batch bool) ([]Result, error) {
	return s.run(c, &transit{
		verb: verb{operation: "transit/decrypt", need: policy.Update, action: pass.Decrypt}, ref: ref, items: items, batch: batch,
		missing: "encryption key not found",
		check:   encrypts("decryption"),
		each: func(u *keyring.Use, k *state.Key, it *Item) (r Result, seen [2][]byte, err error) {
			it.Input = Field{Set: true} // there is none
			if _, err = it.take(""); err != nil {
				return r, seen, err
			}
			if it.Ciphertext == "" {
				return r, seen, saying(ErrBadRequest, "missing ciphertext to decrypt")
			}
			number, ct, err := parseResult(it.Ciphertext, false, ErrBadCiphertext)
			if err != nil {
				return r, seen, err
			}
			seen[0] = ct
			v, err := c.backward(k, number, ErrBadCiphertext)
			if err != nil {
				return r, seen, err
			}
			plain, err := u.Decrypt(v, ct, it.AAD.Bytes)
			if err != nil {
				return r, seen, err
			}
			seen[1] = plain
			return Result{Plain: plain, Version: number}, seen, nil
		},
	})
}

func encrypts(what string) func(k *state.Key) error {
	return func(k *state.Key) error {
		if !k.Type.Encrypts() {
			return saying(ErrKeyTypeUnsupported, "key type %s does not support %s", k.Type, what)
		}
		return nil
	}
}
