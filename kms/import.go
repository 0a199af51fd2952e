package kms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// KeyImport is a private key that was made elsewhere, wrapped for the wrapping key
// of the mount. Whoever has the ciphertext and may import has the use of the key.
type KeyImport struct {
	Ciphertext Field
	Hash       string // of OAEP: SHA1, SHA224, SHA256 (or ""), SHA384, SHA512
	KID        string // of an issuer's key: the kid that tokens name; "" for the thumbprint
}

// ImportKeyRequest asks for a key of a private key that was made elsewhere.
type ImportKeyRequest struct {
	KeyImport
	Type          string // "": aes256-gcm96
	AllowRotation bool   // later versions may be made here
	PublicKey     bool   // a public key alone was given
	Derived       bool
	Exportable    bool
	Backup        bool          // allow_plaintext_backup
	AutoRotate    time.Duration // 0, or at least an hour, and with AllowRotation
}

// ImportVersionRequest asks for the next version of an imported key.
type ImportVersionRequest struct {
	KeyImport
	PublicKey bool // a public key alone was given
	Version   bool // a version was named
}

// maxKID is how long a kid that somebody chose is at most.
const maxKID = 128

// action is what the Pass of a verb is for that makes a version, or imports i.
func (i *KeyImport) action() pass.Action {
	if i == nil {
		return pass.Generate
	}
	return pass.Import
}

// check refuses what is wrong before anything is unwrapped. Error: ErrBadRequest.
func (i *KeyImport) check() error {
	switch {
	case !i.Ciphertext.Set:
		return saying(ErrBadRequest, "'ciphertext' is missing: the key, wrapped for what transit/wrapping_key answers")
	case i.Ciphertext.Err != nil:
		return saying(ErrBadRequest, "unable to decode 'ciphertext' as base64")
	case keyring.CheckWrapHash(i.Hash) != nil:
		return saying(ErrBadRequest, "'hash_function' is one of %v", keyring.WrapHashes())
	}
	return nil
}

