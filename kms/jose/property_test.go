package jose

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// Names that matter to the profiles below, and ones that are mistaken for them.
func oddNames() []string {
	list := []string{"role", "Role", "ROLE", "r\u00f4le", "rôle", "tenant", "Tenant", "admin", "ADMIN", "level", "x", "y", "z", "", " ", "a b", "https://acme.example/c", `q\"q`, `b\\b`, "n\\u006f"}
	for _, claim := range append(ReservedClaims(), "tenant", "admin", "role") {
		list = append(list, claim)
		for _, s := range spellings(claim) {
			list = append(list, s)
		}
	}
	return list
}

func oddNumbers() []string {
	return []string{"0", "-0", "1", "1.0", "-1", "9007199254740993", "-9007199254740993", "1e400", "1E+99999999999", "1e-400", "0.1", "123456789012345678901234567890", "1.7976931348623157e308", "5e-324"}
}

// oddValue draws JSON text: mostly valid, with spaces, escapes and duplicates.
func oddValue(t *rapid.T, names []string, depth int) string {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n\t"}).Draw(t, "space")
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case kind < 2:
		return rapid.SampledFrom(oddNumbers()).Draw(t, "number")
	case kind < 4:
		return `"` + rapid.SampledFrom([]string{"", "clerk", `\u0041`, `\ud83d\ude00`, "é", `\/`, `\"},\"sub\":\"`, "{{application.name}}"}).Draw(t, "text") + `"`
	case kind == 4:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
	case kind == 5:
		return rapid.SampledFrom([]string{`"\ud800"`, "01", "tru", `"`, "\"\xff\"", "[", "}", ",", "NaN", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, strings.Repeat("[", 40) + strings.Repeat("]", 40)}).Draw(t, "broken")
	case depth == 0:
		return "1"
	case kind < 8:
		var parts []string
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			parts = append(parts, oddValue(t, names, depth-1))
		}
		return "[" + space + strings.Join(parts, ","+space) + space + "]"
	default:
		return oddObject(t, names, depth-1, 2)
	}
}

func oddObject(t *rapid.T, names []string, depth, most int) string {
	space := rapid.SampledFrom([]string{"", "", " ", "\r\n"}).Draw(t, "space")
	var parts []string
	for range rapid.IntRange(0, most).Draw(t, "members") {
		name := rapid.SampledFrom(names).Draw(t, "name")
		parts = append(parts, space+`"`+name+`"`+space+":"+space+oddValue(t, names, depth))
	}
	return "{" + strings.Join(parts, space+",") + space + "}"
}

func oddProfile(t *rapid.T) *Profile {
	some := func(label string, list ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(list), 0, 2, rapid.ID[string]).Draw(t, label)
	}
	p := &Profile{
		Typ:           rapid.SampledFrom([]string{"", "at+jwt", "JWT"}).Draw(t, "typ"),
		TTL:           rapid.SampledFrom([]int64{0, 60, 900}).Draw(t, "ttl"),
		MaxTTL:        rapid.SampledFrom([]int64{0, 900, 7200}).Draw(t, "max_ttl"),
		MaxNBF:        rapid.SampledFrom([]int64{0, 60}).Draw(t, "max_nbf"),
		MaxTokenBytes: rapid.SampledFrom([]int64{0, 0, 300, 512}).Draw(t, "max_token_bytes"),
		Audience:      some("audience", "a", "b"),
		Scopes:        some("scopes", "r", "w", "R"),
		Subject:       rapid.SampledFrom([]string{"", "^user:", "1$"}).Draw(t, "subject"),
	}
	c := &p.Claims
	c.Forced = Forced{}
	for _, name := range some("forced", "tenant", "level", "z") {
		c.Forced[name] = jsontext.Value(rapid.SampledFrom([]string{
			`"t"`, `1.0`, `{"a":["{{application.metadata.tenant}}",{"b":"<{{ token.metadata.env }}>"}]}`, `"{{application.metadata.none}}"`, `"{{application.metadata.odd}}"`, `9007199254740993`,
		}).Draw(t, "value"))
	}
	c.Forbidden = some("forbidden", "admin", "y")
	if rapid.Bool().Draw(t, "list") {
		c.Allowed = some("allowed", "role", "rôle", "x", "a b", "ѕub")
		if c.Allowed == nil {
			c.Allowed = []string{}
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "require") == 0 {
		c.Required = some("required", "role", "sub", "scope", "tenant")
	}
	if rapid.IntRange(0, 3).Draw(t, "judge") == 0 {
		c.Schema = jsontext.Value(oddSchema)
	}
	return p
}

