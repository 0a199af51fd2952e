package state

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const second = int64(1e9)

// life is an issuer with everybody who has to do with it, in simulated time: the
// machine, whoever changes it, nodes that sign and serve a little behind it, and
// verifiers that keep a JWKS for as long as they were told.
type life struct {
	rt     *rapid.T
	m      *machine
	past   []moment // what nodes may still go by, oldest first
	tokens []lifeToken
	caches []*lifeCache
	made   int
	signed map[uint32]bool // versions that have signed
}

type moment struct {
	from int64
	s    *State
}

type lifeToken struct {
	kid           string
	nbf, exp, iat int64 // seconds
}

// lifeCache is one verifier.
type lifeCache struct {
	skew  int64 // thousandths of the leeway, -1000 to 1000
	kids  []string
	until int64
}

func newLife(rt *rapid.T, t *testing.T) *life {
	l := &life{rt: rt, m: newMachine(t), signed: map[uint32]bool{}}
	l.m.now = 1_790_000_000 * second
	maxAge := rapid.Int64Range(1, 20).Draw(rt, "max age")
	l.m.ok(&CreateIssuer{
		Issuer: Issuer{
			Name: "acme", UUID: "u", Mount: testMount, URL: "https://acme.example", Alg: "ES256", MaxAge: maxAge,
			Lead: 2*maxAge + rapid.Int64Range(0, 20).Draw(rt, "lead"), Leeway: rapid.Int64Range(0, 10).Draw(rt, "leeway"),
			Period: rapid.SampledFrom([]int64{0, 100, 300}).Draw(rt, "period"),
		},
		Key: Key{Mount: testMount, Name: "acme", Type: ECDSAP256, Issuer: "acme"}, Version: version("acme", 1),
	})
	l.note()
	l.profile()
	for range 5 {
		l.caches = append(l.caches, &lifeCache{skew: rapid.SampledFrom([]int64{-1000, -500, 0, 1000}).Draw(rt, "skew")})
	}
	return l
}

func (l *life) issuer() *Issuer { return l.m.s.Issuer("acme") }
func (l *life) key() *Key       { return l.m.s.Key(testMount, "acme") }

// do applies a command, which may be refused: that is part of life.
func (l *life) do(c Command) {
	_, _ = l.m.do(c)
	l.note()
}

func (l *life) note() {
	l.past = append(l.past, moment{l.m.now, l.m.s})
	for len(l.past) > 1 && l.past[1].from <= l.m.now-10*second {
		l.past = l.past[1:]
	}
}

// behind is a state that was in force at some time in the last most nanoseconds.
func (l *life) behind(most int64) *State {
	first := 0
	for first+1 < len(l.past) && l.past[first+1].from <= l.m.now-most {
		first++
	}
	return l.past[rapid.IntRange(first, len(l.past)-1).Draw(l.rt, "view")].s
}

func (l *life) profile() {
	l.do(&PutProfile{Profile{
		Issuer: "acme", Name: rapid.SampledFrom([]string{"a", "b"}).Draw(l.rt, "profile"),
		MaxTTL: rapid.Int64Range(1, 60).Draw(l.rt, "ttl"), MaxNBF: rapid.SampledFrom([]int64{0, 0, 5, 40}).Draw(l.rt, "nbf"),
	}})
}

func (l *life) config() {
	c := &ConfigIssuer{Name: "acme"}
	switch rapid.IntRange(0, 3).Draw(l.rt, "setting") {
	case 0:
		maxAge := rapid.Int64Range(1, 30).Draw(l.rt, "max age")
		c.MaxAge, c.Lead = &maxAge, ptr(2*maxAge+rapid.Int64Range(0, 5).Draw(l.rt, "lead"))
	case 1:
		c.Lead = ptr(rapid.Int64Range(1, 80).Draw(l.rt, "lead"))
	case 2:
		c.Leeway = ptr(rapid.Int64Range(0, 20).Draw(l.rt, "leeway"))
	case 3:
		c.Period = ptr(rapid.SampledFrom([]int64{0, 100, 300}).Draw(l.rt, "period"))
	}
	l.do(c)
}

func (l *life) rotate() {
	v := version("acme", l.key().Latest+1)
	l.do(&RotateIssuer{Issuer: "acme", Version: v})
}

// tick does what is due, as a node's loop does: never early, perhaps late.
func (l *life) tick() {
	var due []Due
	l.m.s.Dues(func(d Due) {
		if d.At <= l.m.now {
			due = append(due, d)
		}
	})
	for _, d := range due {
		switch d.Step {
		case StepActivate:
			l.do(&ActivateIssuer{Issuer: "acme", Number: d.Number})
		case StepUnpublish:
			l.do(&UnpublishVersion{Issuer: "acme", Number: d.Number})
		case StepRotate:
			l.rotate()
		}
	}
}

// restart reads the state back from its snapshot.
func (l *life) restart() {
	var buf bytes.Buffer
	if err := l.m.s.Write(&buf); err != nil {
		l.rt.Fatal(err)
	}
	s, err := Read(&buf, Sequential)
	if err != nil {
		l.rt.Fatal(err)
	}
	l.m.s = s
	l.note()
}

