package offline

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/jose"
)

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

const (
	goodHeader = `{"alg":"ES256","kid":"k","typ":"at+jwt"}`
	goodClaims = `{"sub":"user:1","exp":1790000000}`
)

func TestDecodeShowsWhatIsThere(t *testing.T) {
	good := encode(goodHeader) + "." + encode(goodClaims) + ".c2ln"
	for _, text := range []string{good, good + "\n", "  " + good} {
		if d := DecodeJWT(text); len(d.Problems) != 0 || string(d.Header) != goodHeader || string(d.Claims) != goodClaims || d.Encrypted {
			t.Errorf("%q: %+v", text, d)
		}
	}
}

func TestDecodeTellsEachBrokenRule(t *testing.T) {
	h, c := encode(goodHeader), encode(goodClaims)
	for text, want := range map[string][]string{
		"":                         {"1 segments"},
		h + "." + c:                {"2 segments"},
		h + "." + c + ".c2ln.c2ln": {"4 segments"},
		h + "." + c + ".":          {"signature is empty"},
		h + "." + c + ".c2ln=":     {"the signature is not base64url"},
		h + "." + c + ".c2lo_h":    nil,
		h + "=." + c + ".c2ln":     {"the header is not base64url"},
		encode(`{"alg":"none","crit":["x"],"b64":false,"zip":"DEF","kid":1}`) + "." + c + ".c2ln":              {"alg is none that is used here", "crit", "b64", "compressed", "kid is not a string"},
		encode(`{"typ":"JWT"}`) + "." + c + ".c2ln":                                                            {"no alg"},
		encode(`{"alg":"ES256","alg":"ES256"}`) + "." + c + ".c2ln":                                            {"distinct names"},
		encode(`not json`) + "." + c + ".c2ln":                                                                 {"header"},
		h + "." + encode(`{"sub":1,"aud":[],"iat":"x","nbf":-1}`) + ".c2ln":                                    {"sub must be", "aud must be", "iat must be", "nbf must be", "exp is missing"},
		h + "." + encode(`{"exp":1,"exp":2}`) + ".c2ln":                                                        {"twice"},
		h + "." + encode(`[]`) + ".c2ln":                                                                       {"payload"},
		strings.Repeat("A", 70000):                                                                             {"64 KiB"},
		encode(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`) + "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA": {"compressed"},
	} {
		d := DecodeJWT(text)
		for _, w := range want {
			if !slices.ContainsFunc(d.Problems, func(p string) bool { return strings.Contains(p, w) }) {
				t.Errorf("%.60s: no %q in %q", text, w, d.Problems)
			}
		}
	}
}

// Malformed is what cannot be read at all, and not what merely breaks rules.
func TestDecodeTellsWhatIsNoToken(t *testing.T) {
	h, c := encode(goodHeader), encode(goodClaims)
	for text, malformed := range map[string]bool{
		h + "." + c + ".c2ln":                      false,
		h + "." + c + ".":                          false,
		h + "=." + c + ".c2ln":                     false,
		encode(`{"alg":"none","alg":1}`) + ".e30.": false,
		encode(`{"alg":"dir"}`) + "....":           false,
		"":                                         true,
		h + "." + c:                                true,
		h + "." + c + ".c2ln.c2ln":                 true,
		h + ".!.c2ln":                              true,
		h + "." + encode(`[]`) + ".c2ln":           true,
		h + "." + encode(`{"sub":1`) + ".c2ln":     true,
		encode(`{"alg":"ES256"} x`) + "." + c + ".c2ln": true,
		encode(`"x"`) + "....":                          true,
		strings.Repeat("A", 70000):                      true,
	} {
		if d := DecodeJWT(text); d.Malformed != malformed || malformed && len(d.Problems) == 0 {
			t.Errorf("%.60s: %+v", text, d)
		}
	}
}

// What is told to be well-formed the server reads, and the other way round.
func FuzzDecodeJWT(f *testing.F) {
	f.Add(encode(goodHeader) + "." + encode(goodClaims) + ".c2ln")
	f.Add(encode(`{"alg":"none"}`) + "." + encode(`{"exp":1,"exp":2}`) + ".")
	f.Add("....")
	f.Fuzz(func(t *testing.T, text string) {
		d := DecodeJWT(text)
		if d.Encrypted {
			return
		}
		token, err := jose.Parse(strings.TrimSpace(text))
		if err == nil {
			_, err = jose.ParseClaims(token.Payload)
		}
		if (err == nil) != (len(d.Problems) == 0) {
			t.Fatalf("%q: %v, but %q", text, err, d.Problems)
		}
	})
}
