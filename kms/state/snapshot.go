package state

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
	"github.com/hashicorp/go-msgpack/v2/codec"
)

// snapshotFormat is raised when a build writes what older ones cannot read; it
// reads what they wrote from oldestSnapshot on. Format 2 has token roles, rate
// limits, the barrier's term, and what was done by proposal and under a Once.
// Format 3 has issuers and profiles, applications with their credentials, what was
// revoked, and the key that imported keys are wrapped for. Format 4 has members and
// join tokens, the revision of the seal, and restores.
const (
	snapshotFormat = 4
	oldestSnapshot = 1
)

// header opens a snapshot and says how many records of each sort follow.
type header struct {
	Format     int     `codec:"f"`
	Index      uint64  `codec:"i"`
	Epoch      uint64  `codec:"e"`
	Seq        uint64  `codec:"s"`
	Time       int64   `codec:"t"`
	Cluster    Cluster `codec:"c"`
	Mounts     int     `codec:"m"`
	Keys       int     `codec:"k"`
	Versions   int     `codec:"v"`
	Tombstones int     `codec:"x"`
	Policies   int     `codec:"p"`
	Tokens     int     `codec:"o"`

	Term      uint64   `codec:"T,omitempty"`
	TermSince int64    `codec:"S,omitempty"`
	TermUses  uint64   `codec:"U,omitempty"`
	Rotation  Rotation `codec:"R,omitempty"`
	Roles     int      `codec:"r,omitempty"`
	Quotas    int      `codec:"q,omitempty"`
	Proposals int      `codec:"P,omitempty"`
	Once      int      `codec:"O,omitempty"`
	Leapt     int64    `codec:"L,omitempty"`
	Issuers   int      `codec:"I,omitempty"`
	Profiles  int      `codec:"F,omitempty"`
	Issued    int      `codec:"V,omitempty"` // texts of entries, not entries

	Applications int `codec:"A,omitempty"`
	AppRoles     int `codec:"B,omitempty"`
	SecretIDs    int `codec:"D,omitempty"`
	Wrapping     int `codec:"W,omitempty"`

	Membership   Membership `codec:"M,omitempty"`
	SealRevision uint64     `codec:"Z,omitempty"`

	Generation uint64   `codec:"G,omitempty"`
	Revival    *Revival `codec:"Y,omitempty"`
	Staging    *Staging `codec:"g,omitempty"`
}

// Write writes the whole state in clear: the caller seals the stream. Equal
// states write equal bytes.
func (s *State) Write(w io.Writer) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	enc := newEncoder(buf)
	err := enc.Encode(&header{
		Format: snapshotFormat, Index: s.Index, Epoch: s.Epoch, Seq: s.Seq, Time: s.Time, Cluster: s.Cluster,
		Mounts: s.mounts.Len(), Keys: s.keys.Len(), Versions: s.versions.Len(), Tombstones: s.tombstones.Len(),
		Policies: s.policies.Len(), Tokens: s.tokens.Len(),
		Term: s.Term, TermSince: s.TermSince, TermUses: s.TermUses, Rotation: s.Rotation,
		Roles: s.roles.Len(), Quotas: s.quotas.Len(), Proposals: s.proposals.Len(), Once: s.once.Len(), Leapt: s.Leapt,
		Issuers: s.issuers.Len(), Profiles: s.profiles.Len(), Issued: s.issuedNodes(),
		Applications: s.applications.Len(), AppRoles: s.approles.Len(), SecretIDs: s.secretIDs.Len(),
		Wrapping: s.wrapping.Len(), Membership: s.Membership, SealRevision: s.SealRevision,
		Generation: s.Generation, Staging: s.staging, Revival: s.Revival,
	})
	for _, write := range []func() error{
		func() error { return writeTree(enc, s.mounts) },
		func() error { return writeTree(enc, s.keys) },
		func() error { return writeVersions(buf, s.versions) },
		func() error { return writeTree(enc, s.tombstones) },
		func() error { return writeTree(enc, s.policies) },
		func() error { return writeTokens(enc, s.tokens) },
		func() error { return writeTree(enc, s.roles) },
		func() error { return writeTree(enc, s.quotas) },
		func() error { return writeTree(enc, s.proposals) },
		func() error { return writeTree(enc, s.once) },
		func() error { return writeTree(enc, s.issuers) },
		func() error { return writeTree(enc, s.profiles) },
		func() error { return writeIssued(enc, s.issued) },
		func() error { return writeTree(enc, s.applications) },
		func() error { return writeTree(enc, s.approles) },
		func() error { return writeTree(enc, s.secretIDs) },
		func() error { return writeTree(enc, s.wrapping) },
		func() error { return s.staging.write(enc) },
	} {
		if err == nil {
			err = write()
		}
	}
	if err != nil {
		return err
	}
	return buf.Flush()
}

