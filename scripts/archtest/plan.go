package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Plan is what the code of a module must look like.
type Plan struct {
	Module     string // import path of the module
	Rooms      []Room
	Exceptions []Exception
	MintIn     string // the only room whose code may call Mint …
	MintOf     string // … of this room
	Raft       string // the only room that may import hashicorp/raft
}

// Room is one package of the module.
type Room struct {
	Path    string // below the module; a last element "*" stands for any package there
	Why     string // what it owns, in a few words
	Planned string // not empty: not built yet; says what for
	Pure    bool   // no I/O, no clock, no randomness
	Ground  bool   // imports nothing of the module but what lies below itself
	Tests   bool   // for tests only: no other code may import it
	Arrows  []Arrow
	Lane    *Lane // nil: every file may follow every arrow
}

// Arrow is the right of a room to import another.
type Arrow struct {
	To      string
	Why     string // empty where the drawing says it all
	Planned string // not empty: no code needs it yet; says what for
}

// Lane narrows a room file by file: only the files that match Wide may follow
// every arrow of the room; the others follow Narrow alone.
type Lane struct {
	Wide   []string // patterns of path.Match, on the name of the file
	Narrow []string // rooms
}

// Exception lets the files that match Path break a rule. An exception that no
// file needs fails like an arrow that no code needs.
type Exception struct {
	Rule string // RulePrivateKey, RulePublicKey, RuleKeyFile, RuleRand or RuleRaft
	Path string // pattern of path.Match, below the module
	Why  string
}

// part is one property of a room in the table; note is one of an arrow.
type part interface{ room(*Room) }
type note interface{ arrow(*Arrow) }

type partFunc func(*Room)

func (f partFunc) room(r *Room) { f(r) }

// mark is planned("…") or because("…"). Only planned is a part too.
type mark struct{ planned, why string }

func (m mark) arrow(a *Arrow) { a.Planned, a.Why = a.Planned+m.planned, a.Why+m.why }
func (m mark) room(r *Room)   { r.Planned = m.planned }

// planned marks a room or an arrow that is drawn before it is built.
func planned(what string) mark { return mark{planned: what} }

// because gives the reason of an arrow.
func because(why string) note { return mark{why: why} }

// room draws a room.
func room(path, why string, parts ...part) Room {
	r := Room{Path: path, Why: why}
	for _, p := range parts {
		p.room(&r)
	}
	return r
}

// to draws an arrow of the room it stands in.
func to(path string, notes ...note) part {
	a := Arrow{To: path}
	for _, n := range notes {
		n.arrow(&a)
	}
	return partFunc(func(r *Room) { r.Arrows = append(r.Arrows, a) })
}

func pure() part      { return partFunc(func(r *Room) { r.Pure = true }) }
func ground() part    { return partFunc(func(r *Room) { r.Ground = true }) }
func testsOnly() part { return partFunc(func(r *Room) { r.Tests = true }) }

// only lets the files that match wide follow every arrow, and all others those
// to the rooms of narrow.
func only(wide []string, narrow ...string) part {
	return partFunc(func(r *Room) { r.Lane = &Lane{Wide: wide, Narrow: narrow} })
}

// find gives the room a package belongs to: the one with its path, else one that
// ends in "*" above it.
func (p *Plan) find(pkg string) *Room {
	if i := slices.IndexFunc(p.Rooms, func(r Room) bool { return r.Path == pkg }); i >= 0 {
		return &p.Rooms[i]
	}
	i := slices.IndexFunc(p.Rooms, func(r Room) bool {
		ok, _ := path.Match(r.Path, pkg)
		return ok
	})
	if i < 0 {
		return nil
	}
	return &p.Rooms[i]
}

func (r *Room) arrow(pkg string) *Arrow {
	i := slices.IndexFunc(r.Arrows, func(a Arrow) bool { return a.To == pkg })
	if i < 0 {
		return nil
	}
	return &r.Arrows[i]
}

func (r *Room) any() bool { return strings.HasSuffix(r.Path, "*") }

// checkPlan checks the drawing itself: that arrows end in rooms, that none leads
// back up, and that pure and ground rooms are drawn as such.
func checkPlan(p *Plan) []Violation {
	v := &violations{}
	seen := map[string]bool{}
	for _, r := range p.Rooms {
		if seen[r.Path] {
			v.add(RulePlan, r.Path, "the room is drawn twice")
		}
		seen[r.Path] = true
		for _, a := range r.Arrows {
			checkArrow(v, p, r, a)
		}
	}
	for _, r := range p.Rooms {
		if loop := findLoop(p, r.Path); loop != nil {
			v.add(RulePlan, r.Path, "its arrows lead back to it: %s", strings.Join(loop, " → "))
			break // the other rooms of the loop would say the same
		}
	}
	return v.list
}

func checkArrow(v *violations, p *Plan, r Room, a Arrow) {
	end := p.find(a.To)
	switch {
	case end == nil:
		v.add(RulePlan, r.Path, "an arrow leads to %s, which is no room", a.To)
	case r.Planned != "" && a.Planned == "":
		v.add(RulePlan, r.Path, "the room is planned, so its arrow to %s must be planned too", a.To)
	case end.Planned != "" && a.Planned == "":
		v.add(RulePlan, r.Path, "an arrow leads to %s, which is planned, so the arrow must be planned too", a.To)
	case r.Pure && !end.Pure:
		v.add(RulePlan, r.Path, "a pure room may import pure rooms only, and %s is not", a.To)
	case r.Ground && !strings.HasPrefix(a.To, r.Path+"/"):
		v.add(RulePlan, r.Path, "a room on the ground may import only what lies below it, and %s does not", a.To)
	case end.Tests && !r.Tests:
		v.add(RulePlan, r.Path, "%s is for tests: only their files import it, without an arrow", a.To)
	}
}

// findLoop gives the rooms on a way from start back to start, or nil.
func findLoop(p *Plan, start string) []string {
	seen := map[string]bool{}
	var walk func(at string, way []string) []string
	walk = func(at string, way []string) []string {
		r := p.find(at)
		if r == nil || seen[at] {
			return nil
		}
		seen[at] = true
		way = append(way[:len(way):len(way)], at)
		for _, a := range r.Arrows {
			if a.To == start {
				return append(way, start)
			}
			if loop := walk(a.To, way); loop != nil {
				return loop
			}
		}
		return nil
	}
	return walk(start, nil)
}

// reaches says whether arrows, planned ones included, lead from one room to
// another, through others or at once.
func (p *Plan) reaches(from, to string) bool {
	seen := map[string]bool{}
	var walk func(at string) bool
	walk = func(at string) bool {
		r := p.find(at)
		if r == nil || seen[at] {
			return false
		}
		seen[at] = true
		return slices.ContainsFunc(r.Arrows, func(a Arrow) bool { return a.To == to || walk(a.To) })
	}
	return walk(from)
}

// Violation is one place where code and plan disagree.
type Violation struct {
	Rule  string // one of the Rule constants
	Where string // a room, or a file with its line
	Text  string // what is wrong and what to do
}

func (v Violation) String() string { return fmt.Sprintf("[%s] %s: %s", v.Rule, v.Where, v.Text) }

type violations struct{ list []Violation }

func (v *violations) add(rule, where, format string, args ...any) {
	v.list = append(v.list, Violation{rule, where, fmt.Sprintf(format, args...)})
}
