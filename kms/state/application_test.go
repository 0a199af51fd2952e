package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func application(name string) *PutApplication {
	return &PutApplication{Application{Name: name, Owner: "team", Policies: []string{"p"}, Metadata: map[string]string{"k": "v"}}}
}

func approle(name, app string) *PutAppRole {
	return &PutAppRole{AppRole{Name: name, RoleID: "id-" + name, Application: app, Policies: []string{"p"}}}
}

func secretID(role, name string, uses, expire int64) *CreateSecretID {
	return &CreateSecretID{SecretID{
		Role: role, Hash: hash(name), Accessor: SecretIDAccessor(hash(name), hash(name)[24:]), Uses: uses, Expire: expire,
	}}
}

// login makes a token called name by the secret id of that name.
func login(role, secret, name, app string) *LoginAppRole {
	c := &LoginAppRole{Role: role, RoleID: "id-" + role, Token: Token{Hash: hash(name), Accessor: "acc-" + name, Application: app}}
	if secret != "" {
		c.Hash = hash(secret)
	}
	return c
}

func randomCredentials(rt *rapid.T, name string) Command {
	app := rapid.SampledFrom([]string{"", "a", "ab"}).Draw(rt, "application")
	secret := rapid.SampledFrom([]string{"s", "t"}).Draw(rt, "secret")
	switch rapid.IntRange(0, 9).Draw(rt, "credentials") {
	case 0:
		return application(name)
	case 1:
		return &SetApplicationState{Name: name, Blocked: rapid.Bool().Draw(rt, "blocked"), Reason: "r"}
	case 2:
		return &DeleteApplication{Name: name}
	case 3:
		c := approle(name, app)
		c.Role.NoSecretID = rapid.Bool().Draw(rt, "none")
		return c
	case 4:
		return &DeleteAppRole{Name: name}
	case 5, 6:
		return secretID(name, secret, rapid.Int64Range(0, 2).Draw(rt, "uses"), rapid.Int64Range(0, 900).Draw(rt, "expire"))
	case 7:
		return &DeleteSecretID{Role: name, Hash: hash(secret)}
	case 8:
		return login(name, secret, fmt.Sprint("t", rapid.IntRange(0, 3).Draw(rt, "token")), app)
	}
	return &UseSecretID{Role: name, RoleID: "id-" + name, Hash: hash(secret)}
}

func TestApplicationStates(t *testing.T) {
	m := newMachine(t)
	state := func(want string) {
		t.Helper()
		if got := m.s.Application("web").State(); got != want {
			t.Fatalf("state %s, want %s", got, want)
		}
	}
	m.refused(&SetApplicationState{Name: "web", Blocked: true}, ErrApplicationMissing)
	if a := m.ok(application("web")).(*Application); a.Created != m.now || a.Updated != m.now {
		t.Fatalf("%+v", a)
	}
	state(ApplicationRegistered)
	m.refused(&SetApplicationState{Name: "web"}, ErrNotBlocked)
	m.ok(&SetApplicationState{Name: "web", Blocked: true, Reason: "one"})
	state(ApplicationBlocked)
	m.ok(&SetApplicationState{Name: "web"})
	state(ApplicationRegistered)
	m.ok(approle("role", "web"))
	m.ok(secretID("role", "s", 0, 0))
	first := m.now
	m.ok(login("role", "s", "a", "web"))
	state(ApplicationActive)
	m.now++
	m.ok(login("role", "s", "b", "web"))
	if a := m.s.Application("web"); a.Activated != first {
		t.Errorf("active since %d, want %d", a.Activated, first)
	}
	at := m.now
	m.ok(&SetApplicationState{Name: "web", Blocked: true, Reason: "one"})
	m.now++
	m.ok(&SetApplicationState{Name: "web", Blocked: true, Reason: "two"})
	if a := m.s.Application("web"); a.Blocked != at || a.Reason != "two" {
		t.Errorf("blocked again: %+v", a)
	}
	// To write an application, even with other times in the command, neither
	// unblocks it nor makes it new.
	c := application("web")
	c.Application.Activated, c.Application.Created = 7, 7
	m.ok(c)
	state(ApplicationBlocked)
	m.refused(login("role", "s", "c", "web"), ErrApplicationBlocked)
	m.refused(&UseSecretID{Role: "role", RoleID: "id-role", Hash: hash("s")}, ErrApplicationBlocked)
	m.ok(&SetApplicationState{Name: "web"})
	if a := m.s.Application("web"); a.Activated != first || a.Reason != "" || a.Created == 7 {
		t.Errorf("unblocked: %+v", a)
	}
	state(ApplicationActive)
	m.ok(login("role", "s", "c", "web"))
}

