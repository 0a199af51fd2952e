package jose

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func schemaOf(t testing.TB, text string) *schema {
	t.Helper()
	s, err := compileSchema(jsontext.Value(text))
	if err != nil {
		t.Fatalf("%.200s: %v", text, err)
	}
	return s
}

func TestSchema(t *testing.T) {
	for _, c := range []struct{ name, schema, claims, claim, says string }{
		{"an empty schema", `{}`, `{"a":1}`, "", ""},
		{"true", `true`, `{"a":1}`, "", ""},
		{"false", `false`, `{"a":1}`, "claims", `"false"`},
		{"a type", `{"properties":{"a":{"type":"string"}}}`, `{"a":1}`, "a", `"type"`},
		{"deeper", `{"properties":{"a":{"items":{"properties":{"b":{"maximum":1}}}}}}`, `{"a":[{"b":1},{"b":2}]}`, "a", `"maximum" of the profile's schema at /a/1/b`},
		{"no other claims", `{"properties":{"a":true},"additionalProperties":false}`, `{"a":1,"c":1,"b":1}`, "b", `"additionalProperties"`},
		{"names", `{"propertyNames":{"maxLength":3}}`, `{"a":1,"long":1}`, "long", `"propertyNames"`},
		{"reference", `{"$defs":{"r":{"enum":["x"]}},"properties":{"a":{"$ref":"#/$defs/r"}}}`, `{"a":"y"}`, "a", `"enum"`},
		{"reference with an escape", `{"$defs":{"a/b~c":{"enum":["x"]}},"properties":{"a":{"$ref":"#/$defs/a~1b~0c"}}}`, `{"a":"y"}`, "a", `"enum"`},
		{"recursion into the value", `{"properties":{"a":{"$ref":"#"},"n":{"type":"integer"}}}`, `{"a":{"a":{"a":{"n":1.5}}}}`, "a", `"type" of the profile's schema at /a/a/a/n`},
		{"a format", `{"properties":{"a":{"format":"uuid"}}}`, `{"a":"no"}`, "a", `"format"`},
		{"if then else", `{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":1}`, "b", `"required"`},
		{"unevaluated", `{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`, `{"a":1,"b":1}`, "b", `"false"`},
		{"one of", `{"properties":{"a":{"oneOf":[{"type":"integer"},{"minimum":5}]}}}`, `{"a":7}`, "a", `"oneOf"`},
		{"not", `{"not":{"required":["a"]}}`, `{"a":7}`, "claims", `"not"`},

		// Numbers are exact: none of these is told apart in double precision.
		{"above 2^53 meets", `{"properties":{"n":{"const":9007199254740993}}}`, `{"n":9007199254740993}`, "", ""},
		{"above 2^53", `{"properties":{"n":{"const":9007199254740993}}}`, `{"n":9007199254740992}`, "n", `"const"`},
		{"maximum above 2^53", `{"properties":{"n":{"maximum":9007199254740992}}}`, `{"n":9007199254740993}`, "n", `"maximum"`},
		{"maximum behind the point", `{"properties":{"n":{"maximum":1}}}`, `{"n":1.00000000000000000000001}`, "n", `"maximum"`},
		{"multiples of a tenth", `{"properties":{"n":{"multipleOf":0.1}}}`, `{"n":0.3}`, "", ""},
		{"a whole number of one spelling", `{"properties":{"n":{"type":"integer"}}}`, `{"n":1.0}`, "", ""},
		{"a whole number above double", `{"properties":{"n":{"type":"integer"}}}`, `{"n":1e400}`, "", ""},
		{"not whole, close", `{"properties":{"n":{"type":"integer"}}}`, `{"n":1.00000000000000000000001}`, "n", `"type"`},
		{"equal in two spellings", `{"properties":{"n":{"enum":[1e2]}}}`, `{"n":100.0}`, "", ""},

		// The library makes big numbers of exponents, and no number of one above a million.
		{"too large an exponent", `{}`, `{"n":1e401}`, "n", "does not judge"},
		{"a far too large exponent", `{"properties":{"n":{"minimum":1}}}`, `{"n":[{"x":1e2000000}]}`, "n", "does not judge"},
		{"a far too small exponent", `{"properties":{"n":{"minimum":1}}}`, `{"n":-1E-999999999999999999999}`, "n", "does not judge"},
		{"zeros before the exponent", `{}`, `{"n":1e0000000000000000000000000000007}`, "", ""},
		{"too many digits", `{}`, `{"n":` + strings.Repeat("9", 401) + `}`, "n", "does not judge"},
		{"digits in a string", `{}`, `{"n":"1e999999999"}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := schemaOf(t, c.schema).check([]byte(c.claims))
			if c.claim == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var refused *ClaimError
			if !errors.As(err, &refused) || refused.Claim != c.claim || !strings.Contains(refused.Why, c.says) {
				t.Errorf("%v, want %s: … %s", err, c.claim, c.says)
			}
		})
	}
}

// The same refusal each time, whatever the order of a map.
func TestSchemaTellsTheFirstFault(t *testing.T) {
	s := schemaOf(t, `{"additionalProperties":{"type":"string","minLength":3}}`)
	for range 50 {
		err := s.check([]byte(`{"z":1,"y":"a","c":1,"b":"x","x":{}}`))
		if err == nil || err.Error() != `b: does not meet "minLength" of the profile's schema` {
			t.Fatal(err)
		}
	}
}