// checkKID refuses what no kid is. It stands in the header of every token, in the
// JWKS and in commands, so it is as plain as kids of this world are: base64 of both
// alphabets, hex, names and thumbprints. Error: ErrBadRequest.
func checkKID(kid string) error {
	bad := len(kid) > maxKID || gate.LooksSecret(kid)
	for i := 0; i < len(kid) && !bad; i++ {
		c := kid[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		bad = !letter && c != '.' && c != '_' && c != '~' && c != '-' && c != '+' && c != '/' && c != '=' && c != ':'
	}
	if bad {
		return saying(ErrBadRequest, "'kid' has 1 to %d letters, digits and characters of ._~-+/=: and is no secret; leave it out for the thumbprint of the key (RFC 7638)", maxKID)
	}
	return nil
}

// importVersion makes version at of an imported key. shortest is the bytes that an
// hmac key has at least, 0 for any. size is how many it has.
// Errors: ErrBadRequest, ErrUnwrapFailed, ErrKeyRejected.
func (s *Service) importVersion(ctx context.Context, c *Call, a *gate.Admission, at versionID, typ state.KeyType, shortest int, i *KeyImport) (v *state.KeyVersion, size int, err error) {
	a.Record.Input = s.hashOf(i.Ciphertext.Bytes)
	note(a, "imported", "true")
	if err := i.check(); err != nil {
		return nil, 0, err
	}
	wrapping := c.view.WrappingKey(at.mount)
	if wrapping == nil {
		return nil, 0, saying(ErrBadRequest, "nothing was wrapped for this cluster, which has no wrapping key yet: read wrapping_key first")
	}
	leave, err := s.maker(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	g, size, err := s.keys.Import(a.Pass(), at.mount, at.name, at.number, typ, &keyring.Imported{
		Wrapping: wrapping, Ciphertext: i.Ciphertext.Bytes, Hash: i.Hash, MinSize: shortest, KID: i.KID,
	})
	if err != nil {
		return nil, 0, err
	}
	a.Record.KeyVersion, a.Record.KID = at.number, g.KID
	if len(g.Public) != 0 {
		sum := sha256.Sum256(g.Public)
		note(a, "public_sha256", hex.EncodeToString(sum[:]))
	}
	if err := c.notKnown(at, g.Public); err != nil {
		return nil, 0, err
	}
	return &state.KeyVersion{
		Mount: at.mount, Name: at.name, Number: at.number, Type: typ, State: state.Active,
		KID: g.KID, Public: g.Public, Sealed: g.Sealed, Imported: true,
	}, size, nil
}

// notKnown refuses a key that is another version already: what was given up or
// destroyed must not come back under another number. Error: ErrBadRequest.
func (c *Call) notKnown(at versionID, public []byte) (err error) {
	k := c.view.Key(at.mount, at.name)
	if k == nil || len(public) == 0 {
		return nil
	}
	c.view.EachVersion(k, func(v *state.KeyVersion) {
		if string(v.Public) == string(public) {
			err = saying(ErrBadRequest, "this key is version %d of %s already, which is %s", v.Number, k.Name, v.State)
		}
	})
	return err
}

// issuerVersion makes version at of an issuer's key: of i, or a new one of size
// bytes if i is nil. Of an imported one it returns the size that it has.
func (s *Service) issuerVersion(ctx context.Context, c *Call, a *gate.Admission, at versionID, typ state.KeyType, alg jose.Alg, size int, i *KeyImport) (*state.KeyVersion, int, error) {
	if i == nil {
		v, err := s.generate(ctx, a, at.mount, at.name, at.number, typ, size)
		return v, size, err
	}
	if err := checkKID(i.KID); err != nil {
		return nil, 0, err
	}
	v, size, err := s.importVersion(ctx, c, a, at, typ, alg.MinKeySize(), i)
	if errors.Is(err, keyring.ErrImport) { // it speaks of a type, and the caller chose an alg
		err = fmt.Errorf("%w (alg is %s)", err, alg)
	}
	if err == nil && c.view.KIDTaken(at.mount, at.name, v.KID) {
		err = saying(ErrBadRequest, "a key of the issuer %s has, or had, this kid; tokens name their key by nothing else", at.name)
	}
	return v, size, err
}

// ImportKey makes a key of a private key that was made elsewhere. It needs update.
//
// Errors: ErrUnknownKeyType, ErrExportRefused, ErrUnsupported, ErrBadRequest for a
// name that is in use too, ErrKeyBound, ErrKeyDeleted, ErrUnwrapFailed, ErrKeyRejected.
func (s *Service) ImportKey(ctx context.Context, c *Call, ref KeyRef, req ImportKeyRequest) (KeyInfo, error) {
	const operation = "transit/keys/import"
	mount, unlock, err := s.claim(ctx, c, ref, operation)
	if err != nil {
		return KeyInfo{}, err
	}
	defer unlock()
	result, err := s.write(ctx, c, verb{operation: operation, need: policy.Update, action: pass.Import, key: mount + "/" + ref.Name}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		if err := req.check(ref.Name); err != nil {
			return nil, err
		}
		if old := c.view.Key(mount, ref.Name); old != nil {
			return nil, firstError(inUse(old), saying(ErrBadRequest, "the import path cannot be used with an existing key; use import_version to add a version to an imported key"))
		}
		typ := state.KeyType(req.Type)
		if typ == "" {
			typ = state.AES256GCM
		}
		note(a, "key_type", string(typ))
		v, size, err := s.importVersion(ctx, c, a, versionID{mount, ref.Name, c.view.FirstVersion(mount, ref.Name)}, typ, 0, &req.KeyImport)
		if err != nil {
			return nil, err
		}
		return &state.CreateKey{
			Key: state.Key{Mount: mount, Name: ref.Name, Type: typ, AutoRotate: int64(req.AutoRotate / time.Second), KeySize: uint32(size),
				Imported: true, ImportRotation: req.AllowRotation},
			Version: *v,
		}, nil
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return s.written(c, ref, result)
}

func (r *ImportKeyRequest) check(name string) error {
	create := CreateKeyRequest{Type: r.Type, Derived: r.Derived, Exportable: r.Exportable, Backup: r.Backup, AutoRotate: r.AutoRotate}
	if err := firstError(publicAlone(r.PublicKey), create.check()); err != nil {
		return err
	}
	switch {
	case gate.LooksSecret(name):
		return saying(ErrBadRequest, "the key's name looks like a token or a share, and names are shown to everybody who may list them")
	case r.AutoRotate != 0 && !r.AllowRotation:
		return saying(ErrBadRequest, "allow_rotation must be set to true if auto-rotation is enabled")
	}
	return nil
}

func publicAlone(given bool) error {
	if !given {
		return nil
	}
	return saying(ErrUnsupported, "a public key alone is not imported: verify with it where it is, or import the private key as 'ciphertext'")
}

// ImportKeyVersion adds a version to an imported key, which signs and encrypts from
// then on, or when the key's lead time is over. It needs update.
//
// Errors: ErrKeyNotFound, ErrKeyDeleted, ErrKeyBound, ErrBadRequest for a key that was
// not imported too, ErrBadTransition, ErrUnwrapFailed, ErrKeyRejected.
func (s *Service) ImportKeyVersion(ctx context.Context, c *Call, ref KeyRef, req ImportVersionRequest) (KeyInfo, error) {
	const operation = "transit/keys/import-version"
	mount, unlock, err := s.claim(ctx, c, ref, operation)
	if err != nil {
		return KeyInfo{}, err
	}
	defer unlock()
	result, err := s.write(ctx, c, verb{operation: operation, need: policy.Update, action: pass.Import, key: mount + "/" + ref.Name}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, saying(ErrKeyNotFound, "no key found with name %s; to import a new key, use the import/ endpoint", gate.Scrub(ref.Name)))
		if err == nil {
			err = firstError(inUse(k), publicAlone(req.PublicKey), c.notPending(k))
		}
		switch {
		case err != nil:
			return nil, err
		case req.Version:
			return nil, saying(ErrUnsupported, "'version' is for versions that have a public key alone, and there are none; leave it out to add a version")
		case !k.Imported:
			return nil, saying(ErrBadRequest, "the import_version endpoint can only be used with an imported key, which was not rotated here since")
		}
		v, size, err := s.importVersion(ctx, c, a, versionID{k.Mount, k.Name, k.Latest + 1}, k.Type, 0, &req.KeyImport)
		if err != nil {
			return nil, err
		}
		return &state.RotateKey{Version: *v, KeySize: uint32(size)}, nil
	})
	s.nudge() // the new version may be pending
	if err != nil {
		return KeyInfo{}, err
	}
	return s.written(c, ref, result)
}

// mayRotate refuses a version made here to a key that was imported without that.
// Error: ErrRotationNotAllowed.
func mayRotate(k *state.Key) error {
	if !k.Imported || k.ImportRotation || k.Issuer != "" {
		return nil
	}
	return saying(ErrRotationNotAllowed, "imported key %s does not allow rotation here; import its next version with import_version", k.Name)
}
