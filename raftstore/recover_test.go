package raftstore

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// lostMajority is a mesh of three, of which the first took part to the end and all
// are closed.
func lostMajority(t *testing.T) *meshed {
	t.Helper()
	c := newMesh(t, 3)
	for _, entry := range []string{"one", "two", "three"} {
		propose(t, c.stores[0], entry)
	}
	c.all("one", "two", "three")
	for _, s := range c.stores {
		must(t, s.Close())
	}
	return c
}

func ids(servers []Server) (out []string) {
	for _, s := range servers {
		out = append(out, s.NodeID)
	}
	return out
}

func TestASurvivorGoesOnAlone(t *testing.T) {
	c := lostMajority(t)
	o := c.stores[1].opts
	self := c.stores[1].identity.NodeID
	dead := slices.DeleteFunc(ids(mustServers(t, o)), func(id string) bool { return id == self })
	if len(dead) != 2 {
		t.Fatalf("the dead are %v", dead)
	}
	r, err := OpenRecovery(o, newBook())
	must(t, err)
	before := r.Survivor()
	if before.Roster.Epoch != 1 || before.LastIndex == 0 || before.LastTerm == 0 || len(before.Servers) != 3 {
		t.Errorf("the survivor has %+v", before)
	}
	for _, bad := range []struct {
		dead []string
		want error
	}{
		{nil, ErrNothingGiven}, {dead[:1], ErrMajorityLives}, {[]string{"stranger"}, ErrNoMember}, {[]string{self}, nil},
	} {
		_, err := r.Give(bad.dead)
		if err == nil || bad.want != nil && !errors.Is(err, bad.want) {
			t.Errorf("giving up %v: %v", bad.dead, err)
		}
	}
	// A crash after the roster was written and before the log was: it is run again,
	// and the epoch is the one that was written.
	_, roster, err := r.Plan(dead)
	must(t, err)
	b, err := roster.Marshal()
	must(t, err)
	must(t, r.store.dir.replace(rosterFile, b))
	must(t, r.Close())
	if r, err = OpenRecovery(o, newBook()); err != nil {
		t.Fatal(err)
	}
	roster, err = r.Give(dead)
	must(t, err)
	if roster.Epoch != 2 || !roster.Member(dead[0]).Removed || !roster.Member(dead[1]).Removed || roster.Member(self).Removed {
		t.Errorf("the roster is %+v", roster)
	}
	must(t, r.Close())

	book := newBook()
	s, err := Open(o, book)
	must(t, err)
	defer s.Close()
	must(t, s.WaitLeader(testContext(t)))
	propose(t, s, "four")
	book.mu.Lock()
	defer book.mu.Unlock()
	if got := strings.Join(book.entries, " "); got != "one two three four" {
		t.Errorf("it has %q", got)
	}
	if s.Roster().Epoch != 2 {
		t.Errorf("it is of epoch %d", s.Roster().Epoch)
	}
	old := *roster
	old.Epoch, old.Version = 1, 100
	must(t, s.SetRoster(&old))
	if s.Roster().Epoch != 2 {
		t.Error("a roster of the epoch before is obeyed")
	}
}

func mustServers(t *testing.T, o Options) []Server {
	t.Helper()
	r, err := OpenRecovery(o, newBook())
	must(t, err)
	defer r.Close()
	return r.Survivor().Servers
}

// A machine that cannot take an entry stops the recovery; the log stays.
func TestARecoveryThatFailsLeavesTheLog(t *testing.T) {
	c := lostMajority(t)
	o := c.stores[1].opts
	dead := slices.DeleteFunc(ids(mustServers(t, o)), func(id string) bool { return id == c.stores[1].identity.NodeID })
	r, err := OpenRecovery(o, failing{newBook()})
	must(t, err)
	var fatal *Fatal
	if _, err := r.Give(dead); !errors.As(err, &fatal) {
		t.Errorf("it ended with %v", err)
	}
	must(t, r.Close())
	if servers := mustServers(t, o); len(servers) != 3 {
		t.Errorf("the configuration is %v", servers)
	}
}

type failing struct{ *book }

func (failing) Apply(uint64, []byte) any { return &Fatal{Err: errors.New("no")} }

func TestNothingIsRecoveredFromAnEmptyDirectory(t *testing.T) {
	if _, err := OpenRecovery(Options{Dir: t.TempDir()}, newBook()); !errors.Is(err, ErrNotBootstrapped) {
		t.Errorf("%v", err)
	}
}
