package kms

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/signet-kms/signet/kms/state"
)

// Token is an auth token in clear, on its way to the one who asked for it. It is
// never stored. It redacts itself everywhere but in Reveal.
type Token struct {
	_    [0]func()
	text *string // behind a pointer: fmt would print a string field of an enclosing struct
}

// A token is "sgt." and the base64url of 24 random bytes and an 8-byte MAC of
// them under the cluster's token key: 192 bits to guess, and a forged one is
// told from a real one without a look at the state. The MAC is no authorisation;
// that is the lookup of the whole token's hash.
const (
	tokenPrefix = "sgt."
	tokenRandom = 24
	tokenMAC    = 8
	tokenDomain = "signet token mac v1"
)

var errTokenText = errors.New("a token is never written as text")

func newToken(key state.Secret) Token { return newText(key, tokenPrefix, tokenDomain) }

// newText makes a random text with a MAC over it. Each sort of text has a domain of
// its own, so that none passes for another.
func newText(key state.Secret, prefix, domain string) Token {
	raw := make([]byte, tokenRandom, tokenRandom+tokenMAC)
	_, _ = rand.Read(raw) // does not fail: crypto/rand ends the process instead
	raw = append(raw, macOf(key, domain, raw)...)
	return tokenOf(prefix + base64.RawURLEncoding.EncodeToString(raw))
}

// TokenFrom wraps a token that a caller sent.
func TokenFrom(text string) Token { return tokenOf(text) }

func tokenOf(text string) Token { return Token{text: &text} }

func macOf(key state.Secret, domain string, random []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(domain))
	m.Write(random)
	return m.Sum(nil)[:tokenMAC]
}

// validToken says whether this cluster made text, as far as its MAC tells.
func validToken(key state.Secret, text string) bool {
	return validText(key, text, tokenPrefix, tokenDomain)
}

func validText(key state.Secret, text, prefix, domain string) bool {
	encoded, ok := strings.CutPrefix(text, prefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(tokenRandom+tokenMAC) {
		return false
	}
	var raw [tokenRandom + tokenMAC]byte
	if _, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(encoded)); err != nil {
		return false
	}
	return hmac.Equal(raw[tokenRandom:], macOf(key, domain, raw[:tokenRandom]))
}

// Reveal returns the token itself, for the answer to the one who asked for it.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

func (t Token) hash() []byte {
	h := tokenHash(t.Reveal())
	return h[:]
}

const redacted = "[redacted]"

func (Token) String() string               { return redacted }
func (Token) GoString() string             { return redacted }
func (Token) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (Token) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Token) MarshalJSON() ([]byte, error) { return nil, errTokenText }
func (Token) MarshalText() ([]byte, error) { return nil, errTokenText }

// randomText returns n random characters of 0-9, A-Z and a-z, for names that are
// no secret (accessors).
func randomText(n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := make([]byte, 0, n)
	for len(out) < n {
		for _, b := range randomBytes(n) {
			// 248 is the largest multiple of 62 that fits: no character is likelier.
			if b < 248 && len(out) < n {
				out = append(out, alphabet[b%62])
			}
		}
	}
	return string(out)
}
