package jose

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHeaderRefuses(t *testing.T) {
	for name, header := range map[string]string{
		"empty":                        "",
		"not JSON":                     "alg=ES256",
		"no object":                    `["alg","ES256"]`,
		"a string":                     `"ES256"`,
		"null":                         "null",
		"no alg":                       `{"typ":"JWT"}`,
		"empty object":                 `{}`,
		"alg empty":                    `{"alg":""}`,
		"alg null":                     `{"alg":null}`,
		"alg a number":                 `{"alg":256}`,
		"alg an array":                 `{"alg":["ES256"]}`,
		"alg an object":                `{"alg":{"alg":"ES256"}}`,
		"alg unknown":                  `{"alg":"ES256K"}`,
		"alg with a space":             `{"alg":"ES256 "}`,
		"alg in another case":          `{"alg":"es256"}`,
		"only a case variant of alg":   `{"Alg":"ES256"}`,
		"twice alg":                    `{"alg":"ES256","alg":"ES256"}`,
		"none first":                   `{"alg":"none","alg":"ES256"}`,
		"twice alg, once escaped":      `{"alg":"ES256","\u0061lg":"none"}`,
		"twice another name":           `{"alg":"ES256","x":1,"x":2}`,
		"twice a name inside":          `{"alg":"ES256","x":{"y":1,"y":1}}`,
		"twice a name in an array":     `{"alg":"ES256","x":[{"y":1,"y":1}]}`,
		"crit":                         `{"alg":"ES256","crit":["exp"],"exp":1}`,
		"crit empty":                   `{"alg":"ES256","crit":[]}`,
		"crit null":                    `{"alg":"ES256","crit":null}`,
		"b64 false":                    `{"alg":"ES256","b64":false}`,
		"b64 true":                     `{"alg":"ES256","b64":true}`,
		"b64 in crit":                  `{"alg":"ES256","crit":["b64"],"b64":false}`,
		"zip":                          `{"alg":"ES256","zip":"DEF"}`,
		"enc":                          `{"alg":"ES256","enc":"A128GCM"}`,
		"kid a number":                 `{"alg":"ES256","kid":1}`,
		"kid null":                     `{"alg":"ES256","kid":null}`,
		"kid an array":                 `{"alg":"ES256","kid":["a"]}`,
		"kid with a line break":        `{"alg":"ES256","kid":"a\nb"}`,
		"kid with NUL":                 `{"alg":"ES256","kid":"a\u0000"}`,
		"kid with DEL":                 `{"alg":"ES256","kid":"a\u007f"}`,
		"kid with a C1 control":        `{"alg":"ES256","kid":"a\u0085"}`,
		"kid too long":                 `{"alg":"ES256","kid":"` + strings.Repeat("k", MaxKID+1) + `"}`,
		"typ a number":                 `{"alg":"ES256","typ":1}`,
		"typ too long":                 `{"alg":"ES256","typ":"` + strings.Repeat("k", MaxKID+1) + `"}`,
		"cty a boolean":                `{"alg":"ES256","cty":true}`,
		"a byte order mark":            "\ufeff" + `{"alg":"ES256"}`,
		"UTF-16":                       "{\x00\"\x00a\x00l\x00g\x00\"\x00",
		"invalid UTF-8":                "{\"alg\":\"ES256\",\"x\":\"\xff\"}",
		"invalid UTF-8 in a name":      "{\"alg\":\"ES256\",\"\xc0\x80\":1}",
		"half a surrogate pair":        `{"alg":"ES256","x":"\ud800"}`,
		"NUL behind":                   `{"alg":"ES256"}` + "\x00",
		"another object behind":        `{"alg":"ES256"}{"alg":"none"}`,
		"text behind":                  `{"alg":"ES256"} x`,
		"not closed":                   `{"alg":"ES256"`,
		"closed twice":                 `{"alg":"ES256"}}`,
		"a comma behind":               `{"alg":"ES256",}`,
		"a comment":                    `{"alg":"ES256"/**/}`,
		"single quotes":                `{'alg':'ES256'}`,
		"names without quotes":         `{alg:"ES256"}`,
		"a raw control character":      "{\"alg\":\"ES256\",\"x\":\"\n\"}",
		"deep objects":                 `{"alg":"ES256","x":` + strings.Repeat(`{"a":`, 8) + "1" + strings.Repeat("}", 9),
		"deep arrays":                  `{"alg":"ES256","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		"deep behind an escaped quote": `{"alg":"ES256","x\"":"\\","y":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + "}",
	} {
		var h Header
		if err := h.parse([]byte(header)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeaderTakes(t *testing.T) {
	for _, header := range []string{
		` { "alg" : "ES256" } ` + "\n\t\r",
		`{"\u0061lg":"ES\u0032\u00356"}`,
		`{"ALG":"none","alg":"ES256"}`,
		`{"alg":"ES256","KID":1,"Crit":["x"],"x":{"alg":"none"}}`,
		`{"alg":"ES256","jku":1,"jwk":{},"x5u":[],"x5c":"x","x5t":null,"x5t#S256":false}`,
		`{"alg":"ES256","x":"{{{{{{{{{{[[[[[[[[[["}`,
		`{"alg":"ES256","x":` + strings.Repeat("[", 7) + strings.Repeat("]", 7) + "}",
	} {
		var h Header
		if err := h.parse([]byte(header)); err != nil || h.Alg != ES256 {
			t.Errorf("%s: %v", header, err)
		}
	}
	var h Header
	if err := h.parse([]byte(`{"alg":"ES256","kid":"` + strings.Repeat("k", MaxKID) + `"}`)); err != nil || len(h.KID) != MaxKID {
		t.Error(err)
	}
	if err := h.parse([]byte(`{"alg":"ES256","kid":"sch\u006c\u00fcssel 🔑"}`)); err != nil || h.KID != "schlüssel 🔑" {
		t.Errorf("%q, %v", h.KID, err)
	}
}

func TestTypeEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"at+jwt", "at+jwt", true}, {"at+jwt", "AT+JWT", true}, {"at+jwt", "application/at+jwt", true}, {"APPLICATION/at+jwt", "at+jwt", true},
		{"application/at+jwt", "application/At+jwt", true}, {"JWT", "jwt", true}, {"text/x", "TEXT/x", true},
		{"at+jwt", "JWT", false}, {"at+jwt", "", false}, {"", "", false}, {"at+jwt", "at+jwt ", false}, {"at+jwt", "text/at+jwt", false},
		{"a/b", "application/a/b", false}, {"application/application/x", "application/x", false}, {"application/", "", false},
		{"k", "\u212a", false}, {"at+jwt", "at+jw\u0167", false}, {"s", "\u017f", false},
	} {
		if TypeEqual(c.a, c.b) != c.want || TypeEqual(c.b, c.a) != c.want {
			t.Errorf("%q and %q: not %v", c.a, c.b, c.want)
		}
	}
}

func TestAlgs(t *testing.T) {
	for _, a := range Algs() {
		if found, ok := knownAlg([]byte(a)); !ok || found != a || !a.Known() {
			t.Errorf("%s is not known", a)
		}
		if (a.Hash() == 0) != (a == EdDSA || a == Ed25519) || a.Symmetric() != strings.HasPrefix(string(a), "HS") || a.PSS() != strings.HasPrefix(string(a), "PS") {
			t.Errorf("%s: hash %v", a, a.Hash())
		}
	}
	for alg, size := range map[Alg]int{HS256: 32, HS384: 48, HS512: 64, ES256: 0, EdDSA: 0, "none": 0} {
		if alg.MinKeySize() != size {
			t.Errorf("%s asks for %d bytes", alg, alg.MinKeySize())
		}
	}
	for _, a := range []Alg{"", "none", "None", "NONE", "noNe", " none", "es256", "ES256 ", "RS1", "HS1", "ES256K", "RSA1_5", "ES521"} {
		if a.Known() || a.Check(&Header{Alg: a}) == nil {
			t.Errorf("%q is known", a)
		}
	}
}

// The key's one algorithm is compared with the token's, exactly; two names of one
// signature are two algorithms.
func TestATokenHasTheAlgOfItsKey(t *testing.T) {
	for _, key := range Algs() {
		for _, token := range Algs() {
			if err := key.Check(&Header{Alg: token}); errors.Is(err, ErrAlg) != (key != token) {
				t.Errorf("a key for %s, a token of %s: %v", key, token, err)
			}
		}
	}
}

func TestProtectedIsCanonical(t *testing.T) {
	for want, p := range map[string]Protected{
		`{"alg":"ES256","kid":"k1","typ":"at+jwt"}`:            NewProtected(ES256, "k1", "at+jwt", ""),
		`{"alg":"PS512","cty":"JWT","kid":"k\"1","typ":"JWT"}`: NewProtected(PS512, `k"1`, "JWT", "JWT"),
		`{"alg":"EdDSA"}`: NewProtected(EdDSA, "", "", ""),
	} {
		token := string(AppendSignature(p.AppendSigningInput(nil, []byte("payload")), []byte("sig")))
		if token != jws(want, "payload", "sig") {
			t.Errorf("%s, want that of %s", token, want)
		}
		if p.CompactLen(len("payload"), len("sig")) != len(token) || p.Segment() != enc64(want) || p.Len() != len(enc64(want))+1 {
			t.Errorf("%s: lengths %d, %d", want, p.CompactLen(7, 3), p.Len())
		}
	}
	if (Protected{}).Segment() != "" {
		t.Error("the zero value has a segment")
	}
}

// What is written is read as what was written.
func TestProtectedIsWhatParseReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[\x20-\x7e\x{a0}-\x{2fff}]{0,40}`)
		p := NewProtected(rapid.SampledFrom(Algs()).Draw(t, "alg"), name.Draw(t, "kid"), name.Draw(t, "typ"), name.Draw(t, "cty"))
		payload, sig := rapid.SliceOf(rapid.Byte()).Draw(t, "payload"), rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "sig")
		token, err := Parse(string(AppendSignature(p.AppendSigningInput(nil, payload), sig)))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(token.Header) != fmt.Sprint(*p.Header()) {
			t.Fatalf("%+v, written %+v", token.Header, p.Header())
		}
		if string(token.Payload) != string(payload) || string(token.Signature) != string(sig) || string(token.SigningInput) != string(p.AppendSigningInput(nil, payload)) {
			t.Fatalf("%+v", token)
		}
	})
}
