package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func mustParse(tb testing.TB, name, text string) *Policy {
	tb.Helper()
	p, err := Parse(name, text)
	if err != nil {
		tb.Fatalf("parse %s: %v", name, err)
	}
	return p
}

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []rule
	}{
		{"nothing", "", nil},
		{"only a comment", "# none\n// none\n/* none */\n", nil},
		{"one line", `path "a/b" { capabilities = ["read"] }`, []rule{{"a/b", Read}}},
		{"no capability", `path "a/b" { capabilities = [] }`, []rule{{"a/b", 0}}},
		{"every capability", `path "a" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }`,
			[]rule{{"a", grantable}}},
		{"deny stands alone", `path "a" { capabilities = ["read", "deny", "sudo"] }`, []rule{{"a", Deny}}},
		{"a word twice", `path "a" { capabilities = ["read", "read",] }`, []rule{{"a", Read}}},
		{"leading slash", `path "/a/b" { policy = "read" }`, []rule{{"a/b", Read | List}}},
		{"wildcards", `path "+/a/+/b*" { policy = "deny" }`, []rule{{"+/a/+/b*", Deny}}},
		{"everything", `path "*" { policy = "sudo" }`, []rule{{"*", grantable &^ Patch}}},
		{"trailing slash", `path "a/" { policy = "write" }`, []rule{{"a/", Create | Read | Update | Delete | List}}},
		{"escapes", `path "\u0061/b" { capabilities = ["re\u0061d"] }`, []rule{{"a/b", Read}}},
		{"same path twice is a union", "path \"a\" { policy = \"read\" }\npath \"/a\" { capabilities = [\"update\"] }",
			[]rule{{"a", Read | List | Update}}},
		{"same path twice, one denies", "path \"a\" { policy = \"deny\" }\npath \"a\" { policy = \"sudo\" }", []rule{{"a", Deny}}},
		{"byte order mark and CRLF", "\ufeffpath \"a\" {\r\n  capabilities = [\r\n \"read\",\r\n \"list\" ]\r\n}\r\n", []rule{{"a", Read | List}}},
		{"sorted", "path \"b\" { policy = \"read\" }\npath \"a*\" { policy = \"read\" }", []rule{{"a*", Read | List}, {"b", Read | List}}},
		{"json", ` {"path": {"a/*": {"capabilities": ["read", "deny"]}, "/b": {"policy": "read"}}} ` + "\n",
			[]rule{{"a/*", Deny}, {"b", Read | List}}},
		{"json without paths", `{"path": {}}`, nil},
		{"empty json", `{}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse("test", c.text)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.rules, c.want) {
				t.Fatalf("got %v, want %v", p.rules, c.want)
			}
			again := mustParse(t, "test", p.String())
			if !slices.Equal(again.rules, c.want) {
				t.Fatalf("printed and parsed again: got %v, want %v", again.rules, c.want)
			}
		})
	}
}

// Each refused text would mean less than it says if it were let through.
func TestParseRefuses(t *testing.T) {
	in := func(body string) string { return "path \"a\" {\n" + body + "\n}" }
	caps := func(value string) string { return in("capabilities = " + value) }
	for _, c := range []struct{ name, text, want string }{
		// names
		{"unknown block", `pth "a" { policy = "read" }`, `1:1: unknown name "pth"; allowed here: path`},
		{"unknown top attribute", "name = \"x\"", `1:1: unknown name "name"`},
		{"path as attribute", `path = "a"`, `1:1: unknown name "path"`},
		{"unknown attribute", in(`capability = ["read"]`), `2:1: unknown name "capability"; allowed here: capabilities, policy`},
		{"allowed_parameters", in(`allowed_parameters = { "x" = [] }`), "2:1: allowed_parameters is not supported"},
		{"denied_parameters block", in("denied_parameters {\n}"), "2:1: denied_parameters is not supported"},
		{"required_parameters", caps(`["read"]` + "\n  required_parameters = [\"x\"]"), "3:3: required_parameters is not supported"},
		{"min_wrapping_ttl", in(`min_wrapping_ttl = 60`), "2:1: min_wrapping_ttl is not supported"},
		{"max_wrapping_ttl", in(`max_wrapping_ttl = "1h"`), "2:1: max_wrapping_ttl is not supported"},
		{"control_group", in("control_group = {\n}"), "2:1: control_group is not supported"},
		{"mfa_methods", in(`mfa_methods = ["x"]`), "2:1: mfa_methods is not supported"},
		{"expiration", in(`expiration = "2030-01-01"`), "2:1: expiration is not supported"},
		{"block in a path", in("other \"x\" {\n}"), `2:1: unknown name "other"`},
		// capabilities
		{"unknown capability", caps(`["read", "wrtie"]`), `2:25: unknown capability "wrtie"; allowed: create, delete, deny`},
		{"upper case capability", caps(`["Read"]`), `unknown capability "Read"`},
		{"root as capability", caps(`["root"]`), `unknown capability "root"`},
		{"empty capability", caps(`[""]`), `2:17: `},
		{"capability without quotes", caps(`[read]`), "2:17: a capability must be a string in quotes"},
		{"true as capability", caps(`[true]`), "2:17: a capability must be a string in quotes"},
		{"null as capability", caps(`[null]`), "2:17: a capability must be a string in quotes"},
		{"capabilities as a string", caps(`"read"`), "2:16: capabilities must be a list of strings"},
		{"capabilities null", caps(`null`), "2:16: capabilities must be a list of strings"},
		{"nested list", caps(`[["read"]]`), "2:17: nested too deep"},
		{"unknown shorthand", in(`policy = "all"`), `2:10: unknown policy "all"; allowed: deny, read, sudo, write`},
		{"shorthand null", in(`policy = null`), "2:10: policy must be one string"},
		{"no capabilities", `path "a" { }`, "1:1: a path needs exactly one of: capabilities, policy"},
		{"both", in("policy = \"deny\"\ncapabilities = [\"read\"]"), "1:1: a path needs exactly one of"},
		{"attribute twice", in("policy = \"deny\"\npolicy = \"sudo\""), "3:1: attribute redefined"},
		// labels
		{"no label", `path { policy = "read" }`, "1:1: a block must be path"},
		{"two labels", `path "a" "b" { policy = "read" }`, "1:1: a block must be path"},
		// expressions
		{"interpolation", caps(`["${"read"}"]`), `2:18: "${" is not allowed: a policy holds literal strings only`},
		{"interpolated path", `path "a/${b}" { policy = "read" }`, `1:9: "${" is not allowed`},
		{"template control", caps(`["%{if true}read%{endif}"]`), `"%{" is not allowed`},
		{"function", caps(`concat(["read"])`), `2:22: "(" is not allowed`},
		{"namespaced function", caps(`a::b`), `"::" is not allowed`},
		{"conditional", caps(`true ? ["read"] : []`), `"?" is not allowed`},
		{"for", caps(`[for x in ["read"] : x]`), "nested too deep"},
		{"flat for", caps(`[for x in y : x]`), `":" is not allowed`},
		{"index", caps(`a[0]`), `2:18: "0" is not allowed`},
		{"splat", caps(`a.*.b`), `"." is not allowed`},
		{"spread", caps(`[a...]`), `"..." is not allowed`},
		{"addition", caps(`["a"] + ["b"]`), `"+" is not allowed`},
		{"heredoc", caps("<<EOT\nread\nEOT"), "is not allowed"},
		{"parentheses", caps(`(["read"])`), `"(" is not allowed`},
		{"huge number", caps("1e999999999"), `2:16: "1e999999999" is not allowed`},
		{"long number", caps(strings.Repeat("9", 5000)), "is not allowed"},
		{"escaped interpolation", `path "a/$${b}" { policy = "read" }`, `must not hold the character "{"`},
		// shape
		{"unclosed block", `path "a" {`, "1:10: "},
		{"unclosed string", `path "a`, "1:"},
		{"two attributes on one line", `path "a" { policy = "read" policy = "read" }`, "1:"},
		{"deep braces", strings.Repeat("{", 30000), "1:2: the text is not JSON"},
		{"deep brackets", "path \"a\" {\ncapabilities = " + strings.Repeat("[", 30000), "2:17: nested too deep"},
		{"deep templates", `path "` + strings.Repeat(`${"`, 10000), `"${" is not allowed`},
		{"single quotes", `path 'a' { policy = "read" }`, "is not allowed"},
		{"semicolon", `path "a" { policy = "read"; }`, `";" is not allowed`},
		{"newline in a string", "path \"a\nb\" { policy = \"read\" }", "1:"},
		// characters
		{"NUL", "path \"a\x00\" { policy = \"read\" }", "1:8: the character U+0000 is not allowed"},
		{"lone carriage return", "# a\rpath \"a\" { policy = \"read\" }", "1:4: a carriage return"},
		{"not UTF-8", "# \xff", "1:3: the text is not UTF-8"},
		{"bidirectional override", "# \u202e", "1:3: the character U+202E is not allowed"},
		{"zero width", "path \"a\u200b\" { policy = \"deny\" }", "1:8: the character U+200B"},
		{"line separator", "# a\u2028path \"a\" { policy = \"deny\" }", "1:4: the character U+2028"},
		{"next line", "# a\u0085path \"a\" { policy = \"deny\" }", "1:4: the character U+0085"},
		{"second byte order mark", "\ufeff\ufeff", "U+FEFF"},
		{"too long", "#" + strings.Repeat("x", MaxText), "1:1: the text is longer than 65536 bytes"},
		{"too many paths", strings.Repeat("path \"a\" { policy = \"read\" }\n", MaxRules+1), "1025:6: a policy must not have more than 1024 paths"},
	} {
		t.Run(c.name, func(t *testing.T) { checkRefused(t, c.text, c.want) })
	}
}

func checkRefused(t *testing.T, text, want string) {
	t.Helper()
	p, err := Parse("test", text)
	if err == nil {
		t.Fatalf("accepted as %v", p.rules)
	}
	var se *SyntaxError
	if !errors.Is(err, ErrInvalid) || !errors.As(err, &se) {
		t.Fatalf("%v is no SyntaxError that matches ErrInvalid", err)
	}
	if se.Line < 1 || se.Column < 1 || se.Policy != "test" {
		t.Fatalf("no place in %#v", se)
	}
	if !strings.Contains(err.Error(), "test:"+want) && !strings.Contains(se.Text, want) {
		t.Fatalf("got  %v\nwant …%s…", err, want)
	}
	if len(err.Error()) > 600 {
		t.Fatalf("the error is %d bytes long", len(err.Error()))
	}
}

func TestParseRefusesPaths(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"", "must not be empty"},
		{"/", "must not be empty"},
		{"//a", "character"}, // the strip takes one slash; what stays begins with an empty segment
		{"a//b", "empty segment"},
		{"a/./b", `"." or ".."`},
		{"a/../b", `"." or ".."`},
		{"..", `"." or ".."`},
		{"a/*/b", "'*' is a wildcard only as the last character"},
		{"a/**", "'*' is a wildcard only as the last character"},
		{"*a", "'*' is a wildcard only as the last character"},
		{"a/+*", "'+' must be a whole segment"},
		{"a/b+/c", "'+' must be a whole segment"},
		{"a/+b*", "'+' must be a whole segment"},
		{"++", "'+' must be a whole segment"},
		{"a b", `the character " "`},
		{"a%2fb", `the character "%"`},
		{"a?list=true", `the character "?"`},
		{"a#b", `the character "#"`},
		{`a\\b`, `the character "\\"`},
		{"аdmin", "the character"}, // begins with a Cyrillic letter
		{"secret/{{identity.entity.id}}/*", "templates are not supported"},
		{"v1/transit/keys", `must not begin with "v1/"`},
		{"/v1/transit/keys", `must not begin with "v1/"`},
		{strings.Repeat("a", MaxPattern+1), "longer than 512 bytes"},
	} {
		t.Run(c.path, func(t *testing.T) {
			want := c.want
			if c.path == "//a" {
				want = "empty segment"
			}
			checkRefused(t, fmt.Sprintf("path \"%s\" { policy = \"deny\" }", c.path), want)
			if !strings.Contains(c.path, `\`) {
				checkRefused(t, fmt.Sprintf(`{"path": {"%s": {"policy": "deny"}}}`, c.path), want)
			}
		})
	}
}

func TestParseRefusesJSON(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown name", `{"pth": {}}`, `1:2: unknown name "pth"`},
		{"name in another case", `{"Path": {}}`, `unknown name "Path"`},
		{"path twice", `{"path": {}, "path": {}}`, `1:14: "path" is written twice`},
		{"same path twice", `{"path": {"a": {"policy": "deny"}, "a": {"policy": "sudo"}}}`, `1:36: "a" is written twice`},
		{"attribute twice", `{"path": {"a": {"policy": "deny", "policy": "sudo"}}}`, `"policy" is written twice`},
		{"both", `{"path": {"a": {"policy": "deny", "capabilities": ["read"]}}}`, "a path needs exactly one of"},
		{"neither", `{"path": {"a": {}}}`, "1:11: a path needs exactly one of"},
		{"unsupported", `{"path": {"a": {"allowed_parameters": {"x": []}}}}`, "1:17: allowed_parameters is not supported"},
		{"unknown capability", "{\"path\": {\"a\": {\n\"capabilities\": [\"read\", \"all\"]}}}", `2:26: unknown capability "all"`},
		{"unknown shorthand", `{"path": {"a": {"policy": "all"}}}`, `unknown policy "all"`},
		{"capability of another type", `{"path": {"a": {"capabilities": [null]}}}`, "a capability must be a string"},
		{"nested list", `{"path": {"a": {"capabilities": [["read"]]}}}`, "a capability must be a string"},
		{"capabilities as a string", `{"path": {"a": {"capabilities": "read"}}}`, "capabilities must be a list"},
		{"policy null", `{"path": {"a": {"policy": null}}}`, "policy must be a string; allowed: deny"},
		{"path as a list", `{"path": [{"a": {"policy": "read"}}]}`, "1:10: path must be an object"},
		{"deep", `{"path": ` + strings.Repeat("[", 60000), "path must be an object"},
		{"more after it", `{"path": {}} {}`, "nothing may follow"},
		{"cut", `{"path": {"a": {"policy": "re`, "1:27: the text is not JSON"},
		{"cut between tokens", `{"path": {`, "the text ends too early"},
		{"no JSON", `{path: {}}`, "the text is not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) { checkRefused(t, c.text, c.want) })
	}
}

// Hostile shapes as long as a text may be. They are refused without deep
// recursion; a parser that is quadratic in one of them makes this test crawl.
func TestParseSurvivesHostileShapes(t *testing.T) {
	fill := func(unit string) string { return strings.Repeat(unit, MaxText/len(unit)) }
	for _, text := range []string{
		fill("{"), fill("["), fill("("), fill(`"`), fill("${"), fill(`path "`), fill("<<A\n"), fill("/*"),
		fill("a = "), fill("path \"a\" {\n"), fill("\\"), fill("-"), fill("9"), fill(`{"a":`),
		"path \"a\" {\ncapabilities = [" + fill(`"a",`)[:60000], "path \"" + fill("a/+/"),
	} {
		if _, err := Parse("test", text[:min(len(text), MaxText)]); err == nil {
			t.Errorf("%.20q… was accepted", text)
		}
	}
}

func TestErrorsCannotForgeLines(t *testing.T) {
	_, err := Parse("test", `{"path": {"a": {"capabilities": ["x\n2026 granted\u001b[0m`+strings.Repeat("y", 9000)+`"]}}}`)
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 400 {
		t.Fatalf("%q", err)
	}
}

func TestDefaultPolicyGrantsItselfOnly(t *testing.T) {
	a := Compile(mustParse(t, DefaultName, DefaultPolicy))
	for path, need := range map[string]Capability{
		"auth/token/lookup-self": Read, "auth/token/renew-self": Update,
		"auth/token/revoke-self": Update, "sys/capabilities-self": Update, "sys/policies/check": Update,
	} {
		if got := a.Capabilities(path); got != need {
			t.Errorf("%s: got %v, want %v", path, got, need)
		}
	}
	for _, path := range []string{"auth/token/create", "auth/token/lookup", "transit/sign/a", "sys/policies/acl/default", "auth/token/"} {
		if got := a.Capabilities(path); got != 0 {
			t.Errorf("%s: got %v, want nothing", path, got)
		}
	}
}
