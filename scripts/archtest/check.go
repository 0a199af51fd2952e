package archtest

import (
	"path"
	"slices"
	"strings"
)

// The rules, by the name that a violation carries.
const (
	RuleParse      = "parse"       // a file that is not Go
	RulePlan       = "plan"        // a drawing that contradicts itself
	RuleRoom       = "room"        // packages: undrawn, missing, planned but built
	RuleArrow      = "arrow"       // imports: undrawn, unused, planned but used
	RuleTestImport = "test-import" // imports of test files
	RuleLane       = "lane"        // imports of one file that its room may have, but it may not
	RulePure       = "pure"        // I/O, clock or randomness in a pure room
	RuleRaft       = "raft"        // hashicorp/raft outside its room
	RulePrivateKey = "private-key" // packages with private keys, outside the files listed
	RulePublicKey  = "public-key"  // the same packages, for public keys alone, in the files listed
	RuleKeyFile    = "key-file"    // reading or writing private keys, outside the files listed
	RuleMint       = "mint"        // a Pass made outside its room
	RuleExported   = "exported"    // an exported private key
	RuleRand       = "math-rand"   // guessable randomness, outside the files listed
	RuleComment    = "comment"     // a package without a comment
	RuleLines      = "lines"       // a file that is too long
	RuleInit       = "init"        // func init
	RuleCgo        = "cgo"         // import "C"
	RuleDot        = "dot-import"  // import . "…", which hides from the other rules
	RuleException  = "exception"   // an exception that nothing needs
)

// MaxLines is how long a file of production code may be.
const MaxLines = 500

// Check compares a tree with a plan and gives all places where they disagree, in
// a stable order.
func Check(t *Tree, p *Plan) []Violation {
	c := &checker{tree: t, plan: p, used: map[string]bool{}}
	c.list = append(c.list, t.broken...)
	c.list = append(c.list, checkPlan(p)...)
	c.rooms()
	for _, pkg := range t.packages {
		r := p.find(pkg.path)
		for _, f := range pkg.files {
			c.imports(pkg, r, f)
			c.forbiddenImports(pkg, f)
			c.keyCrypto(f)
			if f.test {
				continue
			}
			if r != nil && r.Pure {
				c.pure(f)
			}
			c.mint(pkg, f)
			c.style(f)
		}
		c.exported(pkg)
		c.comment(pkg)
	}
	c.arrowsUsed()
	c.exceptionsUsed()
	slices.SortStableFunc(c.list, func(a, b Violation) int { return strings.Compare(a.Rule, b.Rule) })
	return c.list
}

type checker struct {
	violations
	tree *Tree
	plan *Plan
	used map[string]bool // arrows "from to" and exceptions "rule path" that code needs
}

// rooms compares the packages there are with the rooms drawn.
func (c *checker) rooms() {
	built := map[string]bool{}
	for _, pkg := range c.tree.packages {
		r := c.plan.find(pkg.path)
		switch {
		case r == nil:
			c.add(RuleRoom, name(pkg.path), "the package is not in the plan: draw it, with its arrows, in scripts/archtest/signet.go")
		case r.Planned != "":
			c.add(RuleRoom, r.Path, "the room is built, so the plan must not call it planned any more (%q)", r.Planned)
			built[r.Path] = true
		default:
			built[r.Path] = true
		}
	}
	for _, r := range c.plan.Rooms {
		if !built[r.Path] && r.Planned == "" && !r.any() {
			c.add(RuleRoom, r.Path, "the room is drawn but not built: build it, or mark it planned(…)")
		}
	}
}

func name(pkg string) string {
	if pkg == "" {
		return "the module's root"
	}
	return pkg
}

// imports checks what one file imports of this module.
func (c *checker) imports(pkg *pkg, r *Room, f *file) {
	if r == nil {
		return // the missing room is reported already
	}
	for _, i := range f.imports {
		if !i.own {
			continue
		}
		at := c.tree.at(i.pos)
		a := r.arrow(i.room)
		switch end := c.plan.find(i.room); {
		case f.test:
			if !c.testMay(pkg, r, i.room) {
				c.add(RuleTestImport, at, "tests of %s may import what lies below it, api/apitest, client and client/wire, but not %s", pkg.path, name(i.room))
			}
			continue
		case end != nil && end.Tests && !r.Tests:
			c.add(RuleArrow, at, "%s is for tests only", i.room)
			continue
		case a == nil:
			c.add(RuleArrow, at, "no arrow leads from %s to %s: import something else, or draw the arrow with its reason", pkg.path, name(i.room))
			continue
		case a.Planned != "":
			c.add(RuleArrow, at, "the arrow from %s to %s is built, so the plan must not call it planned any more (%q)", pkg.path, i.room, a.Planned)
		}
		c.used[r.Path+" "+i.room] = true
		c.lane(r, f, i, at)
	}
}

// testMay says whether a test file of pkg may import a room: its own, all that
// lies below it in the drawing, the SDK, and the rooms for tests. A test never
// looks up, or at a neighbour.
func (c *checker) testMay(pkg *pkg, r *Room, room string) bool {
	if room == pkg.path || room == "client" || room == "client/wire" || c.plan.reaches(r.Path, room) {
		return true
	}
	end := c.plan.find(room)
	return end != nil && end.Tests
}

func (c *checker) lane(r *Room, f *file, i imported, at string) {
	if r.Lane == nil || slices.Contains(r.Lane.Narrow, i.room) {
		return
	}
	if slices.ContainsFunc(r.Lane.Wide, func(pattern string) bool {
		ok, _ := path.Match(pattern, path.Base(f.path))
		return ok
	}) {
		return
	}
	c.add(RuleLane, at, "in %s only %s may import %s; other files import %s alone",
		r.Path, strings.Join(r.Lane.Wide, ", "), i.room, strings.Join(r.Lane.Narrow, ", "))
}

// arrowsUsed reports arrows that no code needs, of rooms that are built.
func (c *checker) arrowsUsed() {
	for _, r := range c.plan.Rooms {
		built := slices.ContainsFunc(c.tree.packages, func(p *pkg) bool { return c.plan.find(p.path).is(r.Path) })
		for _, a := range r.Arrows {
			if built && a.Planned == "" && !c.used[r.Path+" "+a.To] {
				c.add(RuleArrow, r.Path, "no code needs the arrow to %s: remove it, or mark it planned(…)", a.To)
			}
		}
	}
}

func (r *Room) is(path string) bool { return r != nil && r.Path == path }

// excepted says whether an exception lets f break rule, and books its use.
func (c *checker) excepted(rule string, f *file) bool {
	for _, e := range c.plan.Exceptions {
		if ok, _ := path.Match(e.Path, f.path); ok && e.Rule == rule {
			c.used[e.Rule+" "+e.Path] = true
			return true
		}
	}
	return false
}

func (c *checker) exceptionsUsed() {
	for _, e := range c.plan.Exceptions {
		if !c.used[e.Rule+" "+e.Path] {
			c.add(RuleException, e.Path, "no file needs the exception from %s (%s): remove it", e.Rule, e.Why)
		}
	}
}
