package state

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func once(caller, key, request string) *Once {
	return &Once{Caller: caller, Key: hash(key), Request: hash(request)}
}

func TestAProposalSentTwiceHasOneEffect(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	rotate := func(again bool) *Numbered {
		return &Numbered{Proposal: []byte("the one proposal"), Again: again, Command: &RotateKey{Version: version("web", 2)}}
	}
	if _, err := m.send(rotate(true)); err != nil {
		t.Fatal(err)
	}
	again, err := m.send(rotate(true))
	if err != nil {
		t.Fatal(err)
	}
	if k := again.(Replay).Result.(*Key); k.Latest != 2 || m.s.Key(testMount, "web").Latest != 2 {
		t.Fatalf("after the second: %+v", k)
	}
	// A refusal is repeated too, even if the command would be taken by now.
	refused := func() *Numbered {
		return &Numbered{Proposal: []byte("a refused one"), Again: true, Command: &DeleteKey{Mount: testMount, Name: "web"}}
	}
	if _, err := m.send(refused()); !errors.Is(err, ErrDeletionNotAllowed) {
		t.Fatal(err)
	}
	m.ok(&ConfigKey{Mount: testMount, Name: "web", DeletionAllowed: ptr(true)})
	if _, err := m.send(refused()); !errors.Is(err, ErrDeletionNotAllowed) || m.s.Key(testMount, "web") == nil {
		t.Fatalf("the same proposal was refused and then taken: %v", err)
	}
}

func TestProposalsAreForgottenAfterTenMinutesOfReplicatedTime(t *testing.T) {
	m := newMachine(t)
	m.ok(createKey("web", 1))
	known := func() bool {
		_, known := newTxn(m.s).findProposal([]byte("proposal 0000001"))
		return known
	}
	m.now += 10*60*1e9 - 1
	m.ok(&Tick{})
	if !known() {
		t.Fatal("forgotten early")
	}
	m.now++
	m.ok(&Tick{})
	if known() || countProposals(m.s.proposals) != 0 {
		t.Fatalf("%d are kept", countProposals(m.s.proposals))
	}
	for range 3 * proposalPage { // a page goes when all on it may go
		m.ok(&PutPolicy{Policy{Name: "p", Text: "t"}})
		m.now += 60 * 1e9
	}
	if n := countProposals(m.s.proposals); n < 10 || n > 10+2*proposalPage {
		t.Fatalf("%d are kept of ten minutes with one each", n)
	}
}

func TestOnceHasOneEffect(t *testing.T) {
	m := newMachine(t)
	first, err := m.send(&Numbered{Proposal: []byte("p1"), Once: once("acc-root", "k", "r"), Command: createKey("web", 1)})
	if err != nil {
		t.Fatal(err)
	}
	m.ok(&RotateKey{Version: version("web", 2)})
	// Another key pair, made by the retry: it must not get in.
	other := createKey("web", 1)
	other.Version.Sealed = []byte("another private half")
	again, err := m.send(&Numbered{Proposal: []byte("p2"), Once: once("acc-root", "k", "r"), Command: other})
	if err != nil {
		t.Fatal(err)
	}
	if again.(Replay).Result != any(first) {
		t.Fatalf("the answer of the first was %+v, of the second %+v", first, again)
	}
	if got := m.s.Version(testMount, "web", 1); !bytes.Equal(got.Sealed, []byte("sealed")) {
		t.Fatal("the retry replaced the key")
	}
	if _, err := m.send(&Numbered{Proposal: []byte("p3"), Once: once("acc-root", "k", "other"), Command: createKey("b", 1)}); !errors.Is(err, ErrOnceMismatch) {
		t.Fatalf("another request under the same key: %v", err)
	}
	if _, err := m.send(&Numbered{Proposal: []byte("p4"), Once: once("acc-other", "k", "other"), Command: createKey("b", 1)}); err != nil {
		t.Fatalf("the keys of two callers are their own: %v", err)
	}
}

func TestOnceOfARefusalIsFree(t *testing.T) {
	m := newMachine(t)
	ask := &Numbered{Proposal: []byte("p1"), Once: once("acc-root", "k", "r"), Command: &RotateKey{Version: version("web", 2)}}
	if _, err := m.send(ask); !errors.Is(err, ErrKeyMissing) {
		t.Fatal(err)
	}
	m.ok(createKey("web", 1))
	if _, err := m.send(&Numbered{Proposal: []byte("p2"), Once: ask.Once, Command: ask.Command}); err != nil {
		t.Fatalf("nothing had happened, so it may happen now: %v", err)
	}
}

