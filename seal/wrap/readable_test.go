package wrap

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"unicode"
)

func TestReadable(t *testing.T) {
	raw := []byte("\x81tag456generation 32 bytes of a root key are here")[:48]
	secret := []byte(base64.StdEncoding.EncodeToString(raw))
	grouped := func(s string, n int, by string) string {
		var out []string
		for len(s) > n {
			out, s = append(out, s[:n]), s[n:]
		}
		return strings.Join(append(out, s), by)
	}
	for what, text := range map[string]string{
		"as it is":           string(secret),
		"in the middle":      "error: " + string(secret) + " is bad",
		"in groups":          grouped(string(secret), 4, " "),
		"in lines":           grouped(string(secret), 10, "\n"),
		"raw in hex":         hex.EncodeToString(raw),
		"upper-case hex":     strings.ToUpper(hex.EncodeToString(raw)),
		"a dump":             grouped(hex.EncodeToString(raw), 2, " "),
		"a dump with colons": grouped(hex.EncodeToString(raw), 2, ":"),
		"text in hex":        hex.EncodeToString(secret),
		"base64 of it":       base64.StdEncoding.EncodeToString(secret),
		"base64url of it":    base64.RawURLEncoding.EncodeToString(append([]byte("x"), secret...)),
		"a third of it":      string(secret[20:40]),
		"raw":                string(secret) + "\x00",
	} {
		if got := readable([]byte(text), []byte("other"), secret); !strings.Contains(got, "are not shown") {
			t.Errorf("%s: %q", what, got)
		}
		// Not known to be the secret, its pieces go all the same.
		got := readable([]byte(text))
		for _, word := range strings.Fields(got) {
			if len(word) > 4 && (strings.Contains(string(secret), word) || strings.Contains(hex.EncodeToString(raw), word)) {
				t.Errorf("%s, unknown: %q", what, got)
			}
		}
	}
	for text, want := range map[string]string{
		"":                              "",
		" \n":                           "",
		"cat: no such file":             "cat: no such file",
		"tpm2: error 0x80280400\n":      "… error …",
		"a\nb c\nq\nr":                  "… / … … / q",
		"line: \x1b[31mred\x07":         "line: …",
		"TPM Error: noSuchKey":          "TPM Error: …",
		"face added beef":               "… … …",
		strings.Repeat("word ", 100):    strings.TrimRight(strings.Repeat("word ", 60), "") + " …",
		"a-word-of-more-than-20-letter": "…",
	} {
		if got := readable([]byte(text), []byte("unrelated secret of some length")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzReadable(f *testing.F) {
	f.Add([]byte("de ad be ef 01"), []byte("c2VjcmV0IGJ5dGVzIG9mIGEga2V5"))
	f.Add([]byte("permission denied"), []byte("x"))
	f.Fuzz(func(t *testing.T, text, secret []byte) {
		got := readable(text, secret)
		if len(got) > maxText+10 || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsDigit(r) || unicode.IsControl(r) }) {
			t.Fatalf("%q", got)
		}
		if len(secret) >= secretPart && strings.Contains(got, string(secret)) && string(squeeze(secret)) == string(secret) {
			t.Fatalf("it tells the secret: %q", got)
		}
	})
}
