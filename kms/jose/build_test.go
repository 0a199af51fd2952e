package jose

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func facts() *Facts {
	return &Facts{
		Issuer: "https://acme.example", Now: 1790000000, JTI: "AAECAwQFBgcICQoLDA0ODw", ClientID: "web",
		Application: "web", Owner: "team-orders",
		Metadata:      map[string]string{"tenant": "t-1", "odd": "a\"b\\c\n<é>{{application.owner}}", "empty": "", "broken": "\xff"},
		TokenMetadata: map[string]string{"env": "prod"},
	}
}

func rules(t testing.TB, p *Profile) *Rules {
	t.Helper()
	r, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func request() *Request {
	return &Request{Subject: "user:1", HasSubject: true, Audience: []string{"api://orders"}}
}

const (
	head = `{"iss":"https://acme.example","sub":"user:1","aud":"api://orders"`
	tail = `,"client_id":"web","iat":1790000000,"nbf":1790000000,"exp":1790000900,"jti":"AAECAwQFBgcICQoLDA0ODw"`
)

func asking(change func(*Request)) *Request {
	q := request()
	change(q)
	return q
}

func claiming(text string) *Request { return asking(func(q *Request) { q.Claims = []byte(text) }) }

func TestBuild(t *testing.T) {
	for name, c := range map[string]struct {
		profile string
		q       *Request
		want    string
	}{
		"the least":                         {`{}`, request(), head + tail + `}`},
		"own claims":                        {`{}`, claiming(`{"role":"clerk","n":1}`), head + tail + `,"role":"clerk","n":1}`},
		"no own claims":                     {`{}`, claiming(`{}`), head + tail + `}`},
		"an allowed claim":                  {`{"claims":{"allowed":["role","x"]}}`, claiming(`{"role":"clerk"}`), head + tail + `,"role":"clerk"}`},
		"allowed by name in another script": {`{"claims":{"allowed":["rôle"]}}`, claiming(`{"r\u00f4le":1}`), head + tail + `,"rôle":1}`},
		"a name with a quote":               {`{}`, claiming(`{"a\u0022b\/c":1}`), head + tail + `,"a\"b/c":1}`},
		"values and order byte for byte": {`{}`,
			claiming("{ \"z\" : 9007199254740993 ,\"a\":1e400,\"b\":1.0,\"c\":-0,\"d\":1E+99999999999,\"e\":0.10,\n\"f\":\"\\u0041\\/é\",\"g\":[1 , 2],\"h\":{ \"y\":1,\"x\":2 } }"),
			head + tail + `,"z":9007199254740993,"a":1e400,"b":1.0,"c":-0,"d":1E+99999999999,"e":0.10,"f":"\u0041\/é","g":[1 , 2],"h":{ "y":1,"x":2 }}`},
		"reserved names within":                {`{}`, claiming(`{"act":{"sub":"x","iss":"y"}}`), head + tail + `,"act":{"sub":"x","iss":"y"}}`},
		"forced ones by name, before own ones": {`{"claims":{"forced":{"b":1.0,"a":[true, null]}}}`, claiming(`{"c":1}`), head + tail + `,"a":[true,null],"b":1.0,"c":1}`},
		"templates": {`{"claims":{"forced":{"a":"{{application.name}}/{{ application.owner }}","b":[{"x":"{{application.metadata.tenant}}!"}],"c":"<{{token.metadata.env}}>"}}}`,
			request(), head + tail + `,"a":"web/team-orders","b":[{"x":"t-1!"}],"c":"<prod>"}`},
		"a template's text is text": {`{"claims":{"forced":{"a":"\"{{application.metadata.odd}}\""}}}`,
			request(), head + tail + `,"a":"\"a\"b\\c\n<é>{{application.owner}}\""}`},
		"an escaped template": {`{"claims":{"forced":{"a":"\u007b{application.name\u007d}\u0021"}}}`, request(), head + tail + `,"a":"web!"}`},
		"the only audience":   {`{"audience":["api://x"]}`, asking(func(q *Request) { q.Audience = nil }), strings.Replace(head, "orders", "x", 1) + tail + `}`},
		"several audiences": {`{"audience":["a","b","c"]}`, asking(func(q *Request) { q.Audience = []string{"c", "a"} }),
			strings.Replace(head, `"api://orders"`, `["c","a"]`, 1) + tail + `}`},
		"scopes in the order asked":       {`{"scopes":["r","w","x"]}`, asking(func(q *Request) { q.Scope = "w r" }), head + `,"scope":"w r"` + tail + `}`},
		"a JWT with nothing":              {`{"typ":"JWT"}`, &Request{}, `{"iss":"https://acme.example"` + tail + `}`},
		"a subject that matches anywhere": {`{"subject":"ser:[0-9]"}`, request(), head + tail + `}`},
		"times": {`{"ttl":60,"max_ttl":120,"max_nbf":30}`, asking(func(q *Request) { q.TTL, q.NotBefore = 120, 30 }),
			head + `,"client_id":"web","iat":1790000000,"nbf":1790000030,"exp":1790000150,"jti":"AAECAwQFBgcICQoLDA0ODw"}`},
		"required ones": {`{"scopes":["r"],"claims":{"required":["sub","scope","a","b"],"forced":{"a":1}}}`,
			asking(func(q *Request) { q.Scope, q.Claims = "r", []byte(`{"b":null}`) }), head + `,"scope":"r"` + tail + `,"a":1,"b":null}`},
		"a schema that is met": {`{"claims":{"schema":{"required":["role"],"properties":{"role":{"enum":["clerk"]},"exp":{"maximum":1790000900}}}}}`,
			claiming(`{"role":"clerk"}`), head + tail + `,"role":"clerk"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rules(t, parsedProfile(t, c.profile)).Build(c.q, facts())
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Payload) != c.want {
				t.Errorf("\n%s\n%s", got.Payload, c.want)
			}
			claims := parsed(t, string(got.Payload))
			if claims.Expires.Unix() != got.Expires {
				t.Errorf("expires %d", got.Expires)
			}
			if r := claims.Check(&Demand{Issuer: "https://acme.example", Now: claims.NotBefore.Unix()}); r != ReasonNone {
				t.Errorf("its own verifier says %q", r)
			}
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	const strict = `{"audience":["a","b"],"subject":"^user:[0-9]+$","scopes":["r","w"],"claims":{"forced":{"tenant":"x"},"allowed":["role"],"forbidden":["admin"]}}`
	ask := func(change func(*Request)) *Request {
		return asking(func(q *Request) { q.Audience = []string{"a"}; change(q) })
	}
	for name, c := range map[string]struct {
		profile, claim, says string
		q                    *Request
	}{
		"another claim":                    {strict, "role2", "not among", ask(func(q *Request) { q.Claims = []byte(`{"role2":1}`) })},
		"an allowed claim in another case": {strict, "Role", "not among", ask(func(q *Request) { q.Claims = []byte(`{"Role":1}`) })},
		"any claim where none is":          {`{"claims":{"allowed":[]}}`, "a", "not among", claiming(`{"a":1}`)},
		"a forbidden claim":                {strict, "admin", "forbidden", ask(func(q *Request) { q.Claims = []byte(`{"admin":true}`) })},
		"a forced claim":                   {strict, "tenant", "set by the profile", ask(func(q *Request) { q.Claims = []byte(`{"tenant":"y"}`) })},
		"a name of another script":         {`{}`, "rôle", "printable ASCII", claiming(`{"rôle":1}`)},
		"a name with a space":              {`{}`, "a b", "printable ASCII", claiming(`{"a b":1}`)},
		"an empty name":                    {`{}`, "", "printable ASCII", claiming(`{"":1}`)},
		"a name twice, cased":              {`{}`, "ROLE", "twice, in another case", claiming(`{"role":1,"ROLE":2}`)},
		"a name too long":                  {`{}`, "claims", "256", claiming(`{"` + strings.Repeat("n", 257) + `":1}`)},
		"too many claims":                  {`{}`, "claims", "128 members", claiming(`{"` + strings.Join(list(129, "n"), `":1,"`) + `":1}`)},
		"claims as an array":               {`{}`, "claims", "JSON object", claiming(`[]`)},
		"claims as null":                   {`{}`, "claims", "JSON object", claiming(`null`)},
		"claims cut off":                   {`{}`, "claims", "JSON object", claiming(`{"a":1`)},
		"claims and more":                  {`{}`, "claims", "JSON object", claiming(`{"a":1},"sub":"x"`)},
		"claims that close early":          {`{}`, "claims", "JSON object", claiming(`{"a":1}}`)},
		"claims too long":                  {`{}`, "claims", "64 KiB", claiming(`{"a":"` + strings.Repeat("x", MaxClaimsText) + `"}`)},
		"claims too deep":                  {`{}`, "claims", "32 deep", claiming(`{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`)},
		"a required claim is missing":      {`{"claims":{"required":["a"]}}`, "a", "required", claiming(`{"A":1}`)},
		"a required scope is missing":      {`{"claims":{"required":["scope"]}}`, "scope", "required", request()},
		"a required one only within":       {`{"claims":{"required":["a"]}}`, "a", "required", claiming(`{"b":{"a":1}}`)},
		"no subject in an access token":    {`{}`, "sub", "RFC 9068", asking(func(q *Request) { q.Subject, q.HasSubject = "", false })},
		"no subject for a pattern":         {`{"typ":"JWT","subject":"x"}`, "sub", "pattern", &Request{}},
		"an empty subject":                 {`{"typ":"JWT"}`, "sub", "1 to 1024", &Request{HasSubject: true}},
		"a subject with a control":         {`{}`, "sub", "control", asking(func(q *Request) { q.Subject = "user:1\n" })},
		"a subject with a NUL":             {`{}`, "sub", "control", asking(func(q *Request) { q.Subject = "user:1\x00" })},
		"a subject that is no UTF-8":       {`{}`, "sub", "UTF-8", asking(func(q *Request) { q.Subject = "\xff" })},
		"a subject too long":               {`{}`, "sub", "1024", asking(func(q *Request) { q.Subject = strings.Repeat("a", 1025) })},
		"a subject that does not match":    {strict, "sub", "pattern", ask(func(q *Request) { q.Subject = "service:1" })},
		"a subject with a line behind":     {strict, "sub", "control", ask(func(q *Request) { q.Subject = "user:1\nservice:1" })},
		"another audience":                 {strict, "aud", "not among", ask(func(q *Request) { q.Audience = []string{"a", "c"} })},
		"an audience in another case":      {strict, "aud", "not among", ask(func(q *Request) { q.Audience = []string{"A"} })},
		"an audience with a slash":         {strict, "aud", "not among", ask(func(q *Request) { q.Audience = []string{"a/"} })},
		"no audience of several":           {strict, "aud", "several", ask(func(q *Request) { q.Audience = nil })},
		"no audience in an access token":   {`{}`, "aud", "RFC 9068", asking(func(q *Request) { q.Audience = nil })},
		"an empty list of audiences":       {`{"typ":"JWT"}`, "aud", "1 to 64", asking(func(q *Request) { q.Audience = []string{} })},
		"an empty audience":                {`{}`, "aud", "1 to 1024", asking(func(q *Request) { q.Audience = []string{""} })},
		"an audience twice":                {`{}`, "aud", "twice", asking(func(q *Request) { q.Audience = []string{"a", "a"} })},
		"too many audiences":               {`{}`, "aud", "64", asking(func(q *Request) { q.Audience = list(65, "a") })},
		"another scope":                    {strict, "scope", "not among", ask(func(q *Request) { q.Scope = "r x" })},
		"a scope where none is":            {`{}`, "scope", "not among", asking(func(q *Request) { q.Scope = "r" })},
		"a scope in another case":          {strict, "scope", "not among", ask(func(q *Request) { q.Scope = "R" })},
		"a scope twice":                    {strict, "scope", "twice", ask(func(q *Request) { q.Scope = "r w r" })},
		"two spaces":                       {strict, "scope", "RFC 6749", ask(func(q *Request) { q.Scope = "r  w" })},
		"a space behind":                   {strict, "scope", "RFC 6749", ask(func(q *Request) { q.Scope = "r " })},
		"a tab between":                    {strict, "scope", "RFC 6749", ask(func(q *Request) { q.Scope = "r\tw" })},
		"a space alone":                    {strict, "scope", "RFC 6749", ask(func(q *Request) { q.Scope = " " })},
		"a lifetime too long":              {strict, "ttl", "1 to 3600", ask(func(q *Request) { q.TTL = 3601 })},
		"a negative lifetime":              {strict, "ttl", "1 to 3600", ask(func(q *Request) { q.TTL = -1 })},
		"the longest lifetime":             {strict, "ttl", "1 to 3600", ask(func(q *Request) { q.TTL = 1<<63 - 1 })},
		"a start too late":                 {strict, "nbf", "0 to 0", ask(func(q *Request) { q.NotBefore = 1 })},
		"a start in the past":              {`{"max_nbf":60}`, "nbf", "0 to 60", asking(func(q *Request) { q.NotBefore = -1 })},
		"a token too long":                 {`{"max_token_bytes":512}`, "token", "allows 512", claiming(`{"a":"` + strings.Repeat("x", 400) + `"}`)},
		"a template that has no value":     {`{"claims":{"forced":{"a":"x{{application.metadata.region}}"}}}`, "a", "application.metadata.region", request()},
		"a template with an empty value":   {`{"claims":{"forced":{"a":"{{application.metadata.empty}}"}}}`, "a", "does not have", request()},
		"a template that is no UTF-8":      {`{"claims":{"forced":{"a":"{{application.metadata.broken}}"}}}`, "a", "does not have", request()},
		"a template of the token":          {`{"claims":{"forced":{"a":"{{token.metadata.tenant}}"}}}`, "a", "token.metadata.tenant", request()},
		"a claim against the schema":       {`{"claims":{"schema":{"properties":{"role":{"enum":["clerk"]}}}}}`, "role", `"enum"`, claiming(`{"role":"boss"}`)},
		"a claim the schema asks for":      {`{"claims":{"schema":{"required":["role"]}}}`, "role", `"required"`, claiming(`{"Role":"boss"}`)},
		"what the schema sees is final":    {`{"claims":{"schema":{"properties":{"exp":{"maximum":1790000899}}}}}`, "exp", `"maximum"`, request()},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rules(t, parsedProfile(t, c.profile)).Build(c.q, facts())
			var refused *ClaimError
			if got != nil || !errors.As(err, &refused) {
				t.Fatalf("%+v, %v", got, err)
			}
			if refused.Claim != c.claim || !strings.Contains(refused.Why, c.says) {
				t.Errorf("%v, want %s: … %s", err, c.claim, c.says)
			}
			if plainOneLine(err.Error()) != nil || len(err.Error()) > 400 {
				t.Errorf("%q is not one short line of ASCII", err)
			}
		})
	}
}

// A caller without an application has no application's values.
func TestTemplatesOfNobody(t *testing.T) {
	for _, name := range []string{"application.name", "application.owner", "application.metadata.tenant", "token.metadata.env"} {
		r := rules(t, parsedProfile(t, `{"claims":{"forced":{"a":"{{`+name+`}}"}}}`))
		f := facts()
		f.Application, f.Owner, f.Metadata, f.TokenMetadata = "", "", nil, nil
		var refused *ClaimError
		if _, err := r.Build(request(), f); !errors.As(err, &refused) || refused.Claim != "a" || !strings.Contains(refused.Why, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The server's own mistakes are not the caller's refusals.
func TestBuildNeedsItsFacts(t *testing.T) {
	for name, change := range map[string]func(*Facts){
		"issuer": func(f *Facts) { f.Issuer = "" }, "jti": func(f *Facts) { f.JTI = "" }, "client id": func(f *Facts) { f.ClientID = "" },
		"no time": func(f *Facts) { f.Now = 0 }, "a time before 1970": func(f *Facts) { f.Now = -1 }, "a time beyond": func(f *Facts) { f.Now = MaxDate },
		"no UTF-8": func(f *Facts) { f.ClientID = "\xff" },
	} {
		f := facts()
		change(f)
		var refused *ClaimError
		if got, err := rules(t, &Profile{}).Build(request(), f); got != nil || err == nil || errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func b64Text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// The bound is on the whole compact token, to the byte.
func TestMaxTokenBytesIsExact(t *testing.T) {
	f := facts()
	f.Overhead = 100
	got, err := rules(t, &Profile{}).Build(request(), f)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(100 + len(b64Text(got.Payload)))
	if _, err := rules(t, &Profile{MaxTokenBytes: size}).Build(request(), f); err != nil {
		t.Errorf("%d bytes: %v", size, err)
	}
	var refused *ClaimError
	if _, err := rules(t, &Profile{MaxTokenBytes: size - 1}).Build(request(), f); !errors.As(err, &refused) || refused.Claim != "token" {
		t.Errorf("%d bytes of %d: %v", size, size-1, err)
	}
}

func TestAuditClaims(t *testing.T) {
	r := rules(t, parsedProfile(t, `{"claims":{"forced":{"tenant":"x"}},"audit_claims":["sub","role","absent"]}`))
	got, err := r.Build(claiming(`{"role":[1, 2],"pin":"secret"}`), facts())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got.Audit {
		names = append(names, c.Name)
		if want := c.Name == "sub" || c.Name == "role"; c.Readable != want {
			t.Errorf("%s readable: %v", c.Name, c.Readable)
		}
		if !jsontext.Value(c.Value).IsValid() || !strings.Contains(string(got.Payload), `"`+c.Name+`":`+string(c.Value)) {
			t.Errorf("%s: %s", c.Name, c.Value)
		}
	}
	if got := strings.Join(names, " "); got != "iss sub aud client_id iat nbf exp jti tenant role pin" {
		t.Errorf("every claim once: %s", got)
	}
}

// TestRefusalsShowNoValue keeps what a caller sends out of logs and records.
func TestRefusalsShowNoValue(t *testing.T) {
	r := rules(t, parsedProfile(t, `{"subject":"^u","audience":["a","b"],"scopes":["r"],"claims":{"schema":{"properties":{"x":{"const":"hidden-1","pattern":"hidden-2"}},"additionalProperties":true}}}`))
	for _, change := range []func(*Request){
		func(q *Request) { q.Subject = "secret-9" },
		func(q *Request) { q.Audience = []string{"secret-9"} },
		func(q *Request) { q.Scope = "secret-9" },
		func(q *Request) { q.Claims = []byte(`{"x":"secret-9"}`) },
		func(q *Request) { q.Claims = []byte(`{"x":"secret-9"`) },
	} {
		q := request()
		q.Audience = []string{"a"}
		change(q)
		if _, err := r.Build(q, facts()); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%v", err)
		}
	}
}

// TestAFreshTokenIsGoodForAClockThatIsBehind: only an nbf that was asked for is in
// the future of anybody whose clock is within the leeway.
func TestAFreshTokenIsGoodForAClockThatIsBehind(t *testing.T) {
	rules, err := (&Profile{Typ: "JWT", MaxNBF: 60}).Compile()
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[int64]int64{0: 1000 - 30, 10: 1010} {
		out, err := rules.Build(&Request{TTL: 100, NotBefore: asked}, &Facts{Issuer: "https://i", Now: 1000, Backdate: 30, JTI: "j", ClientID: "c"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseClaims(out.Payload)
		if err != nil || c.NotBefore.Unix() != want || c.IssuedAt.Unix() != 1000 || c.Expires.Unix() != 1000+asked+100 || out.Expires != 1100+asked {
			t.Errorf("nbf asked %d: %s, %v", asked, out.Payload, err)
		}
	}
}