func TestOnceNeverShowsATokenTwice(t *testing.T) {
	m := newMachine(t)
	if _, err := m.send(&Numbered{Proposal: []byte("p1"), Once: once("acc-root", "k", "r"), Command: token("a", "root", 900)}); err != nil {
		t.Fatal(err)
	}
	_, err := m.send(&Numbered{Proposal: []byte("p2"), Once: once("acc-root", "k", "r"), Command: token("b", "root", 900)})
	var spent *Spent
	if !errors.As(err, &spent) || !errors.Is(err, ErrOnceSpent) || spent.Accessor != "acc-a" {
		t.Fatalf("got %v", err)
	}
	if m.s.TokenByAccessor("acc-b") != nil {
		t.Fatal("the retry made a second token")
	}
}

func TestOnceIsKeptADayAndTenThousandACaller(t *testing.T) {
	m := newMachine(t)
	put := func(key string) {
		t.Helper()
		c := &PutPolicy{Policy{Name: "p", Text: "t"}}
		if _, err := m.send(&Numbered{Proposal: []byte("of " + key), Once: once("acc-root", key, "r"), Command: c}); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	m.now++
	for i := range maxOnce {
		if m.s.Once("acc-root", hash("first")) == nil {
			t.Fatalf("gone after %d more", i)
		}
		put(fmt.Sprint(i))
	}
	if m.s.Once("acc-root", hash("first")) != nil || m.s.Once("acc-root", hash("0")) == nil || m.s.once.Len() != maxOnce {
		t.Fatalf("%d are kept; the oldest goes first", m.s.once.Len())
	}
	m.now += 24*60*60*1e9 - 1
	m.ok(&Tick{})
	if m.s.once.Len() != maxOnce {
		t.Fatal("forgotten early")
	}
	for m.now++; m.s.once.Len() > 0; m.ok(&Tick{}) {
		if m.seq > 2*maxOnce {
			t.Fatal("never forgotten")
		}
	}
	if m.s.onceTimes.Len()+m.s.onceOrder.Len()+m.s.onceCount.Len() != 0 {
		t.Fatal("an index keeps what is gone")
	}
}

func TestOnceWithoutHashesIsCorruption(t *testing.T) {
	for _, o := range []*Once{{}, {Caller: "a", Key: []byte("short"), Request: hash("r")}, {Key: hash("k"), Request: hash("r")}} {
		b, err := Encode(&Numbered{Epoch: 1, Seq: 1, Proposal: []byte("p"), Once: o, Command: &Tick{}})
		if err != nil {
			t.Fatal(err)
		}
		// So that no leader proposes it: every node would stop at it, for good.
		if _, err = Decode(b); err == nil {
			t.Fatalf("%+v can be proposed", o)
		}
		if c := (*Corruption)(nil); !errors.As(err, &c) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestAProposalUnderAOnceGivesWhatItGave(t *testing.T) {
	m := newMachine(t)
	create := func() *Numbered {
		return &Numbered{Proposal: []byte("p1"), Again: true, Once: once("acc-root", "k", "r"), Command: createKey("web", 1)}
	}
	first, err := m.send(create())
	if err != nil {
		t.Fatal(err)
	}
	m.ok(&RotateKey{Version: version("web", 2)})
	again, err := m.send(create())
	if got, ok := again.(Replay); err != nil || !ok || got.Result != first || got.Asked {
		t.Fatalf("%+v, %v: the same proposal, and not another request", again, err)
	}
	asked := create()
	asked.Proposal = []byte("p2")
	if again, err = m.send(asked); err != nil || !again.(Replay).Asked {
		t.Fatalf("%+v, %v: another request", again, err)
	}
	made := func() *Numbered {
		return &Numbered{Proposal: []byte("p3"), Again: true, Once: once("acc-root", "t", "r"), Command: token("a", "root", 900)}
	}
	if _, err := m.send(made()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.send(made()); err != nil {
		t.Fatalf("whoever made the token still waits for it: %v", err)
	}
}

func TestARenewalIsNotToldOfATokenThatIsGone(t *testing.T) {
	m := newMachine(t)
	m.ok(token("a", "root", 900))
	renew := func(p string) *Numbered {
		return &Numbered{Proposal: []byte(p), Once: once("acc-root", "k", "r"), Command: &RenewToken{Hash: hash("a"), Expire: 950}}
	}
	if _, err := m.send(renew("p1")); err != nil {
		t.Fatal(err)
	}
	if got, err := m.send(renew("p2")); err != nil || got.(Replay).Result.(*Token).Accessor != "acc-a" {
		t.Fatalf("%+v, %v", got, err)
	}
	m.ok(&RevokeToken{Hash: hash("a")})
	if _, err := m.send(renew("p3")); !errors.Is(err, ErrTokenMissing) {
		t.Fatal(err)
	}
	if _, err := m.s.Once("acc-root", hash("k")).Result(m.s); !errors.Is(err, ErrTokenMissing) {
		t.Fatal(err)
	}
}

func TestLeapsOfTimeAreRemembered(t *testing.T) {
	m := newMachine(t)
	if m.s.Leapt != 0 {
		t.Fatal("the first command is no leap")
	}
	m.now += Leap
	m.ok(&Tick{})
	if m.s.Leapt != 0 {
		t.Fatal("ten minutes are no leap")
	}
	m.now += Leap + 1
	m.ok(&Tick{})
	at := m.now
	m.now++
	m.ok(&Tick{})
	if m.s.Leapt != at {
		t.Fatalf("leapt at %d, want %d", m.s.Leapt, at)
	}
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	if read, err := Read(&buf, Sequential); err != nil || read.Leapt != at {
		t.Fatalf("after a snapshot: %v", err)
	}
}

func TestWhatWasDoneOnceIsInTheSnapshot(t *testing.T) {
	m := newMachine(t)
	for i, key := range []string{"a", "b"} {
		m.now++
		if _, err := m.send(&Numbered{Proposal: fmt.Appendf(nil, "p%d", i), Once: once("acc-root", key, "r"), Command: createKey("web-"+key, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	if err := m.s.Write(&buf); err != nil {
		t.Fatal(err)
	}
	read, err := Read(&buf, Sequential)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := read.onceCount.Get([]byte("acc-root")); n != 2 || read.onceTimes.Len() != 2 || read.onceOrder.Len() != 2 || countProposals(read.proposals) != countProposals(m.s.proposals) {
		t.Errorf("%d of the caller, %d by time, %d in order", n, read.onceTimes.Len(), read.onceOrder.Len())
	}
	m.s = read
	for _, proposal := range []string{"p0", "p9"} { // the very same, and another request
		got, err := m.send(&Numbered{Proposal: []byte(proposal), Once: once("acc-root", "a", "r"), Command: createKey("web-a", 1)})
		if r, ok := got.(Replay); err != nil || !ok || r.Result.(*Key).Name != "web-a" {
			t.Errorf("%s after a snapshot: %+v, %v", proposal, got, err)
		}
	}
}

// A page of proposals grows in place for the commands of one batch only: a state that
// was given out stays as it is, whoever goes on from it, and however.
func TestProposalsOfAStateStayAsTheyAre(t *testing.T) {
	m := newMachine(t)
	begun := m.s
	digest := func(s *State) string {
		var said []string
		s.proposals.Root().Walk(func(_ []byte, p *proposalChunk) bool {
			_ = p.each(func(at int64, id []byte, refusal Refusal) { said = append(said, fmt.Sprint(at, string(id), refusal)) })
			return false
		})
		return strings.Join(said, "\n")
	}
	run := func(a *Applier, name string, from, to uint64) *State {
		for i := from; i <= to; i++ {
			n := &Numbered{Epoch: begun.Epoch, Seq: begun.Seq + i, At: begun.Time + int64(i), Proposal: fmt.Appendf(nil, "%s %08d", name, i), Command: createKey(fmt.Sprint("key", i), 1)}
			if _, err := a.Apply(begun.Index+i, n); err != nil {
				t.Fatal(err)
			}
		}
		return a.State()
	}
	first := digest(begun)
	a := NewApplier(begun)
	one := run(a, "a", 1, 3*proposalPage/2)
	after := digest(one)
	two := run(a, "a", 3*proposalPage/2+1, 2*proposalPage) // the same Applier goes on
	other := run(NewApplier(one), "b", 3*proposalPage/2+1, 2*proposalPage)
	if digest(begun) != first || digest(one) != after {
		t.Error("a state that was given out has changed")
	}
	single := begun
	for i := uint64(1); i <= 2*proposalPage; i++ {
		single = run(NewApplier(single), "a", i, i)
	}
	if got := digest(two); got != digest(single) || got == digest(other) || !strings.HasPrefix(got, after) || !strings.HasPrefix(digest(other), after) {
		t.Errorf("in one batch:\n%s\none by one:\n%s", got, digest(single))
	}
	if countProposals(two.proposals) != countProposals(begun.proposals)+2*proposalPage {
		t.Errorf("%d proposals", countProposals(two.proposals))
	}
	same := func(a, b *State) bool {
		var x, y bytes.Buffer
		return a.Write(&x) == nil && b.Write(&y) == nil && bytes.Equal(x.Bytes(), y.Bytes())
	}
	if !same(two, single) || same(two, other) {
		t.Error("the states differ by how many commands came at once")
	}
}
