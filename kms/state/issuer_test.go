package state

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func createIssuer(name string, number uint32) *CreateIssuer {
	v := version(name, number)
	return &CreateIssuer{
		Issuer:  Issuer{Name: name, UUID: "u-" + name, Mount: testMount, URL: "https://" + name + ".example", Alg: "ES256", MaxAge: 10, Lead: 20, Leeway: 5},
		Key:     Key{Mount: testMount, Name: name, Type: v.Type, Issuer: name},
		Version: v,
	}
}

func TestIssuerComesWithAKeyThatSignsAtOnce(t *testing.T) {
	m := newMachine(t)
	i := m.ok(createIssuer("acme", 1)).(*Issuer)
	if i.Revision != 1 || i.Created != m.now || i.Marks != (Marks{Leeway: 5, MaxAge: 10}) || m.s.Issuer("acme") != i {
		t.Fatalf("%+v", i)
	}
	k, v := m.s.Key(testMount, "acme"), m.s.Version(testMount, "acme", 1)
	if k.Issuer != "acme" || k.SignerNumber() != 1 || v.State != Active || v.Activated != m.now {
		t.Fatalf("%+v %+v", k, v)
	}
	if m.s.IssuerCount() != 1 || !m.s.IssuerURLTaken("https://acme.example/") || m.s.IssuerURLTaken("https://acme.example/a") {
		t.Error("its URL is not taken as it should be")
	}
}

// Every refusal, and that it changed nothing.
func TestIssuerCommandsThatAreRefused(t *testing.T) {
	m := newMachine(t)
	m.ok(createIssuer("acme", 1))
	m.ok(createKey("web", 1))
	m.ok(createIssuer("gone", 1))
	m.ok(&ConfigIssuer{Name: "gone", DeletionAllowed: ptr(true)})
	m.ok(&DeleteIssuer{Name: "gone", Grace: 1000})
	changed := func(name string, change func(c *CreateIssuer)) *CreateIssuer {
		c := createIssuer(name, 1)
		change(c)
		return c
	}
	for _, c := range []struct {
		what    string
		command Command
		want    error
	}{
		{"a name that is taken", createIssuer("acme", 1), ErrIssuerExists},
		{"the name of a deleted one", createIssuer("gone", 1), ErrIssuerExists},
		{"the name of a transit key", createIssuer("web", 1), ErrKeyExists},
		{"a URL that is taken", changed("b", func(c *CreateIssuer) { c.Issuer.URL = "https://acme.example" }), ErrIssuerTaken},
		{"a URL that is taken, with a slash", changed("b", func(c *CreateIssuer) { c.Issuer.URL = "https://acme.example/" }), ErrIssuerTaken},
		{"the URL of a deleted one", changed("b", func(c *CreateIssuer) { c.Issuer.URL = "https://gone.example" }), ErrIssuerTaken},
		{"another mount", changed("b", func(c *CreateIssuer) { c.Issuer.Mount = "none" }), ErrMountMissing},
		{"a second version", createIssuer("b", 2), ErrVersionConflict},
		{"a version of another key", changed("b", func(c *CreateIssuer) { c.Version.Name = "c" }), ErrVersionConflict},
		{"a version of another type", changed("b", func(c *CreateIssuer) { c.Version.Type = Ed25519 }), ErrVersionConflict},

		{"config of none", &ConfigIssuer{Name: "none"}, ErrIssuerMissing},
		{"config of a deleted one", &ConfigIssuer{Name: "gone"}, ErrIssuerDeleted},
		{"a lead under twice the age", &ConfigIssuer{Name: "acme", Lead: ptr(int64(19))}, ErrBadLead},
		{"an age over half the lead", &ConfigIssuer{Name: "acme", MaxAge: ptr(int64(11))}, ErrBadLead},
		{"no age", &ConfigIssuer{Name: "acme", MaxAge: ptr(int64(0))}, ErrBadLead},

		{"deletion of none", &DeleteIssuer{Name: "none"}, ErrIssuerMissing},
		{"deletion that is not allowed", &DeleteIssuer{Name: "acme"}, ErrDeletionNotAllowed},
		{"deletion twice", &DeleteIssuer{Name: "gone"}, ErrIssuerDeleted},
		{"undeletion of none", &UndeleteIssuer{Name: "none"}, ErrIssuerMissing},
		{"undeletion of one in use", &UndeleteIssuer{Name: "acme"}, ErrKeyNotDeleted},

		{"a profile of none", &PutProfile{Profile{Issuer: "none", Name: "p"}}, ErrIssuerMissing},
		{"a profile of a deleted one", &PutProfile{Profile{Issuer: "gone", Name: "p"}}, ErrIssuerDeleted},
		{"deletion of a profile of none", &DeleteProfile{Issuer: "none", Name: "p"}, ErrIssuerMissing},
		{"deletion of a profile of a deleted one", &DeleteProfile{Issuer: "gone", Name: "p"}, ErrIssuerDeleted},
		{"deletion of no profile", &DeleteProfile{Issuer: "acme", Name: "p"}, ErrProfileMissing},

		{"transit creates over it", createKey("acme", 1), ErrKeyBound},
		{"transit rotates it", &RotateKey{Version: version("acme", 2)}, ErrKeyBound},
		{"transit configures it", &ConfigKey{Mount: testMount, Name: "acme"}, ErrKeyBound},
		{"transit deletes it", &DeleteKey{Mount: testMount, Name: "acme"}, ErrKeyBound},
		{"transit trims it", &TrimKey{Mount: testMount, Name: "acme"}, ErrKeyBound},
		{"transit books under it", &ReserveEncryptions{Mount: testMount, Name: "acme", Number: 1, Count: 1}, ErrKeyBound},
		{"transit undeletes it", &UndeleteKey{Mount: testMount, Name: "gone"}, ErrKeyBound},
		{"transit destroys it early", &DestroyKey{Mount: testMount, Name: "gone", Early: true}, ErrKeyBound},
		{"destruction before its time", &DestroyKey{Mount: testMount, Name: "gone"}, ErrGraceNotOver},
		{"destruction of one in use", &DestroyKey{Mount: testMount, Name: "acme"}, ErrKeyNotDeleted},
	} {
		t.Run(c.what, func(t *testing.T) { m.refused(c.command, c.want) })
	}
}

