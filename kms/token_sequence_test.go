package kms

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// attacker is what a caller without sudo can bring about, and what it should not
// be able to: the tokens it made, by what made them.
type attacker struct {
	*node
	r     *rand.Rand
	texts []string
	mine  map[string]bool // accessor → made by it
	by    map[string]int  // role → tokens made through it
	roles map[string]TokenRoleChange
}

func newAttacker(t *testing.T) *attacker {
	a := &attacker{node: newNode(t), r: rand.New(rand.NewPCG(5, 6)), mine: map[string]bool{}, by: map[string]int{}, roles: map[string]TokenRoleChange{}}
	for name, text := range map[string]string{
		"maker": `path "auth/token/*" { capabilities = ["create", "read", "update", "list"] }`,
		"boss":  `path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }`,
		"x":     `path "transit/sign/x" { capabilities = ["update"] }`,
		"y":     `path "transit/sign/y" { capabilities = ["update"] }`,
		"team":  `path "transit/sign/team" { capabilities = ["update"] }`,
	} {
		if err := a.WritePolicy(t.Context(), a.rootCall("sys/policies/acl/"+name), name, text); err != nil {
			t.Fatal(err)
		}
	}
	hour, twoHours, uses, yes := time.Hour, 2*time.Hour, int64(3), true
	a.roles = map[string]TokenRoleChange{
		"plain":    {},
		"lists":    {Allowed: []string{"y"}, Disallowed: []string{"boss"}, ExplicitMax: &twoHours},
		"globs":    {AllowedGlobs: []string{"t*", "mak*", "*oo*"}, DisallowedGlobs: []string{"b*"}, Period: &hour, Orphan: &yes},
		"deny":     {Disallowed: []string{"x"}},
		"periodic": {Period: &hour, ExplicitMax: &twoHours, NoDefault: &yes},
		"few":      {Allowed: []string{"maker", "x"}, Uses: &uses},
	}
	for name, change := range a.roles {
		if err := a.WriteTokenRole(t.Context(), a.rootCall("auth/token/roles/"+name), name, change); err != nil {
			t.Fatal(err)
		}
	}
	text, info := a.token(TokenRequest{Policies: []string{"maker", "x"}})
	a.texts, a.mine[info.Accessor] = []string{text}, true
	return a
}

func (a *attacker) some(words ...string) (out []string) {
	for _, w := range words {
		if a.r.IntN(6) == 0 {
			out = append(out, w)
		}
	}
	return out
}

func (a *attacker) span() time.Duration {
	spans := []time.Duration{0, 0, time.Millisecond, time.Minute, time.Hour, 3 * time.Hour, 40 * day, maxExplicit + 1}
	return spans[a.r.IntN(len(spans))]
}

// create asks for a token in one of the three ways.
func (a *attacker) create() {
	text := a.texts[a.r.IntN(len(a.texts))]
	if a.r.IntN(3) == 0 {
		text = a.texts[0] // which lives, and has what it began with
	}
	req := TokenRequest{
		TTL: a.span(), Period: a.span(), ExplicitMax: a.span(), Uses: int64(a.r.IntN(4)) * int64(a.r.IntN(2)),
		NoDefaultPolicy: a.r.IntN(2) == 0, NotRenewable: a.r.IntN(4) == 0, Orphan: a.r.IntN(5) == 0,
	}
	if a.r.IntN(2) == 0 {
		req.Period = 0
	}
	if a.r.IntN(3) > 0 {
		req.Policies = a.some("maker", "x", "X ", "y", "team", "boss", "Boss", "root", "ROOT", "default")
	}
	path := "auth/token/create"
	switch a.r.IntN(3) {
	case 0:
		req.Orphan, req.OrphanPath, path = true, true, "auth/token/create-orphan"
	case 1:
		names := []string{"plain", "lists", "globs", "deny", "periodic", "few", "gone"}
		req.Role = names[a.r.IntN(len(names))]
		path += "/" + req.Role
	}
	c := a.begin("POST", path, "127.0.0.1")
	if err := a.Authenticate(c, text); err != nil {
		return
	}
	if c.Caller.Root || maySudo(c) {
		a.t.Fatalf("the attacker has sudo: %+v", c.Caller)
	}
	tok, info, err := a.CreateToken(a.t.Context(), c, req)
	if err != nil {
		if Code(err) == "internal" {
			a.t.Fatal(err)
		}
		return
	}
	a.checkPolicies(c, &req, info)
	if req.Role == "" && (info.Period != 0 || info.Orphan != req.OrphanPath) {
		a.t.Fatalf("a period, or an orphan, without sudo: %+v for %+v", info, req)
	}
	if c.counted || len(c.token.BoundCIDRs) != 0 {
		a.t.Fatalf("a token with limited uses made another: %+v", info)
	}
	a.texts, a.mine[info.Accessor] = append(a.texts, tok.Reveal()), true
	a.by[req.Role]++
}

