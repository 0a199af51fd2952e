package kms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/internal/keyring"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// KeyRef names a key: the mount's path without its slash ("transit") and the
// key's name.
type KeyRef struct {
	Mount string
	Name  string
}

// KeyInfo describes a key. It holds no private half.
type KeyInfo struct {
	*state.Key
	Versions []*state.KeyVersion // from MinAvailable on, in order
}

// CreateKeyRequest asks for a new key.
type CreateKeyRequest struct {
	Type       string // "": aes256-gcm96
	Derived    bool
	Convergent bool
	Exportable bool
	Backup     bool          // allow_plaintext_backup
	AutoRotate time.Duration // 0, or at least an hour
	KeySize    int           // bytes of an hmac key, 0 for 32; 0 for other types
}

// mount finds the mount of ref. ErrNoMount if there is none.
func (c *Call) mount(ref KeyRef) (*state.Mount, error) {
	if m := c.view.Mount(ref.Mount + "/"); m != nil {
		return m, nil
	}
	return nil, saying(ErrNoMount, "no engine is mounted at %s/", gate.Scrub(ref.Mount))
}

// key finds the key of ref; missing is what to say when there is none.
func (c *Call) key(ref KeyRef, missing error) (*state.Key, error) {
	m, err := c.mount(ref)
	if err != nil {
		return nil, err
	}
	if k := c.view.Key(m.UUID, ref.Name); k != nil {
		return k, nil
	}
	return nil, missing
}

func (s *Service) info(st *state.State, k *state.Key) KeyInfo {
	info := KeyInfo{Key: k}
	st.Versions(k.Mount, k.Name, k.MinAvailable, func(v *state.KeyVersion) { info.Versions = append(info.Versions, v) })
	return info
}

// current describes a key as it is right after a write of this request.
func (s *Service) current(c *Call, ref KeyRef) (KeyInfo, error) {
	k, err := c.key(ref, ErrKeyNotFound)
	if err != nil {
		return KeyInfo{}, err
	}
	return s.info(c.view.State, k), nil
}

// CreateKey makes a key with one version. It needs update, as in Vault, or create
// if the key does not exist. If it exists nothing changes and a warning says so.
//
// Errors: ErrUnknownKeyType, ErrExportRefused, ErrUnsupported, ErrBadRequest.
func (s *Service) CreateKey(ctx context.Context, c *Call, ref KeyRef, req CreateKeyRequest) (KeyInfo, error) {
	mount, unlock, err := s.claim(ctx, c, ref, "transit/keys/create")
	if err != nil {
		return KeyInfo{}, err
	}
	defer unlock()
	exists := c.view.Key(mount, ref.Name) != nil
	need := policy.Update
	if !exists && c.Caller.Allow(c.Path, policy.Create) {
		need = policy.Create
	}
	_, err = s.write(ctx, c, verb{operation: "transit/keys/create", need: need, action: pass.Generate, key: mount + "/" + ref.Name}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		if err := req.check(); err != nil {
			return nil, err
		}
		if gate.LooksSecret(ref.Name) {
			return nil, saying(ErrBadRequest, "the key's name looks like a token or a share, and names are shown to everybody who may list them")
		}
		if exists {
			return nil, nil
		}
		typ := state.KeyType(req.Type)
		if typ == "" {
			typ = state.AES256GCM
		}
		size, err := keyring.CheckKeySize(typ, req.KeySize)
		if err != nil {
			return nil, err
		}
		v, err := s.generate(ctx, a, mount, ref.Name, c.view.FirstVersion(mount, ref.Name), typ, size)
		if err != nil {
			return nil, err
		}
		return &state.CreateKey{
			Key:     state.Key{Mount: mount, Name: ref.Name, Type: typ, AutoRotate: int64(req.AutoRotate / time.Second), KeySize: uint32(size)},
			Version: *v,
		}, nil
	})
	if errors.Is(err, state.ErrKeyExists) {
		exists, err = true, nil
		s.refresh(c)
	}
	if err != nil {
		return KeyInfo{}, err
	}
	if exists {
		c.Warnings = append(c.Warnings, fmt.Sprintf("key %s already existed", ref.Name))
	}
	return s.current(c, ref)
}

func (r *CreateKeyRequest) check() error {
	switch typ := state.KeyType(r.Type); {
	case r.Type != "" && !typ.Known():
		return saying(ErrUnknownKeyType, "unknown key type %s; use one of %v", state.Quote(r.Type), state.KeyTypes())
	case r.Exportable:
		return saying(ErrExportRefused, "exportable keys do not exist: private keys leave by no path")
	case r.Backup:
		return saying(ErrExportRefused, "plaintext backup does not exist: private keys leave by no path")
	case r.Derived || r.Convergent:
		return saying(ErrUnsupported, "derived and convergent keys are not supported")
	}
	if _, err := keyring.CheckKeySize(state.KeyType(r.Type), r.KeySize); err != nil {
		return err
	}
	return checkAutoRotate(r.AutoRotate)
}

