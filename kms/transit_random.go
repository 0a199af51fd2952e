package kms

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Bounds on random, in bytes.
const (
	MaxRandom      = 128 << 10 // one item
	MaxRandomBatch = 1 << 20   // all items of a batch
)

// keyless is a verb on a mount that uses no key.
type keyless struct {
	operation string
	mount     string
	items     []Item
	batch     bool
	check     func(a *gate.Admission) error // and says in the record what is done
	each      func(it *Item) (Result, [2][]byte, error)
}

// runKeyless is run without a key.
func (s *Service) runKeyless(c *Call, t *keyless) ([]Result, error) {
	results := make([]Result, len(t.items))
	err := s.act(c, verb{operation: t.operation, need: policy.Update}, func(a *gate.Admission) error {
		if _, err := c.mount(KeyRef{Mount: t.mount}); err != nil {
			return err
		}
		if err := checkBatch(t.items, t.batch); err != nil {
			return err
		}
		if err := t.check(a); err != nil {
			return err
		}
		if t.batch {
			return s.runBatch(c, a, t.items, results, t.each)
		}
		r, seen, err := t.each(&t.items[0])
		results[0] = r
		a.Record.Input, a.Record.Output = s.hashOf(seen[0]), s.hashOf(seen[1])
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// Random returns random bytes as text. It needs update. They come from the
// operating system, whichever source is named. The record says how many there
// were and holds no hash of them: what is asked for here becomes a key or a
// password, and a hash would let whoever has the audit key try guesses.
//
// Errors: ErrBadRequest, ErrUnsupported.
func (s *Service) Random(c *Call, mount, source string, items []Item, batch bool) ([]Result, error) {
	return s.runKeyless(c, &keyless{
		operation: "transit/random", mount: mount, items: items, batch: batch,
		check: func(a *gate.Admission) error {
			switch source {
			case "", "platform", "all":
			case "seal":
				return saying(ErrUnsupported, "the seal is no source of random bytes; use platform or all")
			default:
				return saying(ErrBadRequest, "unsupported source of random bytes %s; use platform or all", state.Quote(source))
			}
			var total int64
			for i := range items {
				total += min(max(items[i].Count, 0), MaxRandom+1)
			}
			if total > MaxRandomBatch {
				return saying(ErrBadRequest, "more than %d random bytes in all; ask for them in several requests", MaxRandomBatch)
			}
			a.Record.Fields = map[string]string{"bytes": fmt.Sprint(total)}
			return nil
		},
		each: func(it *Item) (r Result, seen [2][]byte, err error) {
			if it.Count < 1 || it.Count > MaxRandom {
				return r, seen, saying(ErrBadRequest, "bytes must be between 1 and %d, not %d", MaxRandom, it.Count)
			}
			b := make([]byte, it.Count)
			_, _ = rand.Read(b) // does not fail: crypto/rand ends the process instead
			r.Text, err = encodeAs(it.Format, "base64", b)
			return r, seen, err
		},
	})
}

// Hash returns the hash of each item's input as text, in hex unless format says
// base64. It needs update. Errors: ErrBadRequest.
func (s *Service) Hash(c *Call, mount, algorithm, format string, items []Item, batch bool) ([]Result, error) {
	var h keyring.Hash
	return s.runKeyless(c, &keyless{
		operation: "transit/hash", mount: mount, items: items, batch: batch,
		check: func(a *gate.Admission) (err error) {
			if h, err = keyring.ParseHash(algorithm); err != nil {
				return err
			}
			if err := h.CheckSum(); err != nil {
				return err
			}
			a.Record.Alg = string(h)
			_, err = encodeAs(format, "hex", nil)
			return err
		},
		each: func(it *Item) (r Result, seen [2][]byte, err error) {
			input, err := it.take("missing input to hash")
			if err != nil {
				return r, seen, err
			}
			sum := h.Sum(input)
			r.Text, err = encodeAs(format, "hex", sum)
			return r, [2][]byte{input, sum}, err
		},
	})
}

// encodeAs writes b as text in the format asked for, or the usual one.
func encodeAs(format, usual string, b []byte) (string, error) {
	if format == "" {
		format = usual
	}
	switch format {
	case "hex":
		return hex.EncodeToString(b), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(b), nil
	}
	return "", saying(ErrBadRequest, "unsupported encoding format %s; use base64 or hex", state.Quote(format))
}
