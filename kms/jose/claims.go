package jose

import (
	"errors"
	"fmt"
)

// ErrClaims marks every fault in the form of a claims set. The token is malformed
// then, whoever signed it. The texts name the claim and never show its value.
var ErrClaims = errors.New("the claims of the token are malformed")

// Claims are the claims set of a token, read once and strictly (RFC 7519, RFC 9068).
// A claim that is not there is the empty string, nil, or a Date that is not Set:
// an empty string in the token itself is refused.
type Claims struct {
	Raw      []byte // the payload as it was signed
	Issuer   string
	Subject  string
	JTI      string
	ClientID string
	Scope    string // scopes with one space between them
	Audience []string
	Expires  Date // always Set
	NotBefore,
	IssuedAt Date
}

// ParseClaims reads the payload of a token whose signature was checked. The names
// are compared exactly; all others than the fields of Claims stay in Raw. payload
// must not change afterwards. Errors wrap ErrClaims.
func ParseClaims(payload []byte) (*Claims, error) {
	if err := checkObject(payload); err != nil {
		return nil, fmt.Errorf("%w: the payload %w", ErrClaims, err)
	}
	c := &Claims{Raw: payload}
	m := membersOf(payload)
	for {
		quoted, value, ok := m.next()
		if !ok {
			break
		}
		name := memberName(quoted)
		if err := c.member(name, value); err != nil {
			return nil, fmt.Errorf("%w: %s %w", ErrClaims, name, err)
		}
	}
	if !c.Expires.Set() {
		return nil, fmt.Errorf("%w: exp is missing", ErrClaims)
	}
	return c, nil
}

var (
	errClaimText     = errors.New("must be a string that is not empty")
	errClaimDate     = errors.New("must be a number of seconds since 1970, not negative and at most 2^53")
	errClaimAudience = errors.New("must be a string or an array of strings, and not empty")
	errClaimScope    = errors.New("must be scopes with one space between them (RFC 6749, section 3.3)")
)

func (c *Claims) member(name, value []byte) error {
	switch string(name) {
	case "iss":
		return claimText(&c.Issuer, value)
	case "sub":
		return claimText(&c.Subject, value)
	case "jti":
		return claimText(&c.JTI, value)
	case "client_id":
		return claimText(&c.ClientID, value)
	case "scope":
		if err := claimText(&c.Scope, value); err != nil {
			return err
		}
		if checkScopes(c.Scope) != nil {
			return errClaimScope
		}
		return nil
	case "aud":
		return c.audience(value)
	case "exp":
		return claimDate(&c.Expires, value)
	case "nbf":
		return claimDate(&c.NotBefore, value)
	case "iat":
		return claimDate(&c.IssuedAt, value)
	}
	return nil
}

func claimText(to *string, value []byte) error {
	text, ok := textOf(value)
	if !ok || text == "" {
		return errClaimText
	}
	*to = text
	return nil
}

func claimDate(to *Date, value []byte) error {
	d, ok := parseDate(value)
	if !ok {
		return errClaimDate
	}
	*to = d
	return nil
}

func (c *Claims) audience(value []byte) error {
	if text, ok := textOf(value); ok {
		if text == "" {
			return errClaimAudience
		}
		c.Audience = []string{text}
		return nil
	}
	if len(value) == 0 || value[0] != '[' {
		return errClaimAudience
	}
	for i := skipSpace(value, 1); value[i] != ']'; {
		end := valueEnd(value, i)
		text, ok := textOf(value[i:end])
		if !ok || text == "" {
			return errClaimAudience
		}
		c.Audience = append(c.Audience, text)
		if i = skipSpace(value, end); value[i] == ',' {
			i = skipSpace(value, i+1)
		}
	}
	if len(c.Audience) == 0 {
		return errClaimAudience
	}
	return nil
}