func checkAutoRotate(d time.Duration) error {
	if d != 0 && d < time.Hour || d > 100*365*24*time.Hour {
		return saying(ErrBadRequest, "auto_rotate_period must be 0 to disable or at least an hour")
	}
	return nil
}

// refuse ends a verb with err, but asks policy first: who may not use a path is
// not told what is there.
func (s *Service) refuse(c *Call, v verb, err error) error {
	return s.act(c, v, func(*gate.Admission) error { return err })
}

// claim takes the lock of a key that is about to be changed, and then moves the
// call to the newest view. It returns the mount's UUID.
func (s *Service) claim(ctx context.Context, c *Call, ref KeyRef, operation string) (mount string, unlock func(), err error) {
	m, err := c.mount(ref)
	if err != nil {
		return "", nil, s.refuse(c, verb{operation: operation, need: policy.Update}, err)
	}
	unlock, err = s.keyLocks.lock(ctx, m.UUID+"/"+ref.Name)
	if err != nil {
		s.Reject(c.Origin, c, err)
		return "", nil, err
	}
	s.refresh(c)
	return m.UUID, unlock, nil
}

// refresh moves a call that writes to the newest view: the state it changes is
// the one it looks at, under the key's lock.
func (s *Service) refresh(c *Call) {
	if v := s.view.Load(); v != nil {
		c.view = v
	}
}

func (s *Service) generate(ctx context.Context, a *gate.Admission, mount, name string, number uint32, typ state.KeyType, size int) (*state.KeyVersion, error) {
	// Making an RSA key keeps a processor busy for seconds. More at once would
	// make none sooner, and take the processors from those who sign.
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return nil, saying(ErrBusy, "too many keys are being made; nothing was done, try again")
	}
	g, err := s.keys.Generate(a.Pass(), mount, name, number, typ, size)
	if err != nil {
		return nil, err
	}
	a.Record.KeyVersion, a.Record.KID = number, g.KID
	return &state.KeyVersion{
		Mount: mount, Name: name, Number: number, Type: typ, State: state.Active,
		KID: g.KID, Public: g.Public, Sealed: g.Sealed,
	}, nil
}

// ReadKey describes a key. It needs read. Errors: ErrNotFound.
func (s *Service) ReadKey(c *Call, ref KeyRef) (KeyInfo, error) {
	var info KeyInfo
	err := s.act(c, verb{operation: "transit/keys/read", need: policy.Read}, func(a *gate.Admission) error {
		a.Record.Key = ref.Name
		k, err := c.key(ref, ErrNotFound)
		if err != nil {
			return err
		}
		info = s.info(c.view.State, k)
		return nil
	})
	return info, err
}

// ListKeys returns the names of a mount's keys, sorted. It needs list. Errors:
// ErrNotFound when there are none.
func (s *Service) ListKeys(c *Call, mount string) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "transit/keys/list", need: policy.List}, func(*gate.Admission) error {
		m, err := c.mount(KeyRef{Mount: mount})
		if err != nil {
			return err
		}
		if names = c.view.KeyNames(m.UUID); len(names) == 0 {
			return ErrNotFound
		}
		return nil
	})
	return names, err
}

// ConfigKeyRequest changes what is not nil.
type ConfigKeyRequest struct {
	MinDecryption   *int64
	MinEncryption   *int64
	DeletionAllowed *bool
	AutoRotate      *time.Duration
	Exportable      bool
	Backup          bool
}

