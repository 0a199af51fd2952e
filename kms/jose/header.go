package jose

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of a header.
const (
	MaxHeader      = 16 << 10 // bytes of its JSON; room for a chain of certificates that is ignored
	maxHeaderDepth = 8        // objects and arrays in each other
	MaxKID         = 256      // bytes of kid, typ and cty
)

// Header is the protected header of a JWS: one JSON object in UTF-8, whose member
// names, unescaped, are exact in case and differ at every level. alg is required
// and known. kid, typ and cty are strings without control characters. crit, b64
// and zip are refused, since each asks for something that is not done here. All
// else is ignored, jku, jwk, x5u and x5c above all: a token does not bring its own
// key (RFC 8725, section 3.10).
type Header struct {
	Alg Alg
	KID string // "" where there is none, as with the next two
	Typ string
	Cty string
	Raw []byte // the JSON as received
}

func (h *Header) parse(raw []byte) error {
	h.Raw = raw
	err := readHeader(raw, func(name []byte, value jsontext.Value) error {
		var err error
		switch string(name) {
		case "alg":
			h.Alg, err = algMember(value)
		case "b64":
			err = malformed("its header has b64, and a payload that is not encoded is not read")
		case "enc":
			err = malformed("its header has enc, so it is no signed token")
		default:
			err = common(name, value, &h.KID, &h.Typ, &h.Cty)
		}
		return err
	})
	if err == nil && h.Alg == "" {
		err = malformed("its header has no alg")
	}
	return err
}

func algMember(value jsontext.Value) (Alg, error) {
	name, ok := plain(value)
	if !ok {
		return "", malformed("alg is not a string")
	}
	alg, ok := knownAlg(name)
	if !ok {
		return "", malformed("its alg is none that is used here")
	}
	return alg, nil
}

// common reads the members that JWS and JWE share.
func common(name []byte, value jsontext.Value, kid, typ, cty *string) error {
	var err error
	switch string(name) {
	case "kid":
		*kid, err = nameMember("kid", value)
	case "typ":
		*typ, err = nameMember("typ", value)
	case "cty":
		*cty, err = nameMember("cty", value)
	case "crit":
		// No extension is understood, and an empty or repeating list is invalid
		// anyway (RFC 7515, section 4.1.11).
		err = malformed("its header has crit, and no extension is understood")
	case "zip":
		err = malformed("it is compressed, and nothing is decompressed")
	}
	return err
}

// nameMember reads a string that ends up in look-ups, answers and records.
func nameMember(what string, value jsontext.Value) (string, error) {
	text, ok := plain(value)
	switch {
	case !ok:
		return "", malformed(what + " is not a string")
	case len(text) > MaxKID:
		return "", malformed(what + " is longer than 256 bytes")
	case bytes.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }):
		return "", malformed(what + " has a control character")
	}
	switch string(text) { // the usual ones cost nothing
	case "at+jwt":
		return "at+jwt", nil
	case "JWT":
		return "JWT", nil
	}
	return string(text), nil
}

// TypeEqual compares two media types as typ and cty hold them: without regard to
// case, and with "application/" where there is no slash (RFC 7515, section
// 4.1.9). An empty one equals none.
func TypeEqual(a, b string) bool {
	return a != "" && b != "" && strings.EqualFold(shortType(a), shortType(b)) && ascii(a) && ascii(b)
}

func shortType(t string) string {
	const prefix = "application/"
	if len(t) > len(prefix) && strings.EqualFold(t[:len(prefix)], prefix) && !strings.Contains(t[len(prefix):], "/") {
		return t[len(prefix):]
	}
	return t
}

// ascii keeps Unicode out of a comparison without regard to case: the Kelvin sign
// folds to k.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
