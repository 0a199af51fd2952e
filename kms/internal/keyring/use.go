package keyring

import (
	"errors"
	"sync/atomic"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// Use is one action on one key for as long as one request takes: what a spent
// pass gives. It is safe for concurrent use, and its versions may differ from
// item to item.
type Use struct {
	_ [0]func()
	redacted
	k      *Keyring
	action pass.Action
	id     string
	closed atomic.Bool
}

// Open spends p for action on the key with the identity id, which is what
// state.KeyVersion.ID returns. Errors: pass.ErrSpent, pass.ErrWrongUse, ErrSealed.
func (k *Keyring) Open(p *pass.Pass, action pass.Action, id string) (*Use, error) {
	if err := p.Redeem(action, id); err != nil {
		return nil, err
	}
	if k.session.Load() == nil {
		return nil, ErrSealed
	}
	return &Use{k: k, action: action, id: id}, nil
}

// Close ends the Use. It may be called more than once.
func (u *Use) Close() { u.closed.Store(true) }

// admit answers the session for one operation.
// Errors: ErrClosed, pass.ErrWrongUse, ErrSealed.
func (u *Use) admit(action pass.Action, v *state.KeyVersion) (*session, error) {
	if u.closed.Load() {
		return nil, ErrClosed
	}
	if u.action != action || !names(u.id, v) {
		return nil, pass.ErrWrongUse
	}
	s := u.k.session.Load()
	if s == nil {
		return nil, ErrSealed
	}
	return s, nil
}

// names says whether id is v.ID(), without making that string.
func names(id string, v *state.KeyVersion) bool {
	m := len(v.Mount)
	return len(id) == m+1+len(v.Name) && id[:m] == v.Mount && id[m] == '/' && id[m+1:] == v.Name
}

// secret opens the private half of v. Errors: ErrSealed, ErrDamaged.
func (u *Use) secret(s *session, v *state.KeyVersion) (*secret, error) {
	x, err := s.secret(v)
	if err != nil && (errors.Is(err, barrier.ErrWiped) || u.k.session.Load() == nil) {
		return nil, ErrSealed // the node was sealed since admit
	}
	return x, err
}

// Sign spends p on one signature; see Use.Sign.
func (k *Keyring) Sign(p *pass.Pass, v *state.KeyVersion, o Options, input []byte) ([]byte, error) {
	u, err := k.Open(p, pass.Sign, v.ID())
	if err != nil {
		return nil, err
	}
	defer u.Close()
	return u.Sign(v, o, input)
}

// Verify spends p on one check of a signature; see Use.Verify.
func (k *Keyring) Verify(p *pass.Pass, v *state.KeyVersion, o Options, input, sig []byte) (bool, error) {
	u, err := k.Open(p, pass.Verify, v.ID())
	if err != nil {
		return false, err
	}
	defer u.Close()
	return u.Verify(v, o, input, sig)
}

// Encrypt spends p on one plaintext; see Use.Encrypt.
func (k *Keyring) Encrypt(p *pass.Pass, v *state.KeyVersion, plaintext, aad []byte) ([]byte, error) {
	u, err := k.Open(p, pass.Encrypt, v.ID())
	if err != nil {
		return nil, err
	}
	defer u.Close()
	return u.Encrypt(v, plaintext, aad)
}

// Decrypt spends p on one ciphertext; see Use.Decrypt.
func (k *Keyring) Decrypt(p *pass.Pass, v *state.KeyVersion, ciphertext, aad []byte) ([]byte, error) {
	u, err := k.Open(p, pass.Decrypt, v.ID())
	if err != nil {
		return nil, err
	}
	defer u.Close()
	return u.Decrypt(v, ciphertext, aad)
}
