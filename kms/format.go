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
	buf := make([]byte, 0, len(resultPrefix)+11+enc.EncodedLen(len(raw)))
	buf = append(buf, resultPrefix...)
	buf = strconv.AppendUint(buf, uint64(version), 10)
	buf = append(buf, ':')
	return string(enc.AppendEncode(buf, raw))
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
