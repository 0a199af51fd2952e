package state

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Two seal records made of the same one never both come into force, whichever of a
// rotation and a migration is first.
func TestMigrationsAndRotationsExcludeEachOther(t *testing.T) {
	m := newMachine(t)
	m.refused(&MigrateSeal{Revision: 0, Term: 1}, ErrBadSeal)
	m.refused(&MigrateSeal{Revision: 2, Term: 1}, ErrBadSeal)
	m.refused(&MigrateSeal{Revision: 1, Term: 2}, ErrBadSeal)
	m.ok(&MigrateSeal{Revision: 1, Term: 1})
	m.refused(&MigrateSeal{Revision: 1, Term: 1}, ErrBadSeal)
	m.refused(&RotateTerm{Term: 2}, ErrBadSeal) // made before the migration
	m.ok(&RotateTerm{Term: 2, Seal: 1})
	m.refused(&MigrateSeal{Revision: 2, Term: 1}, ErrBadSeal) // made before the rotation
	m.ok(&MigrateSeal{Revision: 2, Term: 2})
	if m.s.SealRevision != 2 || m.s.Term != 2 {
		t.Errorf("revision %d, term %d", m.s.SealRevision, m.s.Term)
	}
}

func TestASnapshotOfFormat3Opens(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "snapshots", "format-3.bin"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(bytes.NewReader(b), Sequential)
	if err != nil {
		t.Fatal(err)
	}
	if s.Term != 2 || s.SealRevision != 0 || s.Issuer("acme") == nil || s.Profile("acme", "access") == nil ||
		s.Application("web") == nil || s.AppRole("role") == nil || s.SecretID("role", hash("s")) == nil {
		t.Error("records are missing")
	}
	if all := s.CountIssued().All(); all != 1 {
		t.Errorf("%d revocations", all)
	}
	m := &machine{t: t, s: s, index: s.Index, seq: s.Seq, now: s.Time}
	m.ok(&MigrateSeal{Revision: 1, Term: 2}) // and it goes on
	var again bytes.Buffer
	if err := m.s.Write(&again); err != nil {
		t.Fatal(err)
	}
	if s, err = Read(&again, Sequential); err != nil || s.SealRevision != 1 {
		t.Fatal(err)
	}
}