func TestADeletedApplicationLeavesNoTokenBehind(t *testing.T) {
	m := newMachine(t)
	m.ok(application("web"))
	m.ok(application("web2"))
	m.ok(approle("role", "web"))
	m.ok(approle("role2", "web2"))
	m.ok(secretID("role", "s", 0, 0))
	m.ok(secretID("role2", "s", 0, 0))
	m.ok(login("role", "s", "a", "web"))
	m.ok(login("role2", "s", "other", "web2"))
	child := token("child", "a", 0)
	child.Token.Application = "web"
	m.ok(child)
	orphan := token("orphan", "", 0)
	orphan.Token.Application = "web"
	m.ok(orphan)
	m.refused(&DeleteApplication{Name: "web"}, ErrApplicationInUse)
	m.ok(&DeleteAppRole{Name: "role"})
	if m.s.Token(hash("a")) == nil {
		t.Fatal("a role took the tokens of its logins along")
	}
	if n := m.ok(&DeleteApplication{Name: "web"}); n != 3 {
		t.Errorf("%v tokens went", n)
	}
	for _, name := range []string{"a", "child", "orphan"} {
		if m.s.Token(hash(name)) != nil {
			t.Errorf("token %s outlived its application", name)
		}
	}
	if m.s.Token(hash("other")) == nil || m.s.Application("web2") == nil {
		t.Error("the neighbour went too")
	}
	// A request that was under way makes no token for it any more.
	m.refused(&CreateToken{Token{Hash: hash("late"), Accessor: "acc-late", Application: "web"}}, ErrApplicationMissing)
	m.refused(approle("role", "web"), ErrApplicationMissing)
	if n := m.ok(&DeleteApplication{Name: "web"}); n != 0 {
		t.Errorf("deleted again: %v", n)
	}
}

func TestRolesAndTheirRoleIDs(t *testing.T) {
	m := newMachine(t)
	m.ok(approle("a", ""))
	taken := approle("b", "")
	taken.Role.RoleID = "id-a"
	m.refused(taken, ErrRoleIDTaken)
	renamed := approle("a", "")
	renamed.Role.RoleID = "other"
	m.ok(renamed)
	if m.s.AppRoleByID("id-a") != nil || m.s.AppRoleByID("other").Name != "a" {
		t.Fatal("the old role id still leads there")
	}
	m.ok(taken) // it is free now
	if m.ok(&DeleteAppRole{Name: "b"}) != true || m.ok(&DeleteAppRole{Name: "b"}) != false || m.s.AppRoleByID("id-a") != nil {
		t.Fatal("deleting a role")
	}
	for _, c := range []Command{&PutAppRole{}, &PutApplication{}, &CreateSecretID{}} {
		_, err := m.do(c)
		if bad := (*Corruption)(nil); !errors.As(err, &bad) {
			t.Errorf("%T without its fields: %v", c, err)
		}
	}
}

func TestLoginSpendsUsesAndIsRefusedWhole(t *testing.T) {
	m := newMachine(t)
	m.ok(application("web"))
	m.ok(approle("role", "web"))
	m.refused(secretID("none", "s", 0, 0), ErrRoleMissing)
	m.ok(secretID("role", "s", 2, 0))
	m.refused(secretID("role", "s", 2, 0), ErrSecretIDExists)
	for what, c := range map[string]*LoginAppRole{
		"another role": login("none", "s", "a", "web"), "another secret": login("role", "t", "a", "web"), "no secret": login("role", "", "a", "web"),
		"another application": login("role", "s", "a", ""),
		"an old role id":      {Role: "role", RoleID: "old", Hash: hash("s"), Token: Token{Hash: hash("a"), Accessor: "acc-a", Application: "web"}},
	} {
		t.Log(what)
		m.refused(c, ErrLogin)
	}
	if s := m.ok(login("role", "s", "a", "web")).(*SecretID); s.Uses != 1 {
		t.Fatalf("%+v", s)
	}
	m.refused(login("role", "s", "a", "web"), ErrTokenExists)
	if s := m.ok(&UseSecretID{Role: "role", RoleID: "id-role", Hash: hash("s")}).(*SecretID); s.Uses != 0 {
		t.Fatalf("%+v", s)
	}
	m.refused(login("role", "s", "b", "web"), ErrLogin)
	m.refused(&UseSecretID{Role: "role", RoleID: "id-role", Hash: hash("s")}, ErrLogin)
	if m.s.SecretID("role", hash("s")) != nil {
		t.Fatal("a spent secret id is still there")
	}

	none := approle("role", "web")
	none.Role.NoSecretID = true
	m.ok(secretID("role", "t", 0, 0))
	m.ok(none)
	m.refused(login("role", "t", "b", "web"), ErrLogin)
	m.refused(secretID("role", "u", 0, 0), ErrRoleMissing)
	if r := m.ok(login("role", "", "b", "web")); r != nil {
		t.Fatalf("%+v", r)
	}
}

