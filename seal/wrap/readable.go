package wrap

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	maxLines   = 3
	maxText    = 300 // bytes of all lines
	maxWord    = 20
	secretPart = 12 // characters of a secret that are no chance
)

// readable is what may be shown of a command's stderr. A command that is traced or
// badly written tells there what it was given, or what it was about to give. So:
//
//   - if a piece of known is in it, in hex or base64, however it was broken into
//     groups and lines, nothing is shown;
//   - otherwise three lines at most, of which every word goes that has a digit, is
//     longer than 20 characters, consists of hex digits alone, or goes from a
//     small letter to a capital: what is left of a dump of a key are no bytes of it.
//
// The exit status says the rest.
func readable(stderr []byte, known ...[]byte) string {
	if len(bytes.TrimSpace(stderr)) == 0 {
		return ""
	}
	if tells(stderr, known) {
		return "(its messages hold a piece of what it was given or gave, and are not shown)"
	}
	var lines []string
	for line := range strings.Lines(string(stderr)) {
		words := strings.Fields(line)
		for i, word := range words {
			if suspicious(word) {
				words[i] = "…"
			}
		}
		if len(words) > 0 && len(lines) < maxLines {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	text := strings.Join(lines, " / ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + " …"
	}
	return text
}

// suspicious says whether a word could be a piece of a key.
func suspicious(word string) bool {
	hexOnly, small := true, false
	for _, r := range word {
		if small && 'A' <= r && r <= 'Z' {
			return true
		}
		small = 'a' <= r && r <= 'z'
		if r < '!' || r > '~' || '0' <= r && r <= '9' {
			return true
		}
		if !('a' <= r && r <= 'f' || 'A' <= r && r <= 'F') {
			hexOnly = false
		}
	}
	return hexOnly || len(word) > maxWord
}

// tells looks for pieces of secrets in what remains of a text when all but the
// letters and digits is gone.
func tells(text []byte, known [][]byte) bool {
	squeezed := squeeze(text)
	lower := bytes.ToLower(squeezed)
	for _, secret := range known {
		plain := squeeze(secret)
		raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(secret)))
		defer clear(raw)
		if holdsPart(squeezed, plain) || holdsPart(lower, []byte(hex.EncodeToString(secret))) {
			return true
		}
		if err == nil && holdsPart(lower, []byte(hex.EncodeToString(raw))) {
			return true
		}
		for skip := range 3 { // its base64, wherever a group of three bytes begins
			if len(secret) > skip && holdsPart(squeezed, squeeze([]byte(base64.StdEncoding.EncodeToString(secret[skip:])))) {
				return true
			}
		}
	}
	return false
}

func holdsPart(text, secret []byte) bool {
	for i := 0; i+secretPart <= len(secret); i++ {
		if bytes.Contains(text, secret[i:i+secretPart]) {
			return true
		}
	}
	return false
}

func squeeze(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			out = append(out, c)
		}
	}
	return out
}
