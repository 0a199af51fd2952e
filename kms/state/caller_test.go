package state

import (
	"errors"
	"testing"
)

// What a token authorised is refused once the token is gone, whatever it is: here an
// orphan token, which would outlive the revocation.
func TestACommandNeedsItsCaller(t *testing.T) {
	m := newMachine(t)
	m.ok(token("a", "root", 900))
	orphan := func(name, caller string) *Numbered {
		return &Numbered{Proposal: []byte("make " + name), Caller: hash(caller), Command: token(name, "", 0)}
	}
	if _, err := m.send(orphan("b", "a")); err != nil {
		t.Fatalf("with its token: %v", err)
	}
	m.ok(&RevokeToken{Hash: hash("a")})
	if _, err := m.send(orphan("c", "a")); !errors.Is(err, ErrCallerGone) || m.s.Token(hash("c")) != nil {
		t.Fatalf("after the revocation: %v", err)
	}
	// What took effect is told again, and what was refused stays refused.
	again := orphan("b", "a")
	again.Again = true
	if _, err := m.send(again); err != nil {
		t.Fatalf("what took effect before: %v", err)
	}
	again = orphan("c", "a")
	again.Again, again.Caller = true, hash("root")
	if _, err := m.send(again); !errors.Is(err, ErrCallerGone) {
		t.Fatalf("the same proposal was refused and then taken: %v", err)
	}
	if _, err := m.send(&Numbered{Proposal: []byte("none"), Command: token("d", "", 0)}); err != nil {
		t.Fatalf("a command without a caller: %v", err)
	}
}

func TestACallerMayRevokeItself(t *testing.T) {
	m := newMachine(t)
	m.ok(token("a", "root", 900))
	revoke := &Numbered{Proposal: []byte("revoke"), Caller: hash("a"), Command: &RevokeToken{Hash: hash("a")}}
	if _, err := m.send(revoke); err != nil {
		t.Fatal(err)
	}
	again := *revoke
	again.Again = true
	if _, err := m.send(&again); err != nil {
		t.Fatalf("sent again: %v", err)
	}
}

func TestACallersTimeAndApplication(t *testing.T) {
	m := newMachine(t)
	m.ok(&PutApplication{Application: Application{Name: "web"}})
	made := token("a", "root", 900)
	made.Token.Application = "web"
	m.ok(made)
	ask := func() error {
		_, err := m.send(&Numbered{Proposal: []byte("p"), Caller: hash("a"), Command: &PutPolicy{Policy{Name: "p", Text: "t"}}})
		return err
	}
	m.ok(&SetApplicationState{Name: "web", Blocked: true})
	if err := ask(); !errors.Is(err, ErrApplicationBlocked) {
		t.Errorf("of a blocked application: %v", err)
	}
	m.ok(&SetApplicationState{Name: "web"})
	if err := ask(); err != nil {
		t.Error(err)
	}
	m.now = 900
	if err := ask(); !errors.Is(err, ErrCallerGone) {
		t.Errorf("of an expired token: %v", err)
	}
	m.ok(token("b", "root", 1900))
	if m.s.Authorises(hash("b")) != nil || m.s.Authorises(nil) != nil || m.s.Authorises(hash("a")) == nil {
		t.Error("Authorises says something else")
	}
}

// TestGoldenCaller guards the bytes of a command with a caller.
func TestGoldenCaller(t *testing.T) {
	golden(t, "caller", &Numbered{
		Epoch: 3, Seq: 300, At: 1790000000000000000, Proposal: []byte("0123456789abcdef"), Command: &Tick{}, Caller: hash("token"),
	})
	b, err := Encode(&Numbered{Epoch: 1, Seq: 1, Proposal: []byte("p"), Command: &Tick{}, Caller: []byte("short")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(b); err == nil {
		t.Error("a caller that is no hash was taken")
	}
}
