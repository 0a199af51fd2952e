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
	Versions []*state.KeyVersion // in order, those that were asked for
}

// versionSpent is wire.VersionSpent.
const versionSpent = "spent"

// SymmetricState is what is to be said of Versions[i] of a symmetric key: its state
// where it is not active, "spent" for an active one that encrypts no more, else "".
func (k KeyInfo) SymmetricState(i int) string {
	switch v := k.Versions[i]; {
	case k.Type.Asymmetric():
		return ""
	case v.State != state.Active:
		return string(v.State)
	case v.Encryptions >= state.MaxEncryptions && v.Spent():
		return versionSpent
	}
	return ""
}

// VersionRange chooses the versions that a KeyInfo shows. The zero value is all of
// them, or the NewestVersions of a key that has more than MaxVersions.
type VersionRange struct {
	Only  uint32 // this one alone; 0 more than one
	After *uint32
	Limit int // how many, from After on; 0 is MaxVersions
}

// What an answer shows of a key with many versions unless it is asked for others:
// a key with ten thousand must not take longer, or more memory, than one with two.
// Vault's clients get whole what they can be expected to have.
const (
	MaxVersions    = 100 // a key with more is not shown whole
	NewestVersions = 2   // which it shows instead
)

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

// info describes k, which is st's record of the key or an earlier one.
func info(st *state.State, k *state.Key, r VersionRange) KeyInfo {
	limit := uint32(MaxVersions)
	if r.Limit > 0 {
		limit = uint32(r.Limit)
	}
	first, last := k.MinAvailable, k.Latest
	switch {
	case r.Only != 0:
		first, last = max(first, r.Only), min(last, r.Only)
	case r.After != nil && *r.After >= last:
		first, last = 1, 0
	case r.After != nil:
		first = max(first, *r.After+1)
		last = uint32(min(uint64(last), uint64(first)+uint64(limit)-1))
	case r.Limit > 0:
		first = uint32(max(int64(first), int64(last)-int64(limit)+1))
	case last-first >= MaxVersions:
		first = last - NewestVersions + 1
	}
	out := KeyInfo{Key: k}
	if first <= last {
		out.Versions = make([]*state.KeyVersion, 0, last-first+1)
	}
	st.Versions(k.Mount, k.Name, first, last, func(v *state.KeyVersion) { out.Versions = append(out.Versions, v) })
	return out
}

// written describes a key as a write of this request left it: result is the state
// machine's, or nil when there was nothing to change.
func (s *Service) written(c *Call, ref KeyRef, result any) (KeyInfo, error) {
	k, ok := result.(*state.Key)
	if !ok {
		var err error
		if k, err = c.key(ref, ErrKeyNotFound); err != nil {
			return KeyInfo{}, err
		}
	}
	out := info(c.view.State, k, VersionRange{})
	c.noteOmitted(out)
	return out, nil
}

