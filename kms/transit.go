package kms

import (
	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/state"
)

// Field is binary input that may be absent, or may not have decoded.
type Field struct {
	Bytes []byte
	Set   bool
	Err   error // of base64
}

// Item is one thing to work on. Which fields count depends on the verb.
type Item struct {
	Input      Field  // of sign and verify; the plaintext of encrypt
	Signature  string // of verify
	HMAC       string // of verify, in place of Signature
	Ciphertext string // of decrypt and rewrap
	AAD        Field
	CMAC       bool   // of verify: a cmac was given, which no key here makes
	Context    Field  // refused: keys here are not derived
	Nonce      Field  // refused: nonces are the server's
	Version    int64  // of sign, hmac, encrypt and rewrap; 0 is the latest
	Count      int64  // of random: bytes
	Format     string // of random: "", "base64", "hex"
}

// Result is what became of an Item.
type Result struct {
	Text    string // signature, hmac or ciphertext, "vault:v<N>:<base64>"; hash or random bytes as text
	Plain   []byte // of decrypt and datakey
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
		if err := checkBatch(t.items, t.batch); err != nil {
			return err
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
			return s.runBatch(c, a, t.items, results, func(it *Item) (Result, [2][]byte, error) { return t.each(use, k, it) })
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

func checkBatch(items []Item, batch bool) error {
	if len(items) > MaxBatch {
		return saying(ErrBadRequest, "batch_input holds %d items; at most %d are taken at once", len(items), MaxBatch)
	}
	if batch && len(items) == 0 {
		return saying(ErrBadRequest, "missing batch input to process")
	}
	return nil
}

// hashOf is the keyed hash of a sensitive value for the log; "" for nil, which
// stands for absent.
func (s *Service) hashOf(b []byte) string {
	if b == nil {
		return ""
	}
	return s.gate.Hash(b)
}

// runBatch works on every item, and fills results and the records of a.
func (s *Service) runBatch(c *Call, a *gate.Admission, items []Item, results []Result, each func(it *Item) (Result, [2][]byte, error)) error {
	a.Record.Items = len(items)
	hashes := make([]audit.ItemHash, len(items))
	for i := range items {
		r, seen, err := each(&items[i])
		if err = translate(err); err != nil {
			if outcome(err) != audit.OutcomeRefused {
				return err // the node's fault, which is no item's
			}
			r = Result{Err: err}
			c.missed = c.missed || absent(err)
		}
		results[i] = r
		hashes[i] = audit.ItemHash{Index: i, Input: s.hashOf(seen[0]), Output: s.hashOf(seen[1]), Code: Code(err), KeyVersion: r.Version}
	}
	for chunk, from := 1, 0; from < len(hashes); chunk, from = chunk+1, from+audit.ChunkItems {
		a.Chunks = append(a.Chunks, &audit.Record{
			Type: audit.TypeChunk, RequestID: c.RequestID, Operation: a.Record.Operation, Key: gate.Scrub(a.Record.Key), Chunk: chunk,
			Hashes: hashes[from:min(from+audit.ChunkItems, len(hashes))],
		})
	}
	return nil
}
