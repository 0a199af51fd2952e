package jose

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestAttacksOnClaims are known attacks, by what they did elsewhere.
func TestAttacksOnClaims(t *testing.T) {
	t.Run("a token of one type passes as another", attackType)
	t.Run("aud", attackAudience)
	t.Run("dates", attackDates)
	t.Run("a parse error and a validation error make a valid token", attackErrors)
	t.Run("a truncated token is accepted", attackTruncated)
	t.Run("a caller overrides a claim", attackOverride)
}

// RFC 8725, section 3.11: kinds of tokens have types that are told apart.
func attackType(t *testing.T) {
	kinds := []string{"at+jwt", "JWT", "logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "id_token"}
	var seen []string
	for _, typ := range kinds {
		got := rules(t, &Profile{Typ: typ}).Typ()
		if slices.ContainsFunc(seen, func(s string) bool { return strings.EqualFold(s, got) }) {
			t.Errorf("%s has the type of another", typ)
		}
		seen = append(seen, got)
	}
	if rules(t, &Profile{}).Typ() != "at+jwt" {
		t.Error("a profile that does not say is not typed")
	}
}

func attackAudience(t *testing.T) {
	demand := &Demand{Issuer: "i", Audience: "api", Now: 1}
	for name, c := range map[string]struct {
		aud  string
		want Reason
	}{
		"string":                    {`"api"`, ReasonNone},
		"array":                     {`["x","api"]`, ReasonNone},
		"another case":              {`"API"`, ReasonWrongAudience},
		"another case in an array":  {`["API"]`, ReasonWrongAudience},
		"a prefix":                  {`"ap"`, ReasonWrongAudience},
		"longer":                    {`"apis"`, ReasonWrongAudience},
		"a space behind":            {`"api "`, ReasonWrongAudience},
		"a NUL behind":              {`"api\u0000"`, ReasonWrongAudience},
		"a list in a string":        {`"x api"`, ReasonWrongAudience},
		"a list with commas":        {`"x,api"`, ReasonWrongAudience},
		"JSON in a string":          {`"[\"api\"]"`, ReasonWrongAudience},
		"look-alike":                {`"аpi"`, ReasonWrongAudience},
		"empty array":               {`[]`, ReasonMalformed},
		"empty string":              {`""`, ReasonMalformed},
		"array of the empty string": {`[""]`, ReasonMalformed},
		"null":                      {`null`, ReasonMalformed},
		"array with null":           {`["api",null]`, ReasonMalformed},
		"number":                    {`1`, ReasonMalformed},
		"true":                      {`true`, ReasonMalformed},
		"object":                    {`{"api":1}`, ReasonMalformed},
		"nested array":              {`[["api"]]`, ReasonMalformed},
		"twice":                     {`"x","aud":"api"`, ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if got := verdict(`{"iss":"i","exp":9,"aud":`+c.aud+`}`, demand); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	t.Run("absent", func(t *testing.T) {
		if got := verdict(`{"iss":"i","exp":9}`, demand); got != ReasonWrongAudience {
			t.Errorf("%q", got)
		}
	})
}

func verdict(payload string, d *Demand) Reason {
	c, err := ParseClaims([]byte(payload))
	if err != nil {
		return ReasonMalformed
	}
	return c.Check(d)
}

func attackDates(t *testing.T) {
	const now = 1790000000
	d := &Demand{Issuer: "i", Now: now, Leeway: 1 << 60}
	for name, c := range map[string]struct {
		claims string
		want   Reason
	}{
		"exp missing":               {`"iat":1`, ReasonMalformed},
		"exp null":                  {`"exp":null`, ReasonMalformed},
		"exp as a string":           {`"exp":"1790001000"`, ReasonMalformed},
		"exp as a bool":             {`"exp":true`, ReasonMalformed},
		"exp negative":              {`"exp":-1`, ReasonMalformed},
		"exp negative zero":         {`"exp":-0`, ReasonMalformed},
		"exp 1e400":                 {`"exp":1e400`, ReasonMalformed},
		"exp that wraps int64":      {`"exp":18446744075499551616`, ReasonMalformed},
		"exp beyond 2^53":           {`"exp":9007199254740993`, ReasonMalformed},
		"exp as text of a date":     {`"exp":"2026-01-01T00:00:00Z"`, ReasonMalformed},
		"exp with an empty array":   {`"exp":[]`, ReasonMalformed},
		"exp twice":                 {`"exp":1,"exp":1790001000`, ReasonMalformed},
		"exp in another case":       {`"Exp":1790001000`, ReasonMalformed},
		"exp zero":                  {`"exp":0`, ReasonExpired},
		"exp as a float":            {`"exp":1790001000.5`, ReasonNone},
		"exp with an exponent":      {`"exp":1.790001e9`, ReasonNone},
		"exp in year 9999":          {`"exp":253402300799`, ReasonNone},
		"exp within the skew":       {`"exp":1789999941`, ReasonNone},
		"exp beyond the skew":       {`"exp":1789999940`, ReasonExpired},
		"nbf as a string":           {`"exp":1790001000,"nbf":"1"`, ReasonMalformed},
		"nbf null":                  {`"exp":1790001000,"nbf":null`, ReasonMalformed},
		"nbf in milliseconds":       {`"exp":1790001000,"nbf":1790000000000`, ReasonNotYetValid},
		"nbf beyond the skew":       {`"exp":1790001000,"nbf":1790000061`, ReasonNotYetValid},
		"iat as a string":           {`"exp":1790001000,"iat":"1"`, ReasonMalformed},
		"iat in the future":         {`"exp":1790001000,"iat":1790000061`, ReasonNotYetValid},
		"iat negative":              {`"exp":1790001000,"iat":-1`, ReasonMalformed},
		"exp hidden by an escape":   {`"exp":1,"\u0065\u0078\u0070":1790001000`, ReasonMalformed},
		"exp only in another claim": {`"x":{"exp":1790001000}`, ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if got := verdict(`{"iss":"i",`+c.claims+`}`, d); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// CVE-2024-51744: what failed to parse is not there to be believed.
func attackErrors(t *testing.T) {
	for _, payload := range []string{`{"iss":"i","exp":99,"aud":5}`, `{"iss":"i","exp":99`, `{"iss":"i","exp":99,"a":1,"a":1}`, `{"iss":"i","exp":99}x`} {
		c, err := ParseClaims([]byte(payload))
		if err == nil || c != nil {
			t.Errorf("%s: %+v", payload, c)
		}
	}
}

func attackTruncated(t *testing.T) {
	whole := head + tail + `,"role":["clerk"]}`
	for n := range len(whole) {
		if c, err := ParseClaims([]byte(whole[:n])); err == nil || c != nil {
			t.Fatalf("%s is accepted", whole[:n])
		}
	}
	parsed(t, whole)
}

// spellings returns ways to write a name that some reader takes for the name.
func spellings(name string) map[string]string {
	first, rest := name[:1], name[1:]
	out := map[string]string{
		"plain":               name,
		"upper case":          strings.ToUpper(name),
		"one letter in upper": strings.ToUpper(first) + rest,
		"escaped":             `\u00` + hexByte(first[0]) + rest,
		"escaped upper case":  `\u00` + hexByte(strings.ToUpper(first)[0]) + rest,
		"space behind":        name + " ",
		"space in front":      " " + name,
		"tab behind":          name + `\t`,
		"NUL behind":          name + `\u0000`,
		"no-break space":      name + `\u00a0`,
		"zero width space":    name + `\u200b`,
		"zero width joiner":   first + `\u200d` + rest,
		"soft hyphen":         first + `\u00ad` + rest,
		"byte order mark":     `\ufeff` + name,
		"combining dot":       name + `\u0323`,
		"right to left":       `\u202e` + name,
		"full width":          fullWidth(name),
	}
	look := strings.NewReplacer("s", "ſ", "k", "\u212a", "a", "а", "e", "е", "i", "і", "o", "о", "c", "с", "p", "р", "x", "х", "j", "ј")
	if other := look.Replace(name); other != name {
		out["look-alikes"] = other
	}
	return out
}

func hexByte(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

func fullWidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r + 0xfee0
		}
		return r
	}, s)
}

// CVE-2024-29892: reserved, forced and forbidden claims in every spelling, with
// every JSON type, alone and beside the plain one.
func attackOverride(t *testing.T) {
	profiles := map[string]*Rules{
		"any claim":   rules(t, parsedProfile(t, `{"claims":{"forced":{"tenant":"t","role_ok":true},"forbidden":["admin"]}}`)),
		"an own list": rules(t, parsedProfile(t, `{"claims":{"forced":{"tenant":"t","role_ok":true},"forbidden":["admin"],"allowed":["role","rôle"]}}`)),
	}
	for kind, r := range profiles {
		for _, claim := range append(ReservedClaims(), "tenant", "role_ok", "admin") {
			for how, name := range spellings(claim) {
				t.Run(kind+"/"+claim+"/"+how, func(t *testing.T) {
					for typ, value := range jsonTypes() {
						for _, text := range []string{`{"` + name + `":` + value + `}`, `{"role":1,"` + name + `":` + value + `}`, `{"` + name + `":` + value + `,"` + claim + `":` + value + `}`} {
							var refused *ClaimError
							if got, err := r.Build(claiming(text), facts()); !errors.As(err, &refused) {
								t.Fatalf("%s (%s): %s", text, typ, got.Payload)
							}
						}
					}
				})
			}
		}
	}
	t.Run("claims that close early", func(t *testing.T) {
		for _, text := range []string{`{}, "sub":"x"}`, `"},"sub":"x`, `{"a":1}}`, `{"a":1},{"sub":1}`, "{\"a\":1}\x00", `{"a":"b","sub`} {
			if got, err := profiles["any claim"].Build(claiming(text), facts()); err == nil {
				t.Errorf("%s: %s", text, got.Payload)
			}
		}
	})
	t.Run("JSON in metadata", func(t *testing.T) {
		r := rules(t, parsedProfile(t, `{"claims":{"forced":{"tenant":"{{application.metadata.tenant}}"}}}`))
		f := facts()
		f.Metadata["tenant"] = `x","sub":"root","y":"`
		got, err := r.Build(request(), f)
		if err != nil {
			t.Fatal(err)
		}
		if c := parsed(t, string(got.Payload)); c.Subject != "user:1" {
			t.Errorf("%s", got.Payload)
		}
	})
	t.Run("JSON in sub and aud", func(t *testing.T) {
		got, err := profiles["any claim"].Build(&Request{Subject: `x","exp":9e15,"y":"`, Audience: []string{`a","admin":true,"z":"`}}, facts())
		if err != nil {
			t.Fatal(err)
		}
		if c := parsed(t, string(got.Payload)); c.Expires.Unix() != got.Expires || c.Subject != `x","exp":9e15,"y":"` || strings.Contains(string(got.Payload), `"admin":true`) {
			t.Errorf("%s", got.Payload)
		}
	})
}