func (a *attacker) checkPolicies(c *Call, req *TokenRequest, info TokenInfo) {
	role := a.roles[req.Role]
	for _, name := range info.Policies {
		byRole := slices.Contains(role.Allowed, name)
		for _, g := range role.AllowedGlobs {
			byRole = byRole || globRegexp(g).MatchString(name)
		}
		listed := len(role.Allowed)+len(role.AllowedGlobs) != 0
		byRole = byRole || listed && name == "default"
		if name == "root" || name == "boss" || slices.Contains(role.Disallowed, name) || !byRole && !slices.Contains(c.Caller.Policies, name) {
			a.t.Fatalf("a caller with %q got %q by the role %q, asking for %q", c.Caller.Policies, info.Policies, req.Role, req.Policies)
		}
	}
}

func (a *attacker) renew() {
	if len(a.texts) == 1 {
		return
	}
	text := a.texts[1+a.r.IntN(len(a.texts)-1)] // not the first, which could end by it
	c := a.begin("POST", "auth/token/renew-self", "127.0.0.1")
	if err := a.Authenticate(c, text); err != nil {
		return
	}
	if _, err := a.RenewToken(a.t.Context(), c, TokenRef{Self: true}, a.span()); Code(err) == "internal" {
		a.t.Fatal(err)
	}
}

// check holds every token there is to its ends.
func (a *attacker) check() {
	v := a.view.Load()
	for accessor := range a.mine {
		t := v.TokenByAccessor(accessor)
		if t == nil {
			continue
		}
		longest := int64(MaxTTL)
		if t.Period != 0 {
			longest = 1 << 62
		}
		if t.ExplicitMax != 0 {
			longest = min(longest, t.ExplicitMax*int64(time.Second))
		}
		if t.Expire == 0 || t.Expire-t.Created > longest || t.Expire-max(v.Time, time.Now().UnixNano()) > int64(MaxTTL) {
			a.t.Fatalf("a token outlives its end: %+v", t)
		}
		if r := a.roles[t.Role]; r.ExplicitMax != nil && (t.ExplicitMax == 0 || inSeconds(t.ExplicitMax) > *r.ExplicitMax) {
			a.t.Fatalf("a token outlives what its role allows: %+v", t)
		}
	}
}

// No sequence of creations, through roles or not, and renewals gives a caller
// without sudo a token with a policy that neither it has nor a role allows, one
// that outlives its explicit end, or one that has no end.
func TestNoSequenceOfCallsEscalates(t *testing.T) {
	a := newAttacker(t)
	at := time.Duration(0)
	for step := range 4000 {
		switch a.r.IntN(8) {
		case 0, 1:
			a.renew()
		case 2:
			if step%5 == 0 {
				at += time.Duration(a.r.Int64N(int64(20 * time.Minute)))
				a.pushTime(at)
			}
		default:
			a.create()
		}
		a.check()
	}
	if len(a.by) != len(a.roles)+1 || a.by[""] < 100 {
		t.Fatalf("tokens by role: %v; the test shows little", a.by)
	}
	_, err := a.ListAccessors(a.call(a.texts[0], "LIST", "auth/token/accessors"))
	if !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("list accessors without sudo: %v", err)
	}
}