// ConfigKey changes a key's settings. It needs update. Errors: ErrKeyNotFound,
// ErrBadRequest, ErrExportRefused.
func (s *Service) ConfigKey(ctx context.Context, c *Call, ref KeyRef, req ConfigKeyRequest) (KeyInfo, error) {
	_, err := s.write(ctx, c, verb{operation: "transit/keys/config", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, saying(ErrKeyNotFound, "no existing key named %s could be found", gate.Scrub(ref.Name)))
		if err != nil {
			return nil, err
		}
		return req.command(k, a)
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return s.current(c, ref)
}

func (r *ConfigKeyRequest) command(k *state.Key, a *gate.Admission) (state.Command, error) {
	if r.Exportable || r.Backup {
		return nil, saying(ErrExportRefused, "exportable and allow_plaintext_backup cannot be set: private keys leave by no path")
	}
	cmd := &state.ConfigKey{Mount: k.Mount, Name: k.Name, DeletionAllowed: r.DeletionAllowed}
	changed := map[string]string{}
	for _, m := range []struct {
		name string
		from *int64
		to   **uint32
	}{{"min_decryption_version", r.MinDecryption, &cmd.MinDecryption}, {"min_encryption_version", r.MinEncryption, &cmd.MinEncryption}} {
		if m.from == nil {
			continue
		}
		if *m.from < 0 || *m.from > int64(k.Latest) {
			return nil, saying(ErrBadRequest, "%s must be between 0 and the latest version %d", m.name, k.Latest)
		}
		n := uint32(*m.from)
		*m.to, changed[m.name] = &n, fmt.Sprint(n)
	}
	if r.DeletionAllowed != nil {
		changed["deletion_allowed"] = fmt.Sprint(*r.DeletionAllowed)
	}
	if r.AutoRotate != nil {
		if err := checkAutoRotate(*r.AutoRotate); err != nil {
			return nil, err
		}
		seconds := int64(*r.AutoRotate / time.Second)
		cmd.AutoRotate, changed["auto_rotate_period"] = &seconds, fmt.Sprint(seconds)
	}
	a.Record.Fields = changed
	if len(changed) == 0 {
		return nil, nil
	}
	return cmd, nil
}

// RotateKey adds a version, which signs and encrypts from then on. It needs
// update. Errors: ErrKeyNotFound.
func (s *Service) RotateKey(ctx context.Context, c *Call, ref KeyRef) (KeyInfo, error) {
	return s.rotate(ctx, c, ref, 0)
}

// rotate rotates a key; if from is not 0, only from that version.
func (s *Service) rotate(ctx context.Context, c *Call, ref KeyRef, from uint32) (KeyInfo, error) {
	mount, unlock, err := s.claim(ctx, c, ref, "transit/keys/rotate")
	if err != nil {
		return KeyInfo{}, err
	}
	defer unlock()
	_, err = s.write(ctx, c, verb{operation: "transit/keys/rotate", need: policy.Update, action: pass.Generate, key: mount + "/" + ref.Name}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, ErrKeyNotFound)
		if err != nil {
			return nil, err
		}
		if from != 0 && k.Latest != from {
			return nil, nil // somebody rotated it meanwhile
		}
		v, err := s.generate(ctx, a, k.Mount, k.Name, k.Latest+1, k.Type, int(k.KeySize))
		if err != nil {
			return nil, err
		}
		return &state.RotateKey{Version: *v}, nil
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return s.current(c, ref)
}

// DeleteKey destroys a key and all its versions. It needs delete. Errors:
// ErrKeyNotFound, ErrDeletionNotAllowed.
func (s *Service) DeleteKey(ctx context.Context, c *Call, ref KeyRef) error {
	var mount string
	_, err := s.write(ctx, c, verb{operation: "transit/keys/delete", need: policy.Delete}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, saying(ErrKeyNotFound, "error deleting policy %s: key not found", gate.Scrub(ref.Name)))
		if err != nil {
			return nil, err
		}
		if !k.DeletionAllowed {
			return nil, saying(ErrDeletionNotAllowed, "error deleting policy %s: deletion is not allowed for this key; set deletion_allowed with the key's config first", gate.Scrub(ref.Name))
		}
		mount = k.Mount
		return &state.DeleteKey{Mount: k.Mount, Name: k.Name}, nil
	})
	if err == nil {
		s.keys.Forget(mount, ref.Name)
	}
	return err
}

// autoRotate rotates the keys whose period is over, as the node itself.
func (s *Service) autoRotate(ctx context.Context, v *view, now int64) {
	v.Keys(func(k *state.Key) {
		if k.AutoRotate == 0 || ctx.Err() != nil {
			return
		}
		latest := v.Version(k.Mount, k.Name, k.Latest)
		if latest == nil || now < latest.Created+k.AutoRotate*int64(time.Second) {
			return
		}
		s.rotateByItself(ctx, v, k)
	})
}

// rotateByItself rotates a key as the node: its period is over, or its version
// has made half of the encryptions that are safe.
func (s *Service) rotateByItself(ctx context.Context, v *view, k *state.Key) {
	var mount string
	v.Mounts(func(m *state.Mount) {
		if m.UUID == k.Mount {
			mount = m.Path[:len(m.Path)-1]
		}
	})
	path := mount + "/keys/" + k.Name + "/rotate"
	c, err := s.Begin(Origin{RequestID: newUUID(), Method: "POST", Path: path})
	if err == nil {
		c.Caller = policy.Caller{Root: true, DisplayName: "auto-rotate"}
		_, err = s.rotate(ctx, c, KeyRef{Mount: mount, Name: k.Name}, k.Latest)
	}
	if err != nil {
		s.log.Warn("could not rotate a key that is due, trying again", "key", k.Name, "error", err)
	}
}

// Mounts lists the mounts. It needs read on sys/mounts.
func (s *Service) Mounts(c *Call) ([]*state.Mount, error) {
	var mounts []*state.Mount
	err := s.act(c, verb{operation: "sys/mounts", need: policy.Read}, func(*gate.Admission) error {
		c.view.Mounts(func(m *state.Mount) { mounts = append(mounts, m) })
		return nil
	})
	return mounts, err
}

// ExportKey refuses: there is no way to get a private key out. The caller needs
// read, so that the refusal tells strangers nothing.
func (s *Service) ExportKey(c *Call, ref KeyRef) error {
	return s.act(c, verb{operation: "transit/export", need: policy.Read}, func(a *gate.Admission) error {
		a.Record.Key = ref.Name
		return ErrExportRefused
	})
}
