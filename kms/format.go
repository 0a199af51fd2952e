package kms

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// A signature, HMAC or ciphertext is "vault:v<N>:<base64>": three fields, which Vault's
// clients take apart.
const resultPrefix = "vault:v"

// formatResult puts a result together. jws chooses unpadded base64url.
func formatResult(version uint32, raw []byte, jws bool) string {
	enc := base64.StdEncoding
	if jws {
		enc = base64.RawURLEncoding
	}
	// In pieces through the stack into the one allocation that is the result.
	const piece = 192 // bytes, a multiple of three
	var text [piece / 3 * 4]byte
	var out strings.Builder
	out.Grow(len(resultPrefix) + 11 + enc.EncodedLen(len(raw)))
	out.WriteString(resultPrefix)
	out.Write(strconv.AppendUint(text[:0], uint64(version), 10))
	out.WriteByte(':')
	for len(raw) > piece {
		out.Write(enc.AppendEncode(text[:0], raw[:piece]))
		raw = raw[piece:]
	}
	out.Write(enc.AppendEncode(text[:0], raw))
	return out.String()
}

// parseResult takes text apart. What is wrong is said with kind, which is
// ErrBadSignature, ErrBadHMAC or ErrBadCiphertext, in Vault's words.
func parseResult(text string, jws bool, kind *Error) (version uint32, raw []byte, err error) {
	rest, ok := strings.CutPrefix(text, resultPrefix)
	if !ok {
		return 0, nil, saying(kind, "%s: no prefix", kind.text)
	}
	number, encoded, ok := strings.Cut(rest, ":")
	if !ok || strings.Contains(encoded, ":") {
		return 0, nil, saying(kind, "%s: wrong number of fields", kind.text)
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 || number[0] == '0' || number[0] == '+' {
		return 0, nil, saying(kind, "%s: version number could not be decoded", kind.text)
	}
	enc := base64.StdEncoding.Strict()
	if jws {
		enc = base64.RawURLEncoding.Strict()
	}
	// Decode skips line breaks; a signature has one spelling.
	if raw, err = enc.DecodeString(encoded); err != nil || strings.ContainsAny(encoded, "\r\n") {
		return 0, nil, saying(kind, "%s: unable to decode as base64", kind.text)
	}
	return uint32(n), raw, nil
}