// What no healthy leader writes stops the node.
func TestIssuerWithTheKeyOfAnotherIsCorruption(t *testing.T) {
	m := newMachine(t)
	for what, change := range map[string]func(c *CreateIssuer){
		"a key of another name":   func(c *CreateIssuer) { c.Key.Name, c.Version.Name = "b", "b" },
		"a key that is not bound": func(c *CreateIssuer) { c.Key.Issuer = "" },
		"a key of another issuer": func(c *CreateIssuer) { c.Key.Issuer = "b" },
		"no uuid":                 func(c *CreateIssuer) { c.Issuer.UUID = "" },
		"no age":                  func(c *CreateIssuer) { c.Issuer.MaxAge = 0 },
	} {
		c := createIssuer("acme", 1)
		change(c)
		if _, err := m.do(c); !errors.As(err, new(*Corruption)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	m.ok(createIssuer("acme", 1))
	m.ok(&ConfigIssuer{Name: "acme", DeletionAllowed: ptr(true)})
	if _, err := m.do(&DeleteIssuer{Name: "acme", Grace: 1<<63 - 1}); !errors.As(err, new(*Corruption)) {
		t.Errorf("a grace period past the end of time: %v", err)
	}
}

// A revision holds for the issuer, its profiles and its versions.
func TestEveryChangeRaisesTheRevision(t *testing.T) {
	m := newMachine(t)
	m.ok(createIssuer("acme", 1))
	m.ok(createIssuer("other", 1))
	other := m.s.Issuer("other")
	revision := m.s.Issuer("acme").Revision
	for _, c := range []Command{
		&ConfigIssuer{Name: "acme", Leeway: ptr(int64(7)), DeletionAllowed: ptr(true), JWKSURI: ptr("https://x"), Period: ptr(int64(90))},
		&PutProfile{Profile{Issuer: "acme", Name: "p", MaxTTL: 3600, MaxNBF: 60}},
		&PutProfile{Profile{Issuer: "acme", Name: "p", MaxTTL: 60}},
		&DeleteProfile{Issuer: "acme", Name: "p"},
		&DeleteIssuer{Name: "acme", Grace: 1000},
		&UndeleteIssuer{Name: "acme"},
	} {
		before := m.s
		m.ok(c)
		i := m.s.Issuer("acme")
		if revision++; i.Revision != revision || m.s.SameIssuers(before) || before.Issuer("acme") == i {
			t.Errorf("%T: revision %d, want %d", c, i.Revision, revision)
		}
	}
	i := m.s.Issuer("acme")
	if i.Leeway != 7 || i.JWKSURI != "https://x" || i.Period != 90 || i.Deleted != 0 || m.s.Issuer("other") != other {
		t.Errorf("%+v", i)
	}
	// What a profile allowed is remembered when it is gone: its tokens live on.
	if i.Marks != (Marks{TTL: 3600, NotBefore: 60, Leeway: 7, MaxAge: 10}) {
		t.Errorf("marks %+v", i.Marks)
	}
	before := m.s
	m.ok(&PutPolicy{Policy{Name: "p", Text: "t"}})
	if !m.s.SameIssuers(before) {
		t.Error("a policy makes other issuers")
	}
}

func TestProfilesKeepTheirCreationAndTheirIssuer(t *testing.T) {
	m := newMachine(t)
	m.ok(createIssuer("a", 1))
	m.ok(createIssuer("ab", 1)) // a name that begins with the other's
	for _, issuer := range []string{"a", "ab"} {
		m.ok(&PutProfile{Profile{Issuer: issuer, Name: "p", Definition: []byte("1")}})
	}
	first := m.s.Profile("a", "p")
	m.now += 5
	m.ok(&PutProfile{Profile{Issuer: "a", Name: "p", Definition: []byte("2")}})
	if p := m.s.Profile("a", "p"); p.Created != first.Created || p.Updated != m.now || string(p.Definition) != "2" || string(first.Definition) != "1" {
		t.Errorf("%+v after %+v", p, first)
	}
	m.ok(&DeleteProfile{Issuer: "a", Name: "p"})
	n := 0
	m.s.Profiles("ab", func(*Profile) { n++ })
	if m.s.Profile("a", "p") != nil || n != 1 {
		t.Error("a neighbour's profile went along, or it stayed itself")
	}
}

// An issuer ends with its key, and its profiles with it; what is of the same name
// later is another one, whose versions go on above.
func TestDestructionOfAKeyTakesItsIssuer(t *testing.T) {
	m := newMachine(t)
	m.ok(createIssuer("acme", 1))
	m.ok(&PutProfile{Profile{Issuer: "acme", Name: "p"}})
	m.ok(&ConfigIssuer{Name: "acme", DeletionAllowed: ptr(true)})
	m.ok(&DeleteIssuer{Name: "acme", Grace: 100})
	if k := m.s.NextDestroy(); k == nil || k.Name != "acme" {
		t.Fatalf("next to be destroyed: %+v", k)
	}
	m.now += 100
	m.ok(&DestroyKey{Mount: testMount, Name: "acme"})
	if m.s.Issuer("acme") != nil || m.s.Profile("acme", "p") != nil || m.s.Key(testMount, "acme") != nil || m.s.Version(testMount, "acme", 1) != nil || m.s.NextDestroy() != nil {
		t.Fatal("something of a destroyed issuer is left")
	}
	m.refused(&UndeleteIssuer{Name: "acme"}, ErrIssuerMissing)
	m.refused(createIssuer("acme", 1), ErrVersionConflict)
	if i := m.ok(createIssuer("acme", 2)).(*Issuer); i.Revision != 1 || m.s.Profile("acme", "p") != nil {
		t.Errorf("%+v", i)
	}
}

// A verifier may hold the set for as long as it was told to, whatever is set since.
func TestALoweredAgeIsRemembered(t *testing.T) {
	m := newMachine(t)
	m.ok(createIssuer("acme", 1))
	at := m.now
	i := m.ok(&ConfigIssuer{Name: "acme", MaxAge: ptr(int64(2))}).(*Issuer)
	if i.MaxAgeBefore != 10 || i.MaxAgeUntil != at+10e9 {
		t.Fatalf("%+v", i)
	}
	m.now += 3e9
	if i = m.ok(&ConfigIssuer{Name: "acme", MaxAge: ptr(int64(1))}).(*Issuer); i.MaxAgeBefore != 10 || i.MaxAgeUntil != at+10e9 {
		t.Errorf("a smaller age covers a longer one: %+v", i)
	}
	m.now += 10e9
	if i = m.ok(&ConfigIssuer{Name: "acme", MaxAge: ptr(int64(8))}).(*Issuer); i.MaxAgeBefore != 10 {
		t.Errorf("%+v", i)
	}
	if i = m.ok(&ConfigIssuer{Name: "acme", MaxAge: ptr(int64(4))}).(*Issuer); i.MaxAgeBefore != 8 || i.MaxAgeUntil != m.now+8e9 {
		t.Errorf("%+v", i)
	}
}

// randomIssuerCommand is about an issuer, or nil.
func randomIssuerCommand(rt *rapid.T, s *State, name string) Command {
	next := uint32(1)
	if k := s.Key(testMount, name); k != nil {
		next = k.Latest + 1
	}
	switch rapid.IntRange(0, 15).Draw(rt, "issuer kind") {
	case 0, 1:
		return createIssuer(name, s.FirstVersion(testMount, name))
	case 2:
		return &ConfigIssuer{Name: name, MaxAge: ptr(rapid.Int64Range(1, 10).Draw(rt, "age")), DeletionAllowed: ptr(true)}
	case 3:
		return &DeleteIssuer{Name: name, Grace: rapid.Int64Range(0, 100).Draw(rt, "grace")}
	case 4:
		return &UndeleteIssuer{Name: name}
	case 5:
		return &PutProfile{Profile{Issuer: name, Name: rapid.SampledFrom([]string{"p", "q"}).Draw(rt, "profile"), Definition: []byte("{}"), MaxTTL: 60}}
	case 6:
		return &DeleteProfile{Issuer: name, Name: "p"}
	case 7:
		return &RotateIssuer{Issuer: name, Version: version(name, next)}
	case 8:
		return &ActivateIssuer{Issuer: name, Number: next - 1}
	case 9:
		return &CancelRotation{Issuer: name}
	case 10:
		return &UnpublishVersion{Issuer: name, Number: rapid.Uint32Range(1, 3).Draw(rt, "number")}
	case 11:
		made := version(name, next)
		return &CompromiseVersion{Issuer: name, Number: rapid.Uint32Range(1, 3).Draw(rt, "number"), Next: &made}
	case 12, 13:
		c := &SetVersionState{Mount: testMount, Name: name, Number: rapid.Uint32Range(1, 3).Draw(rt, "number"), State: rapid.SampledFrom(VersionStates()).Draw(rt, "state")}
		if rapid.Bool().Draw(rt, "of an issuer") {
			c.Issuer = name
		}
		return c
	case 14:
		return &ConfigKey{Mount: testMount, Name: name, Lead: ptr(rapid.Int64Range(0, 1).Draw(rt, "lead"))}
	case 15:
		return &ActivateVersion{Mount: testMount, Name: name, Number: next - 1}
	}
	return nil
}
