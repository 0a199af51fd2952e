package state

import (
	"slices"
	"testing"
)

// What is remembered of a token is found whatever else there is: by its jti or by
// what it says, for its subject and its application, alone and together.
func TestWhatIsRememberedOfAToken(t *testing.T) {
	const before = 1_700_000_000
	web := IssuedClaims{JTI: "j", Payload: []byte(`{"jti":"j"}`), Subject: "user:1", Application: "web"}
	bare := web
	bare.JTI, bare.Payload = "", []byte(`{"sub":"user:1"}`)
	for name, c := range map[string]struct {
		entries func(k *IssuedKey) []Revocation
		asked   IssuedClaims
		want    Remembered
	}{
		"nothing":          {nil, web, Remembered{}},
		"the token":        {func(k *IssuedKey) []Revocation { return []Revocation{{ID: bytesOf(k.Token("j"))}} }, web, Remembered{Revoked: true}},
		"without a jti":    {func(k *IssuedKey) []Revocation { return []Revocation{{ID: bytesOf(k.Payload(bare.Payload))}} }, bare, Remembered{Revoked: true}},
		"by the jti first": {func(k *IssuedKey) []Revocation { return []Revocation{{ID: bytesOf(k.Payload(web.Payload))}} }, web, Remembered{}},
		"the subject": {func(k *IssuedKey) []Revocation {
			return []Revocation{{ID: bytesOf(k.Subject("user:1")), CutOff: true, Before: before}}
		}, web, Remembered{CutOff: before}},
		"the application": {func(k *IssuedKey) []Revocation {
			return []Revocation{{ID: bytesOf(k.Application("web")), CutOff: true, Before: before}}
		}, web, Remembered{CutOff: before}},
		"the later of both": {func(k *IssuedKey) []Revocation {
			return []Revocation{{ID: bytesOf(k.Application("web")), CutOff: true, Before: before}, {ID: bytesOf(k.Subject("user:1")), CutOff: true, Before: before + 1}, {ID: bytesOf(k.Token("j"))}}
		}, web, Remembered{Revoked: true, CutOff: before + 1}},
		"others": {func(k *IssuedKey) []Revocation {
			return []Revocation{
				{ID: bytesOf(k.Token("user:1"))}, {ID: bytesOf(k.Token(""))}, {ID: bytesOf(k.Subject("web")), CutOff: true}, {ID: bytesOf(k.Subject("")), CutOff: true},
				{ID: bytesOf(k.Application("user:1")), CutOff: true}, {ID: bytesOf(k.Application("")), CutOff: true},
			}
		}, web, Remembered{}},
		"no claims at all": {func(k *IssuedKey) []Revocation {
			return []Revocation{{ID: bytesOf(k.Token(""))}, {ID: bytesOf(k.Payload(nil))}, {ID: bytesOf(k.Subject("")), CutOff: true}, {ID: bytesOf(k.Application("")), CutOff: true}}
		}, IssuedClaims{}, Remembered{}},
	} {
		m, i := issuing(t, "acme")
		if c.entries != nil {
			all := c.entries(m.key(i))
			for range 2 { // in both orders
				m.ok(revoking(i, all...))
				slices.Reverse(all)
			}
		}
		if got := m.s.Remembered(m.key(i), &c.asked); got != c.want {
			t.Errorf("%s: %+v, not %+v", name, got, c.want)
		}
		checkIssued(t, m.s.issued)
	}
	m, i := issuing(t, "acme")
	m.ok(&SpendIssued{Issuer: i.Name, UUID: i.UUID, ID: bytesOf(m.key(i).Token("j")), Exp: m.now/1e9 + 60})
	if got := m.s.Remembered(m.key(i), &web); got != (Remembered{Spent: true}) {
		t.Errorf("a token that was used: %+v", got)
	}
}
