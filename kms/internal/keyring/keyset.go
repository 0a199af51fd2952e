package keyring

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// sealKeyset returns the private half of v as the barrier sealed it, and nothing
// around it: Tink's description of a keyset is not authenticated, so it is left
// out. It has been opened again, to the bytes that Tink made of h. Errors: ErrDamaged,
// those of the barrier.
func sealKeyset(b *barrier.Barrier, v *state.KeyVersion, h *keyset.Handle) ([]byte, error) {
	a, w := newVersionAEAD(b, v), &keysetIO{}
	if err := h.WriteWithAssociatedData(w, a, a.label); err != nil {
		return nil, a.explain()
	}
	return w.sealed, nil
}

// openKeyset returns the key sealed as v, and the one beside it, nil where there is
// none: an hmac key stands alone, and so did every key before each had an HMAC key.
// What they are is for the caller to judge. Errors: ErrDamaged, those of the barrier.
func openKeyset(b *barrier.Barrier, v *state.KeyVersion) (main, side key.Key, err error) {
	a := newVersionAEAD(b, v)
	defer a.wipe()
	h, err := keyset.ReadWithAssociatedData(&keysetIO{sealed: v.Sealed}, a, a.label)
	if err != nil {
		return nil, nil, a.explain()
	}
	if h.Len() > 2 {
		return nil, nil, ErrDamaged
	}
	for i := range h.Len() {
		e, err := h.Entry(i)
		switch {
		case err != nil || e.KeyStatus() != keyset.Enabled:
			return nil, nil, ErrDamaged
		case e.IsPrimary():
			main = e.Key()
		default:
			side = e.Key()
		}
	}
	if main == nil {
		return nil, nil, ErrDamaged
	}
	return main, side, nil
}

// versionAEAD is the barrier as Tink wants to see it, for one version and one
// keyset.
type versionAEAD struct {
	_ [0]func()
	redacted
	b      *barrier.Barrier
	name   barrier.Name
	label  []byte  // the name in words, the only associated data it takes
	err    error   // what the barrier said: Tink keeps the text alone
	opened *[]byte // the clear keyset it gave to Tink
}

func newVersionAEAD(b *barrier.Barrier, v *state.KeyVersion) *versionAEAD {
	const kind = "key-version"
	id := v.ID()
	label := make([]byte, 0, len(kind)+1+len(id)+1+10) // a uint32 has ten digits
	label = append(append(append(append(label, kind...), ' '), id...), ' ')
	return &versionAEAD{
		b:     b,
		name:  barrier.Name{Kind: kind, Name: id, Version: uint64(v.Number)},
		label: strconv.AppendUint(label, uint64(v.Number), 10),
	}
}

// Encrypt seals a serialized keyset, proves that it opens, and overwrites it: Tink makes
// that copy for this call and does not look at it again.
func (a *versionAEAD) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	defer clear(plaintext)
	if !bytes.Equal(associatedData, a.label) {
		return nil, ErrDamaged
	}
	sealed, err := a.b.Seal(a.name, plaintext)
	if err == nil {
		err = a.opensTo(sealed, plaintext)
	}
	if a.err = err; err != nil {
		return nil, err
	}
	return sealed, nil
}

// opensTo proves that sealed bytes open, as this version, to a plaintext and no other.
// Errors: ErrDamaged, those of the barrier.
func (a *versionAEAD) opensTo(sealed, plaintext []byte) error {
	opened, err := a.b.Open(a.name, sealed)
	defer clear(opened)
	if err == nil && subtle.ConstantTimeCompare(opened, plaintext) != 1 {
		err = ErrDamaged
	}
	return err
}

// Decrypt opens a serialized keyset, which wipe overwrites.
func (a *versionAEAD) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	if !bytes.Equal(associatedData, a.label) {
		return nil, ErrDamaged
	}
	opened, err := a.b.Open(a.name, ciphertext)
	a.err, a.opened = err, &opened
	return opened, err
}

// wipe overwrites the clear keyset. Tink has copied the parts it keeps.
func (a *versionAEAD) wipe() {
	if a.opened != nil {
		clear(*a.opened)
	}
}

// explain says why Tink failed. Its own words stay behind: they quote what they
// failed on.
func (a *versionAEAD) explain() error {
	switch {
	case a.err == nil: // it opened, but to no keyset
		return ErrDamaged
	case errors.Is(a.err, barrier.ErrOpen), errors.Is(a.err, barrier.ErrFormat):
		return fmt.Errorf("%w: %w", ErrDamaged, a.err)
	}
	return a.err
}

// errClear: nothing here reads or writes a keyset in clear.
var errClear = errors.New("a keyset in clear is neither read nor written")

// keysetIO is where Tink reads a sealed keyset from and writes one to.
type keysetIO struct{ sealed []byte }

// ReadEncrypted gives Tink the sealed bytes.
func (w *keysetIO) ReadEncrypted() (*tinkpb.EncryptedKeyset, error) {
	return &tinkpb.EncryptedKeyset{EncryptedKeyset: w.sealed}, nil
}

// WriteEncrypted takes the sealed bytes from Tink.
func (w *keysetIO) WriteEncrypted(k *tinkpb.EncryptedKeyset) error {
	w.sealed = k.GetEncryptedKeyset()
	return nil
}

// Read refuses.
func (*keysetIO) Read() (*tinkpb.Keyset, error) { return nil, errClear }

// Write refuses.
func (*keysetIO) Write(*tinkpb.Keyset) error { return errClear }