func writeTree[T any](enc *codec.Encoder, t *iradix.Tree[*T]) (err error) {
	t.Root().Walk(func(_ []byte, v *T) bool {
		err = enc.Encode(v)
		return err != nil
	})
	return err
}

// writeVersions is writeTree, by hand: of nothing else does a state hold as many, and a
// busy one is written every few seconds. An encoder leaves nothing behind that would have to go
// before it.
func writeVersions(w io.Writer, t *iradix.Tree[*KeyVersion]) (err error) {
	var b []byte
	t.Root().Walk(func(_ []byte, v *KeyVersion) bool {
		b = v.appendTo(b[:0])
		_, err = w.Write(b)
		return err != nil
	})
	return err
}

// Read is the inverse of Write. What it reads was authenticated by the seal
// around it; it still refuses unknown fields, repeated records and a wrong
// count, as *Corruption. run may be Sequential.
func Read(r io.Reader, run Runner) (*State, error) {
	dec := newDecoder(bufio.NewReaderSize(r, 64<<10))
	var h header
	if err := decodeNext(dec, &h); err != nil {
		return nil, err
	}
	if h.Format < oldestSnapshot || h.Format > snapshotFormat {
		return nil, corrupt("snapshot format %d is unknown to this build, which reads %d to %d", h.Format, oldestSnapshot, snapshotFormat)
	}
	s := New()
	s.Index, s.Epoch, s.Seq, s.Time, s.Cluster = h.Index, h.Epoch, h.Seq, h.Time, h.Cluster
	s.Leapt, s.Membership, s.SealRevision, s.Generation = h.Leapt, h.Membership, h.SealRevision, h.Generation
	s.Revival = h.Revival
	s.Term, s.TermSince, s.TermUses, s.Rotation = h.Term, h.TermSince, h.TermUses, h.Rotation
	if h.Format == oldestSnapshot { // it knew no other term
		s.Term, s.TermSince = 1, h.Cluster.Created
	}
	tx := newTxn(s)
	if err := tx.read(dec, &h, run); err != nil {
		return nil, err
	}
	if err := dec.Decode(new(any)); err != io.EOF {
		return nil, corrupt("data after the end of the snapshot")
	}
	return tx.commit(), nil
}

