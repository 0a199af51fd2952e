package jose

import (
	"encoding/base64"
	"strings"
)

// MaxToken is the longest compact JWS or JWE that is read, in bytes.
const MaxToken = 64 << 10

// Token is a compact JWS (RFC 7515, section 3.1) that parsed; nothing in it has
// been verified. Its bytes are its own.
type Token struct {
	Header    Header
	Payload   []byte // may be empty
	Signature []byte // never empty
	// SigningInput is what was signed, as received (section 5.2, step 8): encoded
	// again it could differ.
	SigningInput []byte
}

// b64 refuses padding and bits behind the last byte (RFC 4648, section 3.5):
// they would give a token two spellings. It skips line breaks, so split looks for
// them first. It is never assigned again.
var b64 = base64.RawURLEncoding.Strict()

// Parse reads a compact JWS: three segments of base64url without padding, a JSON
// header by the rules of Header, and a signature that is not empty. All else is
// refused, a JSON serialization too (RFC 8725bis, section 3.14). Error:
// ErrMalformed.
func Parse(token string) (*Token, error) {
	return ParseKnown(token, nil)
}

// ParseKnown is Parse for a verifier that wrote most headers itself: known answers
// the Header of a Protected with this first segment, or nil, and then the header is
// parsed. Equal bytes are equal headers, so nothing else changes. known may be nil.
// Error: ErrMalformed.
func ParseKnown(token string, known func(segment string) *Header) (*Token, error) {
	var parts [3][]byte
	text, err := split(token, parts[:])
	if err != nil {
		return nil, err
	}
	if len(parts[2]) == 0 {
		return nil, malformed("its signature is empty")
	}
	t := &Token{Payload: parts[1], Signature: parts[2], SigningInput: text[:strings.LastIndexByte(token, '.')]}
	if known != nil {
		if h := known(token[:strings.IndexByte(token, '.')]); h != nil {
			t.Header = *h
			return t, nil
		}
	}
	if err := t.Header.parse(parts[0]); err != nil {
		return nil, err
	}
	return t, nil
}

// split decodes a text of len(parts) segments into parts and returns a copy of
// the text. The parts share one buffer, each with its own capacity, so that
// appending to one leaves the next alone. Error: ErrMalformed.
func split(token string, parts [][]byte) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, malformed("it is longer than 64 KiB")
	}
	if strings.Count(token, ".") != len(parts)-1 {
		return nil, malformed("it has not the number of segments that it should have")
	}
	if strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return nil, malformed("a line break is in it")
	}
	text := []byte(token)
	rest, out := text, make([]byte, b64.DecodedLen(len(token)))
	for i := range parts {
		segment := rest
		if i < len(parts)-1 {
			end := strings.IndexByte(token[len(token)-len(rest):], '.')
			segment, rest = rest[:end], rest[end+1:]
		}
		n, err := b64.Decode(out, segment)
		if err != nil {
			return nil, malformed("a segment is not base64url, or has padding or bits to spare")
		}
		parts[i], out = out[:n:n], out[n:]
	}
	return text, nil
}