// sign signs as a node does that has not heard of the last three seconds.
func (l *life) sign() {
	s := l.behind((retirementReturn - 1) * second)
	i := s.Issuer("acme")
	v := s.Version(testMount, "acme", s.Key(testMount, "acme").SignerNumber())
	if !v.State.Produces() {
		return
	}
	var all []*Profile
	s.Profiles("acme", func(p *Profile) { all = append(all, p) })
	if i == nil || len(all) == 0 {
		return
	}
	p := rapid.SampledFrom(all).Draw(l.rt, "profile of token")
	t := lifeToken{kid: v.KID, iat: l.m.now / second}
	t.nbf = t.iat + rapid.SampledFrom([]int64{0, p.MaxNBF}).Draw(l.rt, "nbf")
	t.exp = t.nbf + rapid.SampledFrom([]int64{1, p.MaxTTL, p.MaxTTL}).Draw(l.rt, "ttl")
	l.tokens, l.made = append(l.tokens, t), l.made+1
	l.signed[v.Number] = true
}

// fetch is an answer of a node that is behind by as much as every lead time leaves
// room for: the shortest max-age of late.
func (l *life) fetch(c *lifeCache) {
	behind := (retirementReturn - 1) * second
	for _, p := range l.past {
		behind = min(behind, nanos(p.s.Issuer("acme").MaxAge))
	}
	s := l.behind(behind)
	i := s.Issuer("acme")
	pending := s.PendingVersion(i)
	maxAge := i.ServedMaxAge(pending, l.m.now)
	if pending != nil && l.m.now < pending.ActiveAt && l.m.now+maxAge*second > pending.ActiveAt || maxAge > i.MaxAge {
		l.rt.Fatalf("max-age %d with an activation in %d ns", maxAge, pending.ActiveAt-l.m.now)
	}
	c.kids = nil
	s.EachVersion(s.Key(testMount, "acme"), func(v *KeyVersion) {
		if v.State.Published() {
			c.kids = append(c.kids, v.KID)
		}
	})
	c.until = l.m.now + maxAge*second
}

// check has every verifier verify every token that is alive by its clock.
func (l *life) check() {
	leeway := nanos(l.issuer().Leeway)
	l.tokens = slices.DeleteFunc(l.tokens, func(t lifeToken) bool { return t.exp*second+leeway <= l.m.now })
	for _, c := range l.caches {
		clock := l.m.now + c.skew*leeway/1000
		for _, t := range l.tokens {
			if clock+leeway < t.nbf*second || clock >= t.exp*second {
				continue
			}
			if l.m.now >= c.until {
				l.fetch(c)
			}
			if !slices.Contains(c.kids, t.kid) {
				l.rt.Fatalf("a token under %s, of %d to %d, does not verify at %d.%09d with %v", t.kid, t.nbf, t.exp, l.m.now/second, l.m.now%second, c.kids)
			}
		}
	}
	l.shape()
}

// shape is what holds of the versions at every moment.
func (l *life) shape() {
	count := map[VersionState]int{}
	l.m.s.EachVersion(l.key(), func(v *KeyVersion) {
		count[v.State]++
		if (v.State == Destroyed) != (len(v.Sealed) == 0) {
			l.rt.Fatalf("%s version %d with a private half of %d bytes", v.State, v.Number, len(v.Sealed))
		}
		if v.State == Pending && l.signed[v.Number] {
			l.rt.Fatalf("version %d is pending and has signed", v.Number)
		}
	})
	signer := l.m.s.Version(testMount, "acme", l.key().SignerNumber())
	if count[Pending] > 1 || count[Active] != 1 || signer.State != Active {
		l.rt.Fatalf("versions by state: %v, the signer is %s", count, signer.State)
	}
}

func (l *life) step() {
	dt := rapid.SampledFrom([]int64{0, 1, 3e8, second, 2 * second, 7 * second, 40 * second}).Draw(l.rt, "dt")
	l.m.now += dt
	l.note()
	if rapid.IntRange(0, 3).Draw(l.rt, "ticks") != 0 { // a node that was down comes late
		l.tick()
	}
	switch rapid.IntRange(0, 11).Draw(l.rt, "what") {
	case 0, 1:
		l.rotate()
	case 2:
		if rapid.Bool().Draw(l.rt, "cancels") {
			l.do(&CancelRotation{Issuer: "acme"})
		}
	case 3, 4:
		l.config()
	case 5:
		l.profile()
	case 6:
		l.do(&DeleteProfile{Issuer: "acme", Name: "b"})
	case 7:
		l.restart()
	case 8:
		l.fetch(rapid.SampledFrom(l.caches).Draw(l.rt, "verifier"))
	default:
		l.sign()
	}
	l.check()
}

// Attack 26, I6. Whatever is rotated, rolled back and configured, whoever is down
// or behind, and whenever verifiers fetch: every token verifies for its whole
// life, at everyone who keeps a JWKS no longer than allowed and whose clock is
// right within the leeway. A pending version never signs.
func TestEveryTokenVerifiesForItsWholeLife(t *testing.T) {
	tokens, versions := 0, uint32(0)
	rapid.Check(t, func(rt *rapid.T) {
		l := newLife(rt, t)
		for range 120 {
			l.step()
		}
		tokens, versions = tokens+l.made, versions+l.key().Latest
	})
	t.Logf("%d tokens under %d versions", tokens, versions)
	if tokens < 100 || versions < 100 {
		t.Errorf("%d tokens under %d versions: the test shows nothing", tokens, versions)
	}
}