// oddRequest draws a request of which each part mostly fits the profile.
func oddRequest(t *rapid.T, p *Profile, names []string) *Request {
	fits := func(label string) bool { return rapid.IntRange(0, 5).Draw(t, label+" fits") > 0 }
	q := &Request{Subject: "user:1", HasSubject: true, Audience: p.Audience}
	if len(p.Audience) == 0 && fits("some aud") {
		q.Audience = []string{"c"}
	}
	if len(p.Scopes) > 0 {
		q.Scope = p.Scopes[0]
	}
	if !fits("sub") {
		q.Subject = rapid.SampledFrom([]string{"", "service:2", "x\n", "\xff", `"`}).Draw(t, "sub")
		q.HasSubject = q.Subject != "" || rapid.Bool().Draw(t, "has sub")
	}
	if !fits("aud") {
		q.Audience = rapid.SampledFrom([][]string{nil, {"a"}, {"b"}, {"a", "b"}, {"c"}, {"a", "a"}, {}, {"A"}}).Draw(t, "aud")
	}
	if !fits("scope") {
		q.Scope = rapid.SampledFrom([]string{"", "r", "r w", "r r", " r", "r  w", "x"}).Draw(t, "scope")
	}
	if !fits("ttl") {
		q.TTL = rapid.SampledFrom([]int64{60, 900, 901, 1 << 62, -1}).Draw(t, "ttl")
	}
	if !fits("nbf") {
		q.NotBefore = rapid.SampledFrom([]int64{60, 61, -1}).Draw(t, "nbf")
	}
	pool := names
	if fits("names") {
		pool = []string{"u", "v_1", "https://acme.example/c", "n\\u006f", "Role", "role"}
		if len(p.Claims.Allowed) > 0 {
			pool = p.Claims.Allowed
		}
	}
	if most := rapid.IntRange(-1, 3).Draw(t, "claims"); most >= 0 {
		q.Claims = []byte(oddObject(t, pool, 3, most))
	}
	return q
}

// TestNoTokenOutsideItsProfile builds tokens for odd requests under all kinds of
// profiles and lets the reference judge them.
func TestNoTokenOutsideItsProfile(t *testing.T) {
	names := oddNames()
	asked, built := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := oddProfile(t)
		r, err := p.Compile()
		var fault *ProfileError
		if errors.As(err, &fault) {
			return
		} else if err != nil {
			t.Fatalf("%T: %v", err, err)
		}
		for range 20 {
			q, f := oddRequest(t, p, names), facts()
			f.Overhead = rapid.SampledFrom([]int{0, 200}).Draw(t, "overhead")
			got, err := r.Build(q, f)
			asked++
			var refused *ClaimError
			if errors.As(err, &refused) {
				continue
			} else if err != nil {
				t.Fatalf("%T: %v", err, err)
			}
			built++
			if err := judge(p, q, f, got); err != nil {
				t.Fatalf("%v\n%s\nfor %s", err, got.Payload, q.Claims)
			}
			if err := acceptsItself(got, f); err != nil {
				t.Fatalf("%v\n%s", err, got.Payload)
			}
		}
	})
	if built < asked/50 || built > asked*49/50 {
		t.Errorf("of %d requests %d were granted: the property says little", asked, built)
	}
	t.Logf("%d of %d requests were granted", built, asked)
}

func acceptsItself(got *Issued, f *Facts) error {
	c, err := ParseClaims(got.Payload)
	if err != nil {
		return err
	}
	if r := c.Check(&Demand{Issuer: f.Issuer, Scope: c.Scope, Now: c.NotBefore.Unix(), MaxAge: 60}); r != ReasonNone {
		return fmt.Errorf("its own verifier says %q", r)
	}
	if r := c.Check(&Demand{Issuer: f.Issuer, Now: got.Expires}); r != ReasonExpired {
		return fmt.Errorf("at exp its own verifier says %q", r)
	}
	return nil
}

// TestWhatFitsIsBuilt is the other half: a request within its profile is granted,
// and its claims stand in the token byte for byte, behind the server's.
func TestWhatFitsIsBuilt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []string
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{4,9}_[0-9]`), 0, 6, rapid.ID[string]).Draw(t, "names") {
			raw := rapid.SampledFrom(append(oddNumbers(), `"\u0041\/é"`, `[1 , 2]`, `{ "z":1,"sub":2, "a":{"exp":1e400} }`, "null")).Draw(t, "value")
			parts = append(parts, `"`+name+`":`+raw)
		}
		text := "{" + strings.Join(parts, ",") + "}"
		f := facts()
		got, err := rules(&testing.T{}, &Profile{}).Build(claiming(text), f)
		if err != nil {
			t.Fatal(err)
		}
		if len(parts) > 0 && !strings.HasSuffix(string(got.Payload), ","+text[1:]) {
			t.Fatalf("%s\n%s", text, got.Payload)
		}
		if err := judge(&Profile{}, claiming(text), f, got); err != nil {
			t.Fatal(err)
		}
		if err := acceptsItself(got, f); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFoldIsEqualFold compares the key of a name with what strings.EqualFold says.
func TestFoldIsEqualFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := []rune("asSſkK\u212aσςΣiIİıßẞéÉǅǆ1_")
		word := rapid.StringOfN(rapid.SampledFrom(alphabet), 1, 4, -1)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if rapid.Bool().Draw(t, "related") {
			b = strings.ToUpper(a)
		}
		if got, want := foldName(a) == foldName(b), strings.EqualFold(a, b); got != want {
			t.Fatalf("%q %q: %v, want %v", a, b, got, want)
		}
	})
}
