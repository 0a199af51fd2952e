package kms

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"github.com/signet-kms/signet/kms/state"
)

// SecretIDText is a secret id in clear, on its way to the one who asked for it. It
// is never stored. It redacts itself everywhere but in Reveal.
type SecretIDText struct{ Token }

// A secret id that a node made is "sgs." and what a token has after its prefix. One
// that a caller chose is anything else.
const (
	secretIDPrefix = "sgs."
	secretIDDomain = "signet secret id mac v1"

	minCustomSecret = 16  // characters: it is guessed against without a limit but those of rate
	maxCustomSecret = 512 // bytes
	maxRoleID       = 256 // bytes
)

func newSecretID(key state.Secret) SecretIDText {
	return SecretIDText{newText(key, secretIDPrefix, secretIDDomain)}
}

// SecretIDFrom wraps a secret id that a caller sent.
func SecretIDFrom(text string) SecretIDText { return SecretIDText{tokenOf(strings.TrimSpace(text))} }

// wellFormed says whether text can be a secret id: one that a node made carries its
// MAC.
func wellFormed(key state.Secret, text string) bool {
	if strings.HasPrefix(text, secretIDPrefix) {
		return validText(key, text, secretIDPrefix, secretIDDomain)
	}
	return text != "" && len(text) <= maxCustomSecret
}

// hash is all that is stored of a role's secret id. It is keyed: one that a person
// chose may be guessed, and its accessor shows half of the hash.
func (t SecretIDText) hash(key state.Secret, role string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("signet secret id v1\x00" + role + "\x00"))
	m.Write([]byte(t.Reveal()))
	return m.Sum(nil)
}

// visible says whether s is 1 to most bytes of printable ASCII without spaces.
func visible(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
