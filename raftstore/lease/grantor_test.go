package lease

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// leading gives a grantor of term 3 that node a gained long before second 100,
// with its epoch command at index 10 and the first n of a to g as members.
func leading(n int) (Grantor, []string) {
	g := NewGrantor(Leadership{"a", 3, at(-time.Minute)})
	members := []string{"a", "b", "c", "d", "e", "f", "g"}[:n]
	g.SetMembers(members)
	g.Open(10, false)
	return g, members
}

func request(seq uint64) Request { return Request{Nonce: Nonce{7, seq}, Index: 10} }

// granted runs a whole round in no time.
func granted(t *testing.T, g *Grantor, voters []string, now Instant) []Grant {
	t.Helper()
	r, ok := g.Begin(voters, now)
	if !ok {
		t.Fatal("no round began")
	}
	for _, v := range r.Ask {
		grants, err := g.Echo(v, Echo{r.Nonce, g.Term()}, now)
		if err != nil {
			t.Fatal(err)
		}
		if grants != nil {
			return grants
		}
	}
	return nil
}

func TestMajority(t *testing.T) {
	for n := 1; n <= 7; n++ {
		g, voters := leading(n)
		if err := g.Arrive("a", request(1), at(0), 0); err != nil {
			t.Fatal(err)
		}
		r, ok := g.Begin(voters, at(0))
		if !ok || !slices.Equal(r.Ask, voters) {
			t.Fatalf("%d voters: asks %v", n, r.Ask)
		}
		for i := range n/2 + 1 {
			for range 2 { // an echo that comes twice counts once
				grants, err := g.Echo(voters[i], Echo{r.Nonce, 3}, at(1))
				if full := i == n/2; full && len(grants) == 1 && err == nil {
					if grants[0] != (Grant{"a", Nonce{7, 1}, 3, 10}) {
						t.Errorf("grant %+v", grants[0])
					}
					break
				} else if full || grants != nil || err != nil {
					t.Fatalf("%d voters, echo %d: %v, %v", n, i+1, grants, err)
				}
			}
		}
		if _, err := g.Echo(voters[0], Echo{r.Nonce, 3}, at(1)); !errors.Is(err, ErrStaleEcho) {
			t.Errorf("an echo after the end of the round: %v", err)
		}
	}
}

func TestNothingIsGrantedBeforeOpen(t *testing.T) {
	g := NewGrantor(Leadership{"a", 3, at(0)})
	g.SetMembers([]string{"a"})
	if err := g.Arrive("a", request(1), at(1), 0); err != nil {
		t.Fatal(err)
	}
	if _, ok := g.Begin([]string{"a"}, at(1)); ok {
		t.Error("a round began before the epoch command was applied")
	}
	g.Open(10, false)
	if len(granted(t, &g, []string{"a"}, at(2))) != 1 {
		t.Error("the request that waited got no grant")
	}
}

func TestRequestsWaitForTheNextRound(t *testing.T) {
	g, voters := leading(3)
	_ = g.Arrive("a", request(1), at(0), 0)
	r, _ := g.Begin(voters, at(0))
	_ = g.Arrive("b", request(1), at(1), 0)
	_ = g.Arrive("a", request(2), at(1), 0)
	if _, ok := g.Begin(voters, at(2)); ok {
		t.Error("two rounds run at a time")
	}
	_, _ = g.Echo("a", Echo{r.Nonce, 3}, at(3))
	grants, err := g.Echo("b", Echo{r.Nonce, 3}, at(3))
	if err != nil || len(grants) != 1 || grants[0].Nonce.Seq != 1 {
		t.Errorf("the first round: %v, %v", grants, err)
	}
	if grants := granted(t, &g, voters, at(4)); len(grants) != 2 {
		t.Errorf("the second round: %v", grants)
	}
	if g.Waiting() {
		t.Error("something still waits")
	}
	if _, ok := g.Begin(voters, at(5)); ok {
		t.Error("a round for nobody")
	}
}