func (tx *txn) read(dec *codec.Decoder, h *header, run Runner) error {
	for _, step := range []func() error{
		func() error {
			return readTree(dec, h.Mounts, tx.mounts, func(m *Mount) []byte { return []byte(m.Path) })
		},
		func() error {
			return readTree(dec, h.Keys, tx.keys, func(k *Key) []byte { return appendKeyPath(nil, k.Mount, k.Name) })
		},
		func() error {
			return readTree(dec, h.Versions, tx.versions, func(v *KeyVersion) []byte {
				return appendVersionPath(nil, v.Mount, v.Name, v.Number)
			})
		},
		func() error {
			return readTree(dec, h.Tombstones, tx.tombstones, func(t *Tombstone) []byte {
				return appendKeyPath(nil, t.Mount, t.Name)
			})
		},
		func() error {
			return readTree(dec, h.Policies, tx.policies, func(p *Policy) []byte { return []byte(p.Name) })
		},
		func() error { return tx.readTokens(dec, h, run) },
		func() error {
			return readTree(dec, h.Roles, tx.roles, func(r *TokenRole) []byte { return []byte(r.Name) })
		},
		func() error {
			return readTree(dec, h.Quotas, tx.quotas, func(q *Quota) []byte { return []byte(q.Name) })
		},
		func() error {
			return readTree(dec, h.Proposals, tx.proposals, func(p *proposalChunk) []byte { return chunkPath(p.Number) })
		},
		func() error {
			return readTree(dec, h.Once, tx.once, func(r *OnceRecord) []byte { return oncePath(r.Once.Caller, r.Once.Key) })
		},
		func() error {
			return readTree(dec, h.Issuers, tx.issuers, func(i *Issuer) []byte { return []byte(i.Name) })
		},
		func() error {
			return readTree(dec, h.Profiles, tx.profiles, func(p *Profile) []byte { return profilePath(p.Issuer, p.Name) })
		},
		func() error { return tx.readIssued(dec, h.Issued, run) },
		func() error {
			return readTree(dec, h.Applications, tx.applications, func(a *Application) []byte { return []byte(a.Name) })
		},
		func() error {
			return readTree(dec, h.AppRoles, tx.approles, func(r *AppRole) []byte { return []byte(r.Name) })
		},
		func() error {
			return readTree(dec, h.SecretIDs, tx.secretIDs, func(s *SecretID) []byte { return secretPath(s.Role, s.Hash) })
		},
		func() error {
			return readTree(dec, h.Wrapping, tx.wrapping, func(v *KeyVersion) []byte { return []byte(v.Mount) })
		},
		func() error { return tx.readStaging(dec, h.Staging) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return tx.index()
}

// index makes what is derived from the records and therefore not in a snapshot.
func (tx *txn) index() error {
	tx.keys.Root().Walk(func(path []byte, k *Key) bool {
		if k.Deleted != 0 {
			tx.deleted.Insert(timed(k.DestroyAt, path), struct{}{})
		}
		return false
	})
	tx.once.Root().Walk(func(path []byte, r *OnceRecord) bool {
		caller := []byte(r.Once.Caller)
		tx.onceTimes.Insert(timed(r.Time, path), struct{}{})
		tx.onceOrder.Insert(onceOrderPath(caller, r.Time, r.Once.Key), struct{}{})
		count, _ := tx.onceCount.Get(caller)
		tx.onceCount.Insert(caller, count+1)
		return false
	})
	if err := tx.indexCredentials(); err != nil {
		return err
	}
	var err error
	tx.proposals.Root().Walk(func(_ []byte, p *proposalChunk) bool {
		err = p.each(func(int64, []byte, Refusal) {})
		return err != nil
	})
	return err
}

func readTree[T any](dec *codec.Decoder, count int, tx *iradix.Txn[*T], path func(*T) []byte) error {
	for range count {
		v := new(T)
		if err := decodeNext(dec, v); err != nil {
			return err
		}
		if _, repeated := tx.Insert(path(v), v); repeated {
			return corrupt("a record of type %T is there twice", v)
		}
	}
	return nil
}

func decodeNext(dec *codec.Decoder, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = corrupt("undecodable: %v", r)
		}
	}()
	if err := dec.Decode(v); err != nil {
		return corrupt("snapshot record of type %T: %v", v, err)
	}
	return nil
}

// Digest is the SHA-256 of what Write writes: equal on every node at the same
// index.
func (s *State) Digest() ([32]byte, error) {
	h := sha256.New()
	if err := s.Write(h); err != nil {
		return [32]byte{}, fmt.Errorf("state digest: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}