func TestCompileSchemaRefuses(t *testing.T) {
	for _, c := range []struct{ name, schema, says string }{
		{"nothing", ``, "JSON"},
		{"no JSON", `{`, "JSON"},
		{"two values", `{}{}`, "JSON"},
		{"a duplicate", `{"type":"string","type":"number"}`, "twice"},
		{"a string", `"x"`, "must be an object, true or false"},
		{"a number within", `{"properties":{"a":1}}`, "at /properties/a must be an object"},
		{"a wrong type", `{"properties":{"a":{"type":"strin"}}}`, `at /properties/a/type`},
		{"a bound that is none", `{"minimum":"1"}`, "/minimum"},
		{"required of numbers", `{"required":[1]}`, "/required/0"},
		{"properties as a list", `{"properties":[]}`, "object of schemas"},
		{"allOf as an object", `{"allOf":{}}`, "array of schemas"},
		{"an empty allOf", `{"allOf":[]}`, "/allOf"},
		{"a misspelt keyword", `{"requierd":["a"]}`, "requierd, which is no keyword"},
		{"a misspelt keyword within", `{"properties":{"a":{"maxlength":3}}}`, "at /properties/a has maxlength"},
		{"definitions of an older draft", `{"definitions":{}}`, "no keyword"},
		{"an older draft", `{"$schema":"http://json-schema.org/draft-07/schema#"}`, "2020-12"},
		{"another draft within", `{"$defs":{"a":{"$schema":"https://json-schema.org/draft/2020-12/schema"}}}`, "outermost level alone"},
		{"its own dialect", `{"$schema":"https://acme.example/dialect"}`, "2020-12"},
		{"an identifier", `{"$id":"https://acme.example/"}`, "no keyword"},
		{"an anchor", `{"$anchor":"a"}`, "no keyword"},
		{"a dynamic reference", `{"$dynamicRef":"#a"}`, "no keyword"},
		{"a vocabulary", `{"$vocabulary":{}}`, "no keyword"},
		{"content that is not checked", `{"contentEncoding":"base64"}`, "no keyword"},
		{"a format that is not checked", `{"format":"credit-card"}`, "must be one of"},
		{"a format that is no text", `{"format":1}`, "must be one of"},
		{"a reference to the web", `{"$ref":"https://acme.example/schema"}`, "within this one"},
		{"a reference to a file", `{"$ref":"file:///etc/passwd"}`, "within this one"},
		{"a reference to a path", `{"$ref":"other.json#/a"}`, "within this one"},
		{"a reference to the draft", `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, "within this one"},
		{"a reference to an anchor", `{"$ref":"#a"}`, "within this one"},
		{"a reference with an escape", `{"$ref":"#/%24defs/a","$defs":{"a":true}}`, "within this one"},
		{"a reference to nothing", `{"$ref":"#/$defs/a"}`, "within this one"},
		{"a reference to no schema", `{"enum":[{"minimum":"x"}],"$ref":"#/enum/0"}`, "within this one"},
		{"a reference that is no text", `{"$ref":1}`, "within this one"},
		{"a reference to itself", `{"$ref":"#"}`, "refers to itself"},
		{"a loop of references", `{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}`, "refers to itself"},
		{"a loop that nothing uses", `{"$defs":{"a":{"$ref":"#/$defs/a"}}}`, "refers to itself"},
		{"a pattern that is none", `{"pattern":"("}`, "missing closing"},
		{"a pattern with a look ahead", `{"pattern":"(?!a)"}`, "RE2"},
		{"a pattern of properties that is none", `{"patternProperties":{"(":true}}`, "missing closing"},
		{"a pattern that multiplies", `{"pattern":"((ab){30}){30}c{999}"}`, "repeat less"},
		{"patterns that add up", `{"patternProperties":{"(a{40}){20}":true,"(b{40}){20}":true,"(c{40}){20}":true}}`, "too often"},
		{"a pattern too long", `{"pattern":"` + strings.Repeat("a", 1025) + `"}`, "1024"},
		{"a bound too large", `{"maxLength":2147483648}`, "whole number"},
		{"a bound with an exponent", `{"maxLength":1e400}`, "whole number"},
		{"a negative bound", `{"minItems":-1}`, "whole number"},
		{"too large an exponent", `{"maximum":1e2000000}`, "does not judge"},
		{"too small a divisor", `{"multipleOf":1e-99999999}`, "does not judge"},
		{"a divisor of zero", `{"multipleOf":0}`, "/multipleOf"},
		{"too long", `{"title":"` + strings.Repeat("x", MaxClaimsText) + `"}`, "64 KiB"},
		{"too deep", strings.Repeat(`{"not":`, 65) + `{}` + strings.Repeat(`}`, 65), "64 deep"},
		{"a billion laughs", laughs(12), "too often"},
		{"looks that double with each level", `{"additionalProperties":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}`, "too often"},
		{"looks that double by overlapping", `{"properties":{"a":{"$ref":"#"}},"patternProperties":{"a":{"$ref":"#"}}}`, "too often"},
		{"too large an enum", `{"enum":["` + strings.Join(list(5000, "role"), `","`) + `"]}`, "too often"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := compileSchema(jsontext.Value(c.schema))
			if s != nil || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want … %s", err, c.says)
			}
			if plainOneLine(err.Error()) != nil {
				t.Errorf("%q is not one line of ASCII", err)
			}
		})
	}
}

// laughs is n definitions, each of which has two of the next one.
func laughs(n int) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
	for i := range n {
		fmt.Fprintf(&b, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	fmt.Fprintf(&b, `"d%d":{"type":"object"}}}`, n)
	return b.String()
}

// What real profiles say stays within the cost.
func TestSchemasThatPeopleWrite(t *testing.T) {
	for name, text := range map[string]string{
		"roles":       `{"properties":{"role":{"enum":["` + strings.Join(list(300, "role-"), `","`) + `"]}}}`,
		"uuids":       `{"properties":{"id":{"type":"string","pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}}}`,
		"a tree":      `{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/n"}}},"additionalProperties":false}},"properties":{"t":{"$ref":"#/$defs/n"}}}`,
		"variants":    `{"properties":{"x":{"oneOf":[` + strings.Repeat(`{"type":"object","properties":{"k":{"const":"a"}},"required":["k"]},`, 9) + `{"type":"null"}]}}}`,
		"few laughs":  laughs(4),
		"annotations": `{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"t","description":"d","$comment":"c","default":{"$ref":1},"examples":[{"format":1}],"deprecated":true,"readOnly":true,"writeOnly":false}`,
	} {
		t.Run(name, func(t *testing.T) { schemaOf(t, text) })
	}
}

// TestSchemaFetchesNothing asks the library itself, past the survey, as
// compileSchema sets it up.
func TestSchemaFetchesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{}, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			asked <- struct{}{}
			c.Close()
		}
	}()
	file := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(file, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"http://" + l.Addr().String() + "/s", "file://" + file, file} {
		if _, err := compileSchema(jsontext.Value(`{"$ref":"` + ref + `"}`)); err == nil {
			t.Errorf("%s compiled", ref)
		}
		c := schemaCompiler()
		if err := c.AddResource(schemaURL, map[string]any{"$ref": ref}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Compile(schemaURL); err == nil || !strings.Contains(err.Error(), "another document") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	select {
	case <-asked:
		t.Error("the schema's reference was fetched")
	default:
	}
}

// TestCostBoundsTheLooks counts with the worst value there is for a schema: the
// survey's sum is no less than what a plain count of the looks finds.
func TestCostBoundsTheLooks(t *testing.T) {
	s := &survey{nodes: map[string]*schemaNode{}}
	root, err := s.schema("", []byte(`{"allOf":[{"items":true},{"items":{}}],"items":{"anyOf":[{},{}]},"prefixItems":[{},{"not":{}}],"contains":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.checkCost(); err != nil {
		t.Fatal(err)
	}
	// At the outermost value: the schema and its two allOf. One level below: two
	// items of allOf, items with its anyOf, prefixItems with not, contains.
	cost := func(level int) int {
		for l := range level + 1 {
			for _, n := range reversed(s.order) {
				n.cost[l%2] = n.costAt(l, l%2, (l+1)%2)
			}
		}
		return root.cost[level%2]
	}
	if got := [2]int{cost(0), cost(1)}; got != [2]int{3, 2 + 3 + 2 + 1} {
		t.Errorf("%v", got)
	}
}

func reversed(list []*schemaNode) []*schemaNode {
	out := make([]*schemaNode, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i])
	}
	return out
}