func TestSecretIDsExpireByReplicatedTimeOnly(t *testing.T) {
	m := newMachine(t)
	m.ok(approle("role", ""))
	m.ok(token("t", "", 900))
	m.ok(secretID("role", "s", 3, 500))
	if m.s.NextExpiry() != 500 {
		t.Fatalf("next expiry %d", m.s.NextExpiry())
	}
	m.now = 499
	m.ok(login("role", "s", "a", ""))
	if m.s.NextExpiry() != 500 {
		t.Fatalf("next expiry %d after a use", m.s.NextExpiry())
	}
	m.now = 500
	if _, err := m.do(login("role", "s", "b", "")); !errors.Is(err, ErrLogin) {
		t.Fatalf("a login at the expiry: %v", err)
	}
	if m.s.SecretID("role", hash("s")) != nil || m.s.NextExpiry() != 900 {
		t.Fatal("an expired secret id is still there")
	}
	// More than one command removes: the rest are refused all the same.
	for i := range expireAtOnce + 1 {
		m.ok(secretID("role", fmt.Sprint("s", i), 0, 600+int64(i)))
	}
	m.now = 1 << 40
	if _, err := m.do(login("role", fmt.Sprint("s", expireAtOnce), "c", "")); !errors.Is(err, ErrLogin) {
		t.Fatal(err)
	}
}

func TestSecretIDsByAccessor(t *testing.T) {
	m := newMachine(t)
	m.ok(approle("a", ""))
	m.ok(approle("ab", ""))
	c := secretID("a", "s", 0, 900)
	m.ok(c)
	m.ok(secretID("ab", "t", 0, 0))
	if len(c.SecretID.Accessor) != 36 || m.s.SecretIDByAccessor("a", c.SecretID.Accessor) == nil {
		t.Fatalf("accessor %s", c.SecretID.Accessor)
	}
	for _, wrong := range []string{"", "x", c.SecretID.Accessor[:35] + "0", c.SecretID.Accessor[:35] + "g"} {
		if m.s.SecretIDByAccessor("a", wrong) != nil {
			t.Errorf("found by %q", wrong)
		}
	}
	if m.s.SecretIDByAccessor("ab", c.SecretID.Accessor) != nil {
		t.Error("found under another role")
	}
	count := func(role string) (n int) { m.s.SecretIDs(role, func(*SecretID) { n++ }); return n }
	if count("a") != 1 || count("ab") != 1 {
		t.Error("the secret ids of two roles are mixed up")
	}
	if m.ok(&DeleteSecretID{Role: "a", Hash: hash("s")}) != true || m.ok(&DeleteSecretID{Role: "a", Hash: hash("s")}) != false || m.s.NextExpiry() != 0 {
		t.Error("deleting one")
	}
	m.ok(&DeleteAppRole{Name: "a"})
	if count("ab") != 1 {
		t.Error("a role took the secret ids of another along")
	}
}

// A login that comes again under its proposal id, after a lost leadership, has one
// effect; under an idempotency key, a secret id is made once.
func TestCredentialsSentTwiceHaveOneEffect(t *testing.T) {
	m := newMachine(t)
	m.ok(approle("role", ""))
	m.ok(secretID("role", "s", 2, 0))
	for range 2 {
		if _, err := m.send(&Numbered{Proposal: []byte("one login"), Again: true, Command: login("role", "s", "a", "")}); err != nil {
			t.Fatal(err)
		}
	}
	if s := m.s.SecretID("role", hash("s")); s == nil || s.Uses != 1 {
		t.Fatalf("%+v", s)
	}
	o := once("acc", "k", "r")
	if _, err := m.send(&Numbered{Proposal: []byte("p1"), Once: o, Command: secretID("role", "t", 0, 0)}); err != nil {
		t.Fatal(err)
	}
	_, err := m.send(&Numbered{Proposal: []byte("p2"), Once: o, Command: secretID("role", "u", 0, 0)})
	if spent := (*Spent)(nil); !errors.As(err, &spent) || m.s.SecretIDByAccessor("role", spent.Accessor) == nil || m.s.SecretID("role", hash("u")) != nil {
		t.Fatalf("made again: %v", err)
	}
}

func TestASnapshotOfFormat2Opens(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "snapshots", "format-2.bin"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(bytes.NewReader(b), Sequential)
	if err != nil {
		t.Fatal(err)
	}
	tok := s.TokenByAccessor("acc-b")
	if tok == nil || tok.Role != "ci" || tok.Uses != 5 || tok.BoundCIDRs[0] != "10.0.0.0/8" || tok.Application != "" || s.TokenByAccessor("acc-c").Meta["k"] != "v" {
		t.Errorf("token %+v", tok)
	}
	if s.Term != 2 || s.Rotation.Commands != 8 || s.TokenRole("ci") == nil || s.Quota("q") == nil || s.NextExpiry() != 900 || len(s.DeletedKeys(testMount)) != 1 || s.Once("acc", hash("key")) == nil {
		t.Error("records are missing")
	}
	m := &machine{t: t, s: s, index: s.Index, seq: s.Seq, now: s.Time}
	m.ok(application("web")) // and it goes on
	var again bytes.Buffer
	if err := m.s.Write(&again); err != nil {
		t.Fatal(err)
	}
	if s, err = Read(&again, Sequential); err != nil || s.Application("web") == nil || s.TokenByAccessor("acc-b") == nil {
		t.Fatal(err)
	}
}
