package jose

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseClaims(t *testing.T) {
	const payload = ` { "iss":"https:\/\/acme.example", "sub":"user:1","aud":["a","b"],"client_id":"web","scope":"r w",
		"iat":1790000000,"nbf":1790000000.25,"exp":1.790000900e9,"jti":"j\u00e9","n":9007199254740993,"o":{"sub":"x"} } `
	c := parsed(t, payload)
	if c.Issuer != "https://acme.example" || c.Subject != "user:1" || !slices.Equal(c.Audience, []string{"a", "b"}) || c.ClientID != "web" ||
		c.Scope != "r w" || c.JTI != "jé" || c.IssuedAt != DateOf(1790000000) || c.Expires != DateOf(1790000900) || c.NotBefore.Unix() != 1790000000 || !c.NotBefore.fraction {
		t.Errorf("%+v", c)
	}
	if string(c.Raw) != payload {
		t.Error("the payload did not survive")
	}
	if c := parsed(t, `{"exp":1}`); c.Audience != nil || c.IssuedAt.Set() || c.NotBefore.Set() {
		t.Errorf("what is absent: %+v", c)
	}
	// Names are compared exactly, at the outermost level alone.
	if c := parsed(t, `{"exp":1,"ISS":1,"Sub":[],"aud ":{},"o":{"iss":5,"exp":"x"},"e\u0078q":null}`); c.Issuer != "" {
		t.Errorf("%+v", c)
	}
	if c := parsed(t, `{"e\u0078p":7,"a\u0075d":[ "x" , "y" ]}`); c.Expires != DateOf(7) || len(c.Audience) != 2 {
		t.Errorf("escaped names: %+v", c)
	}
}

func TestParseClaimsRefuses(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":                   ``,
		"no object":                 `[]`,
		"null":                      `null`,
		"a string":                  `"exp"`,
		"a number":                  `1`,
		"two values":                `{"exp":1}{"exp":1}`,
		"bytes behind":              `{"exp":1}x`,
		"a byte order mark":         "\ufeff" + `{"exp":1}`,
		"UTF-16":                    "\x00{\x00}",
		"a NUL behind":              "{\"exp\":1}\x00",
		"a comment":                 `{"exp":1/**/}`,
		"a comma too many":          `{"exp":1,}`,
		"single quotes":             `{'exp':1}`,
		"a leading zero":            `{"exp":01}`,
		"a plus sign":               `{"exp":+1}`,
		"hexadecimal":               `{"exp":0x10}`,
		"NaN":                       `{"exp":NaN}`,
		"duplicate":                 `{"exp":1,"exp":2}`,
		"duplicate with an escape":  `{"exp":1,"\u0065xp":2}`,
		"duplicate of another name": `{"exp":1,"a":1,"a":1}`,
		"duplicate within":          `{"exp":1,"a":[{"b":1,"b":1}]}`,
		"invalid UTF-8 in a value":  "{\"exp\":1,\"a\":\"\xff\"}",
		"invalid UTF-8 in a name":   "{\"exp\":1,\"\xff\":1}",
		"overlong UTF-8":            "{\"exp\":1,\"a\":\"\xc0\xaf\"}",
		"a surrogate in UTF-8":      "{\"exp\":1,\"a\":\"\xed\xa0\x80\"}",
		"a lone surrogate":          `{"exp":1,"a":"\ud800"}`,
		"surrogates in disorder":    `{"exp":1,"a":"\udc00\ud800"}`,
		"a raw control character":   "{\"exp\":1,\"a\":\"\n\"}",
		"33 deep":                   `{"exp":1,"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		"100000 deep":               `{"exp":1,"a":` + strings.Repeat(`[`, 60000),
		"a long name":               `{"exp":1,"` + strings.Repeat("n", 257) + `":1}`,
		"a long name within":        `{"exp":1,"a":{"` + strings.Repeat("n", 257) + `" : 1}}`,
		"too long":                  `{"exp":1,"a":"` + strings.Repeat("x", MaxClaimsText) + `"}`,
		"no exp":                    `{"iss":"i"}`,
		"an empty object":           `{}`,
		"exp in another case":       `{"EXP":1}`,
		"an empty aud":              `{"exp":1,"aud":""}`,
		"an empty array of aud":     `{"exp":1,"aud":[]}`,
		"an empty array with space": `{"exp":1,"aud":[ ]}`,
		"an empty member of aud":    `{"exp":1,"aud":["a",""]}`,
		"a number in aud":           `{"exp":1,"aud":["a",1]}`,
		"an array in aud":           `{"exp":1,"aud":[["a"]]}`,
		"null in aud":               `{"exp":1,"aud":["a",null]}`,
		"scope as an array":         `{"exp":1,"scope":["r"]}`,
		"scope with two spaces":     `{"exp":1,"scope":"r  w"}`,
		"scope with a space behind": `{"exp":1,"scope":"r "}`,
		"scope with a tab":          `{"exp":1,"scope":"r\tw"}`,
		"scope with a quote":        `{"exp":1,"scope":"r\"w"}`,
		"an empty scope":            `{"exp":1,"scope":""}`,
		"an empty sub":              `{"exp":1,"sub":""}`,
		"an empty iss":              `{"exp":1,"iss":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseClaims([]byte(payload))
			if !errors.Is(err, ErrClaims) || c != nil {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	if c := parsed(t, `{"exp":1,"a":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+`,"`+strings.Repeat("n", 256)+`":1}`); c == nil {
		t.Error("what is just within the bounds")
	}
}

// jsonTypes has a value of every JSON type, and of the spellings that parsers read
// differently.
func jsonTypes() map[string]string {
	return map[string]string{
		"string": `"x"`, "number": `1`, "true": `true`, "false": `false`, "null": `null`, "array": `["x"]`, "object": `{"x":1}`,
		"empty string": `""`, "empty array": `[]`, "empty object": `{}`, "array of null": `[null]`, "number as string": `"1"`, "negative": `-1`, "huge": `1e400`,
	}
}

// TestCommonClaimsOfEachType injects each common claim with each JSON type: what
// is not of the claim's own type is refused and never read as absent.
func TestCommonClaimsOfEachType(t *testing.T) {
	fits := map[string][]string{
		"iss": {"string", "number as string"}, "sub": {"string", "number as string"}, "jti": {"string", "number as string"},
		"client_id": {"string", "number as string"}, "scope": {"string", "number as string"},
		"aud": {"string", "number as string", "array"}, "exp": {"number"}, "nbf": {"number"}, "iat": {"number"},
	}
	for claim, good := range fits {
		for kind, value := range jsonTypes() {
			t.Run(claim+"/"+kind, func(t *testing.T) {
				payload := `{"` + claim + `":` + value
				if claim != "exp" {
					payload += `,"exp":1`
				}
				_, err := ParseClaims([]byte(payload + `}`))
				if ok := err == nil; ok != slices.Contains(good, kind) {
					t.Errorf("%s: %v", payload, err)
				}
			})
		}
	}
}

// TestErrorsOfClaimsShowNoValue keeps what a token says out of logs.
func TestErrorsOfClaimsShowNoValue(t *testing.T) {
	for _, payload := range []string{`{"exp":1,"sub":["secret-9"]}`, `{"exp":"secret-9"}`, `{"exp":1,"scope":"secret-9  x"}`, `{"exp":1,"aud":[1,"secret-9"]}`, `{"exp":1,"x":"secret-9"`} {
		_, err := ParseClaims([]byte(payload))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", payload, err)
		}
	}
}