// noteOmitted says which versions an answer leaves out.
func (c *Call) noteOmitted(i KeyInfo) {
	if len(i.Versions) > 0 && i.Versions[0].Number > i.MinAvailable {
		c.Warnings = append(c.Warnings, fmt.Sprintf("this shows the versions from %d on; read the key with ?after=%d for those from %d on",
			i.Versions[0].Number, i.MinAvailable-1, i.MinAvailable))
	}
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
	old := c.view.Key(mount, ref.Name)
	exists := old != nil
	need := policy.Update
	// Whoever made the key with create alone may hear of it again.
	if (!exists || c.earlier() != nil) && c.Caller.Allow(c.Path, policy.Create) {
		need = policy.Create
	}
	result, err := s.write(ctx, c, verb{operation: "transit/keys/create", need: need, action: pass.Generate, key: mount + "/" + ref.Name}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		if err := req.check(); err != nil {
			return nil, err
		}
		if gate.LooksSecret(ref.Name) {
			return nil, saying(ErrBadRequest, "the key's name looks like a token or a share, and names are shown to everybody who may list them")
		}
		if exists {
			return nil, inUse(old)
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
		exists, err, result = true, nil, nil
		s.refresh(c)
	}
	if err != nil {
		return KeyInfo{}, err
	}
	if exists && !c.replayed {
		c.Warnings = append(c.Warnings, fmt.Sprintf("key %s already existed", ref.Name))
	}
	return s.written(c, ref, result)
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
		return saying(ErrBadRequest, "auto_rotate_period must be 0 to disable or at least an hour and at most 100 years, not %s", d)
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
	if err := s.mayWait(c, operation); err != nil {
		return "", nil, err
	}
	unlock, err = s.keyLocks.lock(ctx, m.UUID+"/"+ref.Name)
	if err != nil {
		s.Reject(c.Origin, c, err)
		return "", nil, err
	}
	s.refresh(c)
	return m.UUID, unlock, nil
}

// mayWait refuses those whom policy will refuse before they queue for a lock:
// their refusals are recorded one by one, and would hold up those who may write.
// Policy is asked again under the lock.
func (s *Service) mayWait(c *Call, operation string) error {
	if c.Caller.Allow(c.Path, policy.Update) || c.Caller.Allow(c.Path, policy.Create) {
		return nil
	}
	return s.refuse(c, verb{operation: operation, need: policy.Update}, ErrPermissionDenied)
}

// refresh moves a call that writes to the newest view: the state it changes is
// the one it looks at, under the key's lock.
func (s *Service) refresh(c *Call) {
	if v := s.view.Load(); v != nil {
		c.view = v
	}
}

func (s *Service) generate(ctx context.Context, a *gate.Admission, mount, name string, number uint32, typ state.KeyType, size int) (*state.KeyVersion, error) {
	if typ.RSA() {
		leave, err := s.maker(ctx)
		if err != nil {
			return nil, err
		}
		defer leave()
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

// maker waits for its turn to make an RSA key. Making one keeps a processor busy
// for seconds: more at once would make none sooner, and take the processors from
// those who sign. Other keys take less than the wait. Error: ErrBusy.
func (s *Service) maker(ctx context.Context) (leave func(), err error) {
	select {
	case s.making <- struct{}{}:
		return func() { <-s.making }, nil
	case <-ctx.Done():
		return nil, saying(ErrBusy, "too many keys are being made; nothing was done, try again")
	}
}

// ReadKey describes a key. It needs read. Errors: ErrNotFound, ErrBadRequest, and
// ErrVersionTooNew or ErrVersionTooOld for a version that is not there.
func (s *Service) ReadKey(c *Call, ref KeyRef, r VersionRange) (KeyInfo, error) {
	var out KeyInfo
	err := s.act(c, verb{operation: "transit/keys/read", need: policy.Read}, func(a *gate.Admission) error {
		a.Record.Key = ref.Name
		k, err := c.key(ref, ErrNotFound)
		if err == nil {
			err = found(k)
		}
		if err != nil {
			return err
		}
		switch {
		case r.Only > k.Latest:
			return saying(ErrVersionTooNew, "the key %s has no version %d yet; the latest is %d", k.Name, r.Only, k.Latest)
		case r.Only != 0 && r.Only < k.MinAvailable:
			return saying(ErrVersionTooOld, "version %d of the key %s was trimmed; the oldest is %d", r.Only, k.Name, k.MinAvailable)
		case r.Limit < 0 || r.Limit > MaxBatch:
			return saying(ErrBadRequest, "limit is 1 to %d versions", MaxBatch)
		}
		out = info(c.view.State, k, r)
		if r == (VersionRange{}) {
			c.noteOmitted(out)
		}
		return nil
	})
	return out, err
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
	Lead            *time.Duration // a new version is pending for so long; 0 it signs at once
	Exportable      bool
	Backup          bool
}

// ConfigKey changes a key's settings. It needs update. Errors: ErrKeyNotFound,
// ErrBadRequest, ErrExportRefused.
func (s *Service) ConfigKey(ctx context.Context, c *Call, ref KeyRef, req ConfigKeyRequest) (KeyInfo, error) {
	result, err := s.write(ctx, c, verb{operation: "transit/keys/config", need: policy.Update}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, saying(ErrKeyNotFound, "no existing key named %s could be found", gate.Scrub(ref.Name)))
		if err == nil {
			err = inUse(k)
		}
		if err != nil {
			return nil, err
		}
		return req.command(k, a)
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return s.written(c, ref, result)
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
		if *m.from < 0 || *m.from > int64(k.SignerNumber()) {
			return nil, saying(ErrBadRequest, "%s must be between 0 and the latest version %d, not %d", m.name, k.SignerNumber(), *m.from)
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
		if err := mayRotate(k); err != nil && *r.AutoRotate != 0 {
			return nil, err
		}
		seconds := int64(*r.AutoRotate / time.Second)
		cmd.AutoRotate, changed["auto_rotate_period"] = &seconds, fmt.Sprint(seconds)
	}
	if r.Lead != nil {
		if *r.Lead < 0 || *r.Lead > maxLead || *r.Lead%time.Second != 0 {
			return nil, saying(ErrBadRequest, "rotation_lead_time is 0, or whole seconds up to %s, not %s", maxLead, *r.Lead)
		}
		seconds := int64(*r.Lead / time.Second)
		cmd.Lead, changed["rotation_lead_time"] = &seconds, fmt.Sprint(seconds)
	}
	a.Record.Fields = changed
	if len(changed) == 0 {
		return nil, nil
	}
	return cmd, nil
}

// RotateKey adds a version, which signs and encrypts from then on, or when the
// key's lead time is over. It needs update. Errors: ErrKeyNotFound,
// ErrBadTransition while a version is pending.
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
	result, err := s.write(ctx, c, verb{operation: "transit/keys/rotate", need: policy.Update, action: pass.Generate, key: mount + "/" + ref.Name}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Key = ref.Name
		k, err := c.key(ref, ErrKeyNotFound)
		if err == nil {
			err = inUse(k)
		}
		if err != nil {
			return nil, err
		}
		if from != 0 && k.Latest != from {
			return nil, nil // somebody rotated it meanwhile
		}
		if err := firstError(mayRotate(k), c.notPending(k)); err != nil {
			return nil, err
		}
		v, err := s.generate(ctx, a, k.Mount, k.Name, k.Latest+1, k.Type, int(k.KeySize))
		if err != nil {
			return nil, err
		}
		return &state.RotateKey{Version: *v}, nil
	})
	if err != nil {
		s.nudge() // it may be done all the same
		return KeyInfo{}, err
	}
	out, err := s.written(c, ref, result)
	if n := len(out.Versions); n == 0 || out.Versions[n-1].State == state.Pending {
		s.nudge() // which looks at every key, so not after each rotation
	}
	return out, err
}

// notPending refuses a version after one that waits. Error: ErrBadTransition.
func (c *Call) notPending(k *state.Key) error {
	if latest := c.view.Version(k.Mount, k.Name, k.Latest); latest != nil && latest.State == state.Pending {
		return saying(ErrBadTransition, "a rotation of the key %s is under way: version %d becomes active after %s", k.Name, latest.Number, wallTime(latest.ActiveAt))
	}
	return nil
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
