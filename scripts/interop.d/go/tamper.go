package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

var errNotCompact = errors.New("the token is not three segments of base64url")

// tamper changes one segment of a compact token: 1 is the payload, 2 the signature.
// change gets its bytes and must change them.
func tamper(token string, segment int, change func(b []byte) error) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errNotCompact
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(parts[segment])
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNotCompact, err)
	}
	if err := change(b); err != nil {
		return "", err
	}
	parts[segment] = base64.RawURLEncoding.EncodeToString(b)
	return strings.Join(parts, "."), nil
}

// flipSignature flips the lowest bit of a byte at three quarters of the signature.
// That keeps its form: it is in the middle of S, which stays in range.
func flipSignature(token string) (string, error) {
	return tamper(token, 2, func(b []byte) error {
		if len(b) == 0 {
			return errNotCompact
		}
		b[len(b)*3/4] ^= 1
		return nil
	})
}

// forge flips one bit in the sub of the payload, which stays good JSON: the token
// says that it is of somebody else.
func forge(token, subject string) (string, error) {
	return tamper(token, 1, func(b []byte) error {
		at := strings.Index(string(b), `"sub":"`+subject+`"`)
		if at < 0 || subject == "" {
			return fmt.Errorf("the payload has no sub %q", subject)
		}
		b[at+len(`"sub":"`)+len(subject)-1] ^= 1
		return nil
	})
}

// spoil adds to the tokens of an issuer what is made of its good one.
func (of *sample) spoil(subject string) (err error) {
	if of.Tokens[forged], err = forge(of.Tokens[good], subject); err != nil {
		return err
	}
	of.Tokens[flipped], err = flipSignature(of.Tokens[good])
	return err
}
