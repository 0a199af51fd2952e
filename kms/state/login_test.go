package state

import (
	"slices"
	"testing"
)

// A login that began before its role or its application was narrowed gives nothing:
// every limit is looked at when the command is applied.
func TestALoginGivesWhatItsRoleGivesNow(t *testing.T) {
	was := AppRole{
		Name: "role", RoleID: "id-role", Application: "web", Policies: []string{"a", "b"}, TokenCIDRs: []string{"10.0.0.0/8"},
		TTL: 600, MaxTTL: 3600, ExplicitMax: 7200, Uses: 5,
	}
	made := Token{Policies: []string{"a", "app", "b", "default"}, BoundCIDRs: []string{"10.0.0.0/8"}, TTL: 600, ExplicitMax: 7200, Uses: 5, Application: "web"}
	periodic := func(r *AppRole, k *Token) { r.Period, k.Period, k.TTL = 300, 300, 300 }
	for name, c := range map[string]struct {
		change func(r *AppRole, a *Application, s *SecretID, k *Token)
		gives  bool
	}{
		"nothing":        {func(*AppRole, *Application, *SecretID, *Token) {}, true},
		"a policy more":  {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.Policies = append(r.Policies, "c") }, true},
		"a wider prefix": {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.TokenCIDRs = []string{"0.0.0.0/0"} }, true},
		"no prefix":      {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.TokenCIDRs = nil }, true},
		"no limits": {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) {
			r.TTL, r.MaxTTL, r.ExplicitMax, r.Uses = 0, 0, 0, 0
		}, true},
		"a policy less":     {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.Policies = r.Policies[:1] }, false},
		"no default":        {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.NoDefault = true }, false},
		"the application's": {func(_ *AppRole, a *Application, _ *SecretID, _ *Token) { a.Policies = nil }, false},
		"the role has it too": {func(r *AppRole, a *Application, _ *SecretID, _ *Token) {
			a.Policies, r.Policies = nil, append(r.Policies, "app")
		}, true},
		"a narrower prefix": {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.TokenCIDRs = []string{"10.1.0.0/16"} }, false},
		"one prefix of two": {func(_ *AppRole, _ *Application, _ *SecretID, k *Token) {
			k.BoundCIDRs = append(k.BoundCIDRs, "11.0.0.1")
		}, false},
		"bound since": {func(_ *AppRole, _ *Application, _ *SecretID, k *Token) { k.BoundCIDRs = nil }, false},
		"the secret id's": {func(_ *AppRole, _ *Application, s *SecretID, k *Token) {
			s.TokenCIDRs, k.BoundCIDRs = []string{"10.1.0.0/16"}, []string{"10.1.0.0/16"}
		}, true},
		"more than its own":     {func(_ *AppRole, _ *Application, s *SecretID, _ *Token) { s.TokenCIDRs = []string{"10.1.0.0/16"} }, false},
		"a shorter ttl":         {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.TTL = 599 }, false},
		"a shorter max":         {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.TTL, r.MaxTTL = 0, 599 }, false},
		"a shorter end":         {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.ExplicitMax = 7199 }, false},
		"an end since":          {func(_ *AppRole, _ *Application, _ *SecretID, k *Token) { k.ExplicitMax = 0 }, false},
		"fewer uses":            {func(r *AppRole, _ *Application, _ *SecretID, _ *Token) { r.Uses = 4 }, false},
		"uses counted since":    {func(_ *AppRole, _ *Application, _ *SecretID, k *Token) { k.Uses = 0 }, false},
		"a period":              {func(r *AppRole, _ *Application, _ *SecretID, k *Token) { periodic(r, k) }, true},
		"a shorter period":      {func(r *AppRole, _ *Application, _ *SecretID, k *Token) { periodic(r, k); r.Period-- }, false},
		"not periodic any more": {func(r *AppRole, _ *Application, _ *SecretID, k *Token) { periodic(r, k); r.Period = 0 }, false},
		"a token for ever":      {func(_ *AppRole, _ *Application, _ *SecretID, k *Token) { k.TTL = 0 }, false},
	} {
		m := newMachine(t)
		r, k, s := was, made, secretID("role", "s", 2, 0)
		r.Policies, k.BoundCIDRs = slices.Clone(r.Policies), slices.Clone(k.BoundCIDRs)
		a := Application{Name: "web", Policies: []string{"app"}}
		c.change(&r, &a, &s.SecretID, &k)
		m.ok(&PutApplication{a})
		m.ok(&PutAppRole{r})
		m.ok(s)
		k.Hash, k.Accessor = hash("k"), "acc"
		login := &LoginAppRole{Role: "role", RoleID: "id-role", Hash: hash("s"), Token: k}
		t.Log(name)
		if !c.gives {
			m.refused(login, ErrRoleChanged)
		} else if left := m.ok(login).(*SecretID); left.Uses != 1 || m.s.Application("web").Activated == 0 && m.now != 0 {
			t.Errorf("%s: %+v", name, left)
		}
	}
}
