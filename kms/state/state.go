package state

import (
	"bytes"
	"encoding/binary"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// State is everything the cluster agreed on, at one index. It is a value: no
// method changes it, and readers need no lock.
type State struct {
	Index   uint64 // of the last log entry applied
	Epoch   uint64 // of the last command
	Seq     uint64 // of the last command within its epoch
	Time    int64  // replicated time, unix nanoseconds; never falls
	Leapt   int64  // what Time was when it last went ahead by more than Leap at once; 0 never
	Cluster Cluster

	Membership Membership

	Term      uint64   // the active term of the barrier
	TermSince int64    // when it became active, unix nanoseconds
	TermUses  uint64   // commands since then, each of them sealed under it
	Rotation  Rotation // as configured; see RotationNow

	SealRevision uint64 // how often the wrappings of the seal were changed

	Generation uint64   // how many restores the cluster has been through
	Revival    *Revival // how it came back in an empty directory, the last time; nil never
	staging    *Staging // of a restore that is being prepared; nil when there is none

	mounts     *iradix.Tree[*Mount]      // path → mount
	keys       *iradix.Tree[*Key]        // mount uuid / name → key
	versions   *iradix.Tree[*KeyVersion] // mount uuid / name 0x00 be32 number → version
	tombstones *iradix.Tree[*Tombstone]  // mount uuid / name → tombstone
	policies   *iradix.Tree[*Policy]     // name → policy
	tokens     *iradix.Tree[*Token]      // hash → token
	accessors  *iradix.Tree[[]byte]      // accessor → token hash, where the accessor does not lead there by itself
	children   *iradix.Tree[struct{}]    // parent hash, child hash → nothing
	expiries   *iradix.Tree[struct{}]    // be64 expiry, token hash → nothing
	roles      *iradix.Tree[*TokenRole]  // name → token role
	quotas     *iradix.Tree[*Quota]      // name → rate limit
	deleted    *iradix.Tree[struct{}]    // be64 DestroyAt, mount uuid / name → nothing

	wrapping       *iradix.Tree[*KeyVersion]  // mount uuid → the key that others wrap theirs for
	issuers        *iradix.Tree[*Issuer]      // name → issuer
	profiles       *iradix.Tree[*Profile]     // issuer / name → profile
	issued         *issuedTable               // what is remembered about tokens of issuers
	applications   *iradix.Tree[*Application] // name → application
	approles       *iradix.Tree[*AppRole]     // name → role
	roleIDs        *iradix.Tree[string]       // role id → name of the role
	secretIDs      *iradix.Tree[*SecretID]    // role 0x00 hash → secret id
	secretExpiries *iradix.Tree[struct{}]     // be64 expiry, role 0x00 hash → nothing

	proposals *iradix.Tree[*proposalChunk] // be64 page number → page
	once      *iradix.Tree[*OnceRecord]    // caller 0x00 key hash → what was done
	onceTimes *iradix.Tree[struct{}]       // be64 time, caller 0x00 key hash → nothing
	onceOrder *iradix.Tree[struct{}]       // caller 0x00 be64 time, key hash → nothing
	onceCount *iradix.Tree[int]            // caller → how many of its records are kept
}

// New returns the state of a cluster before genesis.
func New() *State {
	return &State{
		Term:       1,
		mounts:     iradix.New[*Mount](),
		keys:       iradix.New[*Key](),
		versions:   iradix.New[*KeyVersion](),
		tombstones: iradix.New[*Tombstone](),
		policies:   iradix.New[*Policy](),
		tokens:     iradix.New[*Token](),
		accessors:  iradix.New[[]byte](),
		children:   iradix.New[struct{}](),
		expiries:   iradix.New[struct{}](),
		roles:      iradix.New[*TokenRole](),
		quotas:     iradix.New[*Quota](),
		deleted:    iradix.New[struct{}](),

		wrapping:       iradix.New[*KeyVersion](),
		issuers:        iradix.New[*Issuer](),
		profiles:       iradix.New[*Profile](),
		issued:         newIssuedTable(),
		applications:   iradix.New[*Application](),
		approles:       iradix.New[*AppRole](),
		roleIDs:        iradix.New[string](),
		secretIDs:      iradix.New[*SecretID](),
		secretExpiries: iradix.New[struct{}](),

		proposals: iradix.New[*proposalChunk](),
		once:      iradix.New[*OnceRecord](),
		onceTimes: iradix.New[struct{}](),
		onceOrder: iradix.New[struct{}](),
		onceCount: iradix.New[int](),
	}
}

// keyPath is the radix key of a key; 37 bytes of UUID and slash, then the name.
func appendKeyPath(dst []byte, mount, name string) []byte {
	dst = append(dst, mount...)
	dst = append(dst, '/')
	return append(dst, name...)
}

// appendVersionPath is the radix key of a key version. The zero byte, which no
// name holds, keeps the versions of "a" apart from those of "ab".
func appendVersionPath(dst []byte, mount, name string, number uint32) []byte {
	dst = append(appendKeyPath(dst, mount, name), 0)
	return binary.BigEndian.AppendUint32(dst, number)
}

// Mount returns the mount at path ("transit/"), or nil.
func (s *State) Mount(path string) *Mount {
	m, _ := s.mounts.Get([]byte(path))
	return m
}

// Mounts calls fn for each mount in the order of their paths.
func (s *State) Mounts(fn func(*Mount)) {
	s.mounts.Root().Walk(func(_ []byte, m *Mount) bool { fn(m); return false })
}

// Key returns a key, or nil.
func (s *State) Key(mount, name string) *Key {
	var buf [192]byte
	k, _ := s.keys.Get(appendKeyPath(buf[:0], mount, name))
	return k
}

// KeyNames returns the names of a mount's keys that are in use, sorted.
func (s *State) KeyNames(mount string) []string {
	var names []string
	s.keysOf(mount, func(k *Key) {
		if k.Deleted == 0 {
			names = append(names, k.Name)
		}
	})
	return names
}

// DeletedKeys returns a mount's keys that are deleted and not destroyed yet, in
// the order of their names.
func (s *State) DeletedKeys(mount string) []*Key {
	var keys []*Key
	s.keysOf(mount, func(k *Key) {
		if k.Deleted != 0 {
			keys = append(keys, k)
		}
	})
	return keys
}

func (s *State) keysOf(mount string, fn func(*Key)) {
	s.keys.Root().WalkPrefix([]byte(mount+"/"), func(_ []byte, k *Key) bool { fn(k); return false })
}

// NextDestroy returns the key whose grace period ends first, or nil.
func (s *State) NextDestroy() *Key {
	first, _, ok := s.deleted.Root().Minimum()
	if !ok {
		return nil
	}
	k, _ := s.keys.Get(first[8:])
	return k
}

// Keys calls fn for each key of every mount.
func (s *State) Keys(fn func(*Key)) {
	s.keys.Root().Walk(func(_ []byte, k *Key) bool { fn(k); return false })
}

// Version returns one version of a key, or nil.
func (s *State) Version(mount, name string, number uint32) *KeyVersion {
	var buf [192]byte
	v, _ := s.versions.Get(appendVersionPath(buf[:0], mount, name, number))
	return v
}

// Versions calls fn for each version of a key from first to last, in order. It
// takes as long as there are versions in that range, or 256 at most beside it,
// however many the key has.
func (s *State) Versions(mount, name string, first, last uint32, fn func(*KeyVersion)) {
	if first > last {
		return
	}
	var from, to [192]byte
	end := appendVersionPath(to[:0], mount, name, last)
	if first>>8 == last>>8 {
		// All stand below one node of the tree: to walk that costs a fraction of what
		// an iterator does, which allocates and has to remember where it is.
		s.versions.Root().WalkPrefix(end[:len(end)-1], func(_ []byte, v *KeyVersion) bool {
			if v.Number > last {
				return true
			}
			if v.Number >= first {
				fn(v)
			}
			return false
		})
		return
	}
	it := s.versions.Root().Iterator()
	it.SeekLowerBound(appendVersionPath(from[:0], mount, name, first))
	for path, v, ok := it.Next(); ok && bytes.Compare(path, end) <= 0; path, v, ok = it.Next() {
		fn(v)
	}
}

// Tombstone returns what stays of a destroyed key of that name, or nil.
func (s *State) Tombstone(mount, name string) *Tombstone {
	t, _ := s.tombstones.Get(appendKeyPath(nil, mount, name))
	return t
}

// Policy returns a policy by its name, or nil.
func (s *State) Policy(name string) *Policy {
	p, _ := s.policies.Get([]byte(name))
	return p
}

// PolicyNames returns the names of the written policies, sorted.
func (s *State) PolicyNames() []string {
	var names []string
	s.policies.Root().Walk(func(_ []byte, p *Policy) bool { names = append(names, p.Name); return false })
	return names
}

// SamePolicies says whether both states hold the same policies: compiled ones
// made from s serve for o as well.
func (s *State) SamePolicies(o *State) bool { return s.policies.Root() == o.policies.Root() }

// Token returns the token with a hash, or nil. It may be expired.
func (s *State) Token(hash []byte) *Token {
	t, _ := s.tokens.Get(hash)
	return t
}

// NextExpiry returns when the next token or secret id expires, or an entry about a
// token of an issuer leaves, unix nanoseconds; 0 when none does.
func (s *State) NextExpiry() (next int64) {
	for _, index := range []*iradix.Tree[struct{}]{s.expiries, s.secretExpiries} {
		if first, _, ok := index.Root().Minimum(); ok {
			if at := int64(binary.BigEndian.Uint64(first)); next == 0 || at < next {
				next = at
			}
		}
	}
	if s.issued.next == never {
		return next
	}
	if at := int64(s.issued.next) * nanosAMinute; next == 0 || at < next {
		return at
	}
	return next
}

// Counts says how much the state holds, for metrics.
func (s *State) Counts() (keys, versions, tokens, policies int) {
	return s.keys.Len(), s.versions.Len(), s.tokens.Len(), s.policies.Len()
}

func expiryPath(at int64, hash []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at)), hash...)
}

func childPath(parent, child []byte) []byte {
	return append(append(make([]byte, 0, len(parent)+len(child)), parent...), child...)
}
