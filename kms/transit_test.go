package kms

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/policy"
)

// A data key that was asked for wrapped is given in clear nowhere, not even to
// the layer above; and neither is the plaintext of a rewrap.
func TestWrappedDataKeysAndRewrapsHaveNoPlaintext(t *testing.T) {
	n := newNode(t)
	ref := n.key("box", "xchacha20-poly1305")
	wrapped, err := n.DataKey(n.rootCall("transit/datakey/wrapped/box"), ref, DataKeyRequest{})
	if err != nil || wrapped.Plain != nil || wrapped.Text == "" {
		t.Errorf("wrapped: %v", err)
	}
	shown, err := n.DataKey(n.rootCall("transit/datakey/plaintext/box"), ref, DataKeyRequest{Plaintext: true, Bits: 512})
	if err != nil || len(shown.Plain) != 64 || bytes.Equal(shown.Plain, make([]byte, 64)) {
		t.Errorf("plaintext: %d bytes, %v", len(shown.Plain), err)
	}
	opened, err := n.Decrypt(n.rootCall("transit/decrypt/box"), ref, []Item{{Ciphertext: shown.Text}}, false)
	if err != nil || !bytes.Equal(opened[0].Plain, shown.Plain) {
		t.Errorf("the ciphertext is of another key: %v", err)
	}
	fresh, err := n.Rewrap(n.rootCall("transit/rewrap/box"), ref, []Item{{Ciphertext: shown.Text}}, false)
	if err != nil || fresh[0].Plain != nil || fresh[0].Text == shown.Text {
		t.Errorf("rewrap: %v", err)
	}
	if log := n.auditLog(); bytes.Contains(log, shown.Plain) || bytes.Contains(log, []byte(shown.Text)) {
		t.Error("the log holds a data key or its ciphertext")
	}
}

// Who may not use a path is refused there whatever he sends, and learns nothing of
// the mount, the items or the source.
func TestKeylessVerbsAskPolicyFirst(t *testing.T) {
	n := newNode(t)
	c := n.rootCall("transit/random")
	c.Caller = policy.Caller{Accessor: "a"}
	many := make([]Item, MaxBatch+1)
	for what, do := range map[string]func() error{
		"random":           func() error { _, err := n.Random(c, "transit", "", []Item{{Count: 8}}, false); return err },
		"another mount":    func() error { _, err := n.Random(c, "none", "", []Item{{Count: 8}}, false); return err },
		"another source":   func() error { _, err := n.Random(c, "transit", "seal", nil, true); return err },
		"too many items":   func() error { _, err := n.Random(c, "transit", "", many, true); return err },
		"hash":             func() error { _, err := n.Hash(c, "transit", "", "", []Item{{Input: field("x")}}, false); return err },
		"hash, bad format": func() error { _, err := n.Hash(c, "transit", "md5", "x", nil, true); return err },
	} {
		if err := do(); !errors.Is(err, ErrPermissionDenied) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// BenchmarkBatch is a batch of 100 through policy, keyring and audit, without HTTP
// and JSON.
func BenchmarkBatch(b *testing.B) {
	n := newNode(b)
	input := field(strings.Repeat("0123456789abcdef", 16))
	items := make([]Item, 100)
	for i := range items {
		items[i].Input = input
	}
	for name, do := range map[string]func(ref KeyRef, items []Item, batch bool) ([]Result, error){
		"encrypt/aes256-gcm96": func(ref KeyRef, items []Item, batch bool) ([]Result, error) {
			return n.Encrypt(n.rootCall("transit/encrypt/"+ref.Name), ref, items, batch)
		},
		"hmac/hmac": func(ref KeyRef, items []Item, batch bool) ([]Result, error) {
			return n.HMAC(n.rootCall("transit/hmac/"+ref.Name), ref, "", items, batch)
		},
		"sign/ed25519": func(ref KeyRef, items []Item, batch bool) ([]Result, error) {
			return n.Sign(n.rootCall("transit/sign/"+ref.Name), ref, SignOptions{}, items, batch)
		},
	} {
		verb, typ, _ := strings.Cut(name, "/")
		ref := n.key(typ, typ)
		for size, batch := range map[string][]Item{"single": items[:1], "batch": items} {
			b.Run(verb+"/"+size, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := do(ref, batch, size == "batch"); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