func TestEchoesThatDoNotCount(t *testing.T) {
	g, voters := leading(3)
	_ = g.Arrive("a", request(1), at(0), 0)
	r, _ := g.Begin(voters, at(0))
	for _, c := range []struct {
		voter string
		echo  Echo
	}{
		{"d", Echo{r.Nonce, 3}},
		{"", Echo{r.Nonce, 3}},
		{"b", Echo{RoundNonce{3, r.Nonce.Seq + 1}, 3}},
		{"b", Echo{RoundNonce{2, r.Nonce.Seq}, 3}},
		{"b", Echo{RoundNonce{}, 3}},
		{"b", Echo{r.Nonce, 2}},
	} {
		if grants, err := g.Echo(c.voter, c.echo, at(1)); grants != nil || !errors.Is(err, ErrStaleEcho) {
			t.Errorf("%+v: %v, %v", c, grants, err)
		}
	}
	if left, _ := g.Running(); !slices.Equal(left.Ask, voters) {
		t.Errorf("not heard yet: %v", left.Ask)
	}
	if _, err := g.Echo("b", Echo{r.Nonce, 4}, at(1)); !errors.Is(err, ErrDeposed) {
		t.Errorf("a later term: %v", err)
	}
	if err := g.Arrive("a", request(2), at(2), 0); !errors.Is(err, ErrDeposed) {
		t.Errorf("a request after the end: %v", err)
	}
	if _, ok := g.Begin(voters, at(2)); ok {
		t.Error("a round after the end")
	}
}

func TestRoundsAreGivenUp(t *testing.T) {
	g, voters := leading(3)
	_ = g.Arrive("c", request(1), at(0), 0)
	first, _ := g.Begin(voters, at(0))
	_, _ = g.Echo("a", Echo{first.Nonce, 3}, at(0))
	second, ok := g.Begin(voters[:2], at(1))
	if !ok || second.Nonce == first.Nonce || len(second.Ask) != 2 {
		t.Fatalf("other voters: %+v", second)
	}
	if _, ok := g.Begin(voters[:2], at(Patience)); ok {
		t.Error("given up before its time")
	}
	third, ok := g.Begin(voters[:2], at(1+Patience))
	if !ok || len(third.Ask) != 2 {
		t.Fatalf("an old round: %+v", third)
	}
	if _, err := g.Echo("b", Echo{second.Nonce, 3}, at(1+Patience)); !errors.Is(err, ErrStaleEcho) {
		t.Errorf("an echo of the round before: %v", err)
	}
	_, _ = g.Echo("a", Echo{third.Nonce, 3}, at(1+Patience))
	if grants, _ := g.Echo("b", Echo{third.Nonce, 3}, at(1+Patience)); len(grants) != 1 {
		t.Errorf("the request of the first round got %v", grants)
	}
}

func TestStrangersAndThoseWhoLeft(t *testing.T) {
	g, voters := leading(3)
	if err := g.Arrive("x", request(1), at(0), 0); !errors.Is(err, ErrStranger) {
		t.Errorf("a stranger: %v", err)
	}
	_ = g.Arrive("c", request(1), at(0), 0)
	if len(granted(t, &g, voters, at(0))) != 1 {
		t.Fatal("no grant")
	}
	_ = g.Arrive("b", request(1), at(1), 0)
	r, _ := g.Begin(voters, at(1))
	_ = g.Arrive("c", request(2), at(1), 0)
	g.SetMembers([]string{"a"})
	if g.Waiting() {
		t.Error("the request of a node that left waits on")
	}
	_, _ = g.Echo("a", Echo{r.Nonce, 3}, at(2))
	if grants, err := g.Echo("b", Echo{r.Nonce, 3}, at(2)); len(grants) != 0 || err != nil {
		t.Errorf("a node that left got %v, %v", grants, err)
	}
	if w, _ := g.Barrier(Command{3, 11}, at(3)); w.Done || !slices.Equal(w.Poke, []string{"c"}) || w.Until != at(Booking) {
		t.Errorf("its lease of before is forgotten: %+v", w)
	}
	if w, _ := g.Barrier(Command{3, 11}, at(Booking)); !w.Done {
		t.Errorf("its lease never ends: %+v", w)
	}
}
