package jose

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// wholeProfile is a profile with every member set.
const wholeProfile = `{"typ":"at+jwt","ttl":900,"max_ttl":3600,"audience":["api://orders"],"subject":"^user:","scopes":["orders:read","orders:write"],` +
	`"claims":{"forced":{"n":9007199254740993,"tenant":"{{application.metadata.tenant}}"},"required":["role"],"allowed":["role"],"forbidden":["admin"],` +
	`"schema":{"properties":{"role":{"enum":["clerk"]}}}},"max_nbf":60,"max_token_bytes":4096,` +
	`"encrypt":{"recipient":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},"alg":"ECDH-ES","enc":"A256GCM"},"audit_claims":["sub"]}`

func parsedProfile(t testing.TB, text string) *Profile {
	t.Helper()
	p, err := ParseProfile([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestProfileJSONIsCanonical(t *testing.T) {
	p := parsedProfile(t, wholeProfile)
	if _, err := p.Compile(); err != nil {
		t.Fatal(err)
	}
	text, err := p.Canonical()
	if err != nil || string(text) != wholeProfile {
		t.Errorf("%v\n%s\n%s", err, text, wholeProfile)
	}
	for _, text := range []string{`{}`, `{"claims":{"allowed":[]}}`, `{"claims":{"allowed":null,"schema":null,"forced":null}}`, `{"encrypt":null}`,
		`{ "claims" : { "forced" : { "z":1 , "a" : { "y" : 1.0 , "b": -0 } , "é":"\u00e9" } } }`, wholeProfile} {
		first, err := parsedProfile(t, text).Canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parsedProfile(t, string(first)).Canonical()
		if err != nil || !bytes.Equal(first, again) {
			t.Errorf("%v\n%s\n%s", err, first, again)
		}
	}
}

// An absent allow-list allows, an empty one does not: the difference survives.
func TestAbsentAndEmptyAllowedSurvive(t *testing.T) {
	for text, absent := range map[string]bool{`{}`: true, `{"claims":{}}`: true, `{"claims":{"allowed":null}}`: true, `{"claims":{"allowed":[]}}`: false, `{"claims":{"allowed":["a"]}}`: false} {
		p := parsedProfile(t, text)
		again, _ := p.Canonical()
		if p := parsedProfile(t, string(again)); (p.Claims.Allowed == nil) != absent {
			t.Errorf("%s became %s", text, again)
		}
	}
}

func TestParseProfileRefuses(t *testing.T) {
	for _, text := range []string{
		``, `null`, ` null `, `true`, `null x`, `[]`, `{"typo":1}`, `{"claims":{"force":{}}}`, `{"encrypt":{"key":"x"}}`, `{"typ":"JWT","typ":"JWT"}`, `{"Typ":"JWT"}`,
		`{"claims":{"forced":{"a":1,"\u0061":2}}}`, `{"claims":{"schema":{"a":1,"a":1}}}`, `{"ttl":"15m"}`, `{"ttl":1.5}`, `{"ttl":9223372036854775808}`, `{"audience":"a"}`,
		"{\"typ\":\"\xff\"}", `{"claims":{"forced":{"a":"\ud800"}}}`, `{} {}`, strings.Repeat(" ", 4*MaxClaimsText) + `{}`,
	} {
		p, err := ParseProfile([]byte(text))
		var fault *ProfileError
		if p != nil || !errors.As(err, &fault) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func TestZeroProfileIsAnAccessToken(t *testing.T) {
	r := rules(t, &Profile{})
	ttl, most := r.TTL()
	if r.Typ() != "at+jwt" || ttl != 900 || most != 3600 || r.MaxNBF() != 0 || r.MaxTokenBytes() != 8192 || r.Encryption() != nil {
		t.Errorf("%+v", r)
	}
}

func TestTypIsNormalised(t *testing.T) {
	for in, want := range map[string]string{
		"JWT": "JWT", "at+jwt": "at+jwt", "application/at+jwt": "at+jwt", "APPLICATION/AT+JWT": "AT+JWT", "application/JWT": "JWT",
		"logout+jwt": "logout+jwt", "vnd.acme/x": "vnd.acme/x",
	} {
		if got := rules(t, &Profile{Typ: in}).Typ(); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	// Whatever its case, it is an access token and needs what RFC 9068 asks for.
	if _, err := rules(t, &Profile{Typ: "Application/At+Jwt"}).Build(&Request{Subject: "x"}, facts()); err == nil {
		t.Error("an access token without an audience")
	}
}

func TestCompileTimes(t *testing.T) {
	for _, c := range []struct{ ttl, max, wantTTL, wantMax int64 }{
		{0, 0, 900, 3600}, {0, 600, 600, 600}, {3600, 0, 3600, 3600}, {1, 1, 1, 1}, {0, MaxTTL, 900, MaxTTL},
	} {
		ttl, most := rules(t, &Profile{TTL: c.ttl, MaxTTL: c.max}).TTL()
		if ttl != c.wantTTL || most != c.wantMax {
			t.Errorf("%+v: %d, %d", c, ttl, most)
		}
	}
}

func list(n int, name string) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(name, i))
	}
	return out
}

func TestCompileRefuses(t *testing.T) {
	claims := func(c ClaimRules) Profile { return Profile{Claims: c} }
	force := func(name, value string) Profile {
		return claims(ClaimRules{Forced: Forced{name: jsontext.Value(value)}})
	}
	jwk := jsontext.Value(`{"kty":"EC"}`)
	for name, c := range map[string]struct {
		p           Profile
		field, says string
	}{
		"typ with a parameter":              {Profile{Typ: "jwt; charset=utf-8"}, "typ", "media type"},
		"typ with a space":                  {Profile{Typ: " JWT"}, "typ", "media type"},
		"typ of two slashes":                {Profile{Typ: "a/b/c"}, "typ", "media type"},
		"typ of half a name":                {Profile{Typ: "application/"}, "typ", "media type"},
		"typ with a line end":               {Profile{Typ: "JWT\n"}, "typ", "media type"},
		"typ in another script":             {Profile{Typ: "JWТ"}, "typ", "media type"},
		"ttl above the default max":         {Profile{TTL: 3601}, "ttl", "above max_ttl, which is 3600"},
		"ttl above max":                     {Profile{TTL: 61, MaxTTL: 60}, "ttl", "above max_ttl"},
		"negative ttl":                      {Profile{TTL: -1}, "ttl", "at least 1 second"},
		"negative max_ttl":                  {Profile{MaxTTL: -1}, "max_ttl", "1 second to 10 years"},
		"max_ttl too long":                  {Profile{MaxTTL: MaxTTL + 1}, "max_ttl", "10 years"},
		"negative max_nbf":                  {Profile{MaxNBF: -1}, "max_nbf", "366 days"},
		"max_nbf too long":                  {Profile{MaxNBF: MaxNBF + 1}, "max_nbf", "366 days"},
		"max_token_bytes too small":         {Profile{MaxTokenBytes: 255}, "max_token_bytes", "256"},
		"max_token_bytes too large":         {Profile{MaxTokenBytes: 65537}, "max_token_bytes", "65536"},
		"an empty audience":                 {Profile{Audience: []string{""}}, "audience", "1 to 1024"},
		"an audience twice":                 {Profile{Audience: []string{"a", "a"}}, "audience", "stands twice"},
		"an audience with a line end":       {Profile{Audience: []string{"a\n"}}, "audience", "control"},
		"an audience that is no UTF-8":      {Profile{Audience: []string{"\xff"}}, "audience", "UTF-8"},
		"an audience too long":              {Profile{Audience: []string{strings.Repeat("a", 1025)}}, "audience", "1 to 1024"},
		"too many audiences":                {Profile{Audience: list(1025, "a")}, "audience", "1024 members"},
		"a scope with a space":              {Profile{Scopes: []string{"a b"}}, "scopes", "RFC 6749"},
		"a scope with a quote":              {Profile{Scopes: []string{`a"`}}, "scopes", "RFC 6749"},
		"an empty scope":                    {Profile{Scopes: []string{""}}, "scopes", "RFC 6749"},
		"a scope twice":                     {Profile{Scopes: []string{"a", "a"}}, "scopes", "twice"},
		"a pattern that is none":            {Profile{Subject: "("}, "subject", "missing closing )"},
		"a pattern of PCRE":                 {Profile{Subject: "(?=x)"}, "subject", "RE2"},
		"a back reference":                  {Profile{Subject: `(a)\1`}, "subject", "RE2"},
		"a pattern too long":                {Profile{Subject: strings.Repeat("a", 1025)}, "subject", "1024"},
		"a pattern that multiplies":         {Profile{Subject: "((ab){30}){30}c{999}"}, "subject", "repeat less"},
		"a forced reserved claim":           {force("iss", `"x"`), "claims.forced", "reserved"},
		"a forced reserved claim, cased":    {force("Sub", `"x"`), "claims.forced", "reserved"},
		"a forced reserved claim, long s":   {force("ſub", `"x"`), "claims.forced", "reserved"},
		"forced twice, cased":               {claims(ClaimRules{Forced: Forced{"a": jsontext.Value("1"), "A": jsontext.Value("1")}}), "claims.forced", "set by the profile"},
		"a forced claim with no name":       {force("", `1`), "claims.forced", "1 to 256"},
		"a forced name with a space":        {force("a ", `1`), "claims.forced", "spaces at its ends"},
		"a forced name that hides":          {force("a\u200b", `1`), "claims.forced", "can be seen"},
		"a forced name that turns":          {force("a\u202eb", `1`), "claims.forced", "can be seen"},
		"a forced name too long":            {force(strings.Repeat("n", 257), `1`), "claims.forced", "256"},
		"a forced name too long if escaped": {force(strings.Repeat(`"`, 200), `1`), "claims.forced", "256"},
		"a forced value that is no JSON":    {force("a", `x`), "claims.forced", "JSON value"},
		"a forced value that is nothing":    {force("a", ``), "claims.forced", "JSON value"},
		"a forced value with a duplicate":   {force("a", `{"b":1,"b":1}`), "claims.forced", "twice"},
		"a forced value too deep":           {force("a", strings.Repeat("[", 32)+strings.Repeat("]", 32)), "claims.forced", "31 deep"},
		"a forced value too long":           {force("a", `"`+strings.Repeat("a", MaxClaimsText)+`"`), "claims.forced", "64 KiB"},
		"a template without end":            {force("a", `"{{application.name"`), "claims.forced", "without }}"},
		"a template unknown":                {force("a", `"{{application.policies}}"`), "claims.forced", "none of"},
		"a template of another case":        {force("a", `"{{Application.name}}"`), "claims.forced", "none of"},
		"a template without a key":          {force("a", `"{{application.metadata.}}"`), "claims.forced", "none of"},
		"a template in a template":          {force("a", `"{{application.metadata.{{token.metadata.x}}}}"`), "claims.forced", "none of"},
		"an escaped template unknown":       {force("a", `"\u007b\u007bx}}"`), "claims.forced", "none of"},
		"a template in a name":              {force("a", `{"{{application.name}}":1}`), "claims.forced", "in the name"},
		"too many forced claims":            {claims(ClaimRules{Forced: manyForced(129)}), "claims.forced", "128"},
		"forbidden and reserved":            {claims(ClaimRules{Forbidden: []string{"EXP"}}), "claims.forbidden", "reserved"},
		"forbidden and forced":              {claims(ClaimRules{Forced: Forced{"a": jsontext.Value("1")}, Forbidden: []string{"A"}}), "claims.forbidden", "set by the profile"},
		"forbidden twice":                   {claims(ClaimRules{Forbidden: []string{"a", "A"}}), "claims.forbidden", "forbidden"},
		"forbidden with no name":            {claims(ClaimRules{Forbidden: []string{""}}), "claims.forbidden", "1 to 256"},
		"too many forbidden":                {claims(ClaimRules{Forbidden: list(1025, "a")}), "claims.forbidden", "1024"},
		"allowed and reserved":              {claims(ClaimRules{Allowed: []string{"Client_ID"}}), "claims.allowed", "reserved"},
		"allowed and forced":                {claims(ClaimRules{Forced: Forced{"a": jsontext.Value("1")}, Allowed: []string{"a"}}), "claims.allowed", "set by the profile"},
		"allowed and forbidden":             {claims(ClaimRules{Forbidden: []string{"a"}, Allowed: []string{"A"}}), "claims.allowed", "forbidden"},
		"allowed twice":                     {claims(ClaimRules{Allowed: []string{"a", "a"}}), "claims.allowed", "twice"},
		"allowed twice, cased":              {claims(ClaimRules{Allowed: []string{"a", "A"}}), "claims.allowed", "another case"},
		"allowed with the Kelvin sign":      {claims(ClaimRules{Allowed: []string{"k", "\u212a"}}), "claims.allowed", "another case"},
		"required but not allowed":          {claims(ClaimRules{Allowed: []string{}, Required: []string{"a"}}), "claims.required", "not allowed"},
		"required but not by name":          {claims(ClaimRules{Required: []string{"é"}}), "claims.required", "not allowed"},
		"required and forbidden":            {claims(ClaimRules{Forbidden: []string{"a"}, Required: []string{"a"}}), "claims.required", "forbidden as well"},
		"required in another case":          {claims(ClaimRules{Required: []string{"Sub"}}), "claims.required", "another case"},
		"required twice":                    {claims(ClaimRules{Required: []string{"sub", "sub"}}), "claims.required", "twice"},
		"audited with no name":              {Profile{AuditClaims: []string{""}}, "audit_claims", "1 to 256"},
		"audited twice":                     {Profile{AuditClaims: []string{"sub", "sub"}}, "audit_claims", "twice"},
		"a schema that is none":             {claims(ClaimRules{Schema: jsontext.Value(`[]`)}), "claims.schema", "object, true or false"},
		"encryption without a key":          {Profile{Encrypt: &Encrypt{Alg: "dir", Enc: "A256GCM"}}, "encrypt", "either"},
		"encryption with two keys":          {Profile{Encrypt: &Encrypt{Alg: "dir", Enc: "A256GCM", Recipient: jwk, TransitKey: "k"}}, "encrypt", "either"},
		"encryption with RSA1_5":            {Profile{Encrypt: &Encrypt{Alg: "RSA1_5", Enc: "A256GCM", Recipient: jwk}}, "encrypt.alg", "one of"},
		"encryption with a password":        {Profile{Encrypt: &Encrypt{Alg: "PBES2-HS256+A128KW", Enc: "A256GCM", Recipient: jwk}}, "encrypt.alg", "one of"},
		"encryption without an alg":         {Profile{Encrypt: &Encrypt{Enc: "A256GCM", Recipient: jwk}}, "encrypt.alg", "one of"},
		"encryption with another enc":       {Profile{Encrypt: &Encrypt{Alg: "ECDH-ES", Enc: "A192GCM", Recipient: jwk}}, "encrypt.enc", "one of"},
		"dir to a recipient":                {Profile{Encrypt: &Encrypt{Alg: "dir", Enc: "A256GCM", Recipient: jwk}}, "encrypt.alg", "transit_key"},
		"a recipient that is no object":     {Profile{Encrypt: &Encrypt{Alg: "ECDH-ES", Enc: "A256GCM", Recipient: jsontext.Value(`"x"`)}}, "encrypt.recipient", "JWK"},
		"a transit key with a path":         {Profile{Encrypt: &Encrypt{Alg: "dir", Enc: "A256GCM", TransitKey: "../k"}}, "encrypt.transit_key", "name of a key"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := c.p.Compile()
			var fault *ProfileError
			if r != nil || !errors.As(err, &fault) {
				t.Fatalf("compiled: %v", err)
			}
			if fault.Field != c.field || !strings.Contains(fault.Why, c.says) {
				t.Errorf("%v, want %s: … %s", err, c.field, c.says)
			}
			if plainOneLine(err.Error()) != nil {
				t.Errorf("%q is not one line of ASCII", err)
			}
		})
	}
}

func manyForced(n int) Forced {
	f := Forced{}
	for _, name := range list(n, "f") {
		f[name] = jsontext.Value("1")
	}
	return f
}

// plainOneLine keeps names from outside from forging a line of a log.
func plainOneLine(text string) error {
	for _, r := range text {
		if r < ' ' || r > '~' && r != '…' {
			return fmt.Errorf("%q", r)
		}
	}
	return nil
}

func TestWhatAProfileMaySay(t *testing.T) {
	for name, text := range map[string]string{
		"everything":                    wholeProfile,
		"names in another script":       `{"claims":{"allowed":["rôle","роль"],"required":["rôle"],"forced":{"名":"x"}}}`,
		"a URI as a name":               `{"claims":{"allowed":["https://acme.example/claims/role"]}}`,
		"required ones of the server":   `{"claims":{"required":["sub","scope","exp","a"],"forced":{"a":1}}}`,
		"a transit key":                 `{"encrypt":{"transit_key":"tokens-2026","alg":"dir","enc":"A256GCM"}}`,
		"null for what is not there":    `{"audience":null,"scopes":null,"claims":{"schema":null},"encrypt":null,"audit_claims":null}`,
		"a schema that is true":         `{"claims":{"schema":true}}`,
		"braces that are no template":   `{"claims":{"forced":{"a":"}} { {x}"}}}`,
		"templates with spaces, nested": `{"claims":{"forced":{"a":[{"b":"x {{ application.name }} y"}]}}}`,
	} {
		t.Run(name, func(t *testing.T) { rules(t, parsedProfile(t, text)) })
	}
}

// Rules do not follow what happens to the profile afterwards.
func TestRulesShareNothingWithTheProfile(t *testing.T) {
	p := parsedProfile(t, wholeProfile)
	r := rules(t, p)
	p.Audience[0], p.Scopes[0], p.Claims.Allowed[0], p.Claims.Required[0], p.AuditClaims[0] = "x", "x", "x", "x", "x"
	clear(p.Encrypt.Recipient)
	clear(p.Claims.Forced["n"])
	clear(p.Claims.Schema)
	q := request()
	q.Claims, q.Scope = []byte(`{"role":"clerk"}`), "orders:read"
	if _, err := r.Build(q, facts()); err != nil {
		t.Error(err)
	}
	if checkObject(r.Encryption().Recipient) != nil {
		t.Error("the recipient changed")
	}
}
