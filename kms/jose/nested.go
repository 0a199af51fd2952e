package jose

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// CheckReplicated compares the claims that stand in the header of a JWE as well,
// which is the part that anybody can read, with those of the token in it (RFC 7519,
// section 5.3). Each that a claim is named like must be equal to it, value by value;
// numbers are compared as they are written, and members in their order. A claim that
// only the server writes is none of the header's alone. What the header names for
// itself, such as kid and typ, is no claim. Error: ErrMalformed.
func (h *EncHeader) CheckReplicated(c *Claims) error {
	return readHeader(h.Raw, func(name []byte, value jsontext.Value) error {
		if ownParameter(string(name)) {
			return nil
		}
		inner, found := c.find(name)
		switch {
		case found && !sameValue(inner, value):
			return malformed("a claim in the header of the encrypted token is not that of the signed one")
		case !found && slices.Contains(ReservedClaims(), string(name)):
			return malformed("a claim in the header of the encrypted token is not in the signed one")
		}
		return nil
	})
}

// ownParameter says whether a member of a header is one that RFC 7516, section 4.1,
// and RFC 7518, section 4, have for a JWE.
func ownParameter(name string) bool {
	switch name {
	case "alg", "enc", "zip", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",
		"epk", "apu", "apv", "iv", "tag", "p2s", "p2c":
		return true
	}
	return false
}

// find is the value of a claim.
func (c *Claims) find(name []byte) ([]byte, bool) {
	for m := membersOf(c.Raw); ; {
		quoted, value, ok := m.next()
		if !ok {
			return nil, false
		}
		if bytes.Equal(memberName(quoted), name) {
			return value, true
		}
	}
}

// sameValue says whether two JSON texts hold the same tokens.
func sameValue(a, b []byte) bool {
	x, y := jsontext.NewDecoder(bytes.NewReader(a)), jsontext.NewDecoder(bytes.NewReader(b))
	for {
		one, errOne := x.ReadToken()
		two, errTwo := y.ReadToken()
		if errOne != nil || errTwo != nil {
			return errors.Is(errOne, io.EOF) && errors.Is(errTwo, io.EOF)
		}
		if one.Kind() != two.Kind() || one.String() != two.String() {
			return false
		}
	}
}
