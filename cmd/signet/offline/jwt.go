package offline

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/kms/jose"
)

// DecodedJWT is what stands in a token, unverified. Header and Claims are as they
// stand there, and nil where nothing can be read.
type DecodedJWT struct {
	Header    []byte
	Claims    []byte
	Encrypted bool     // a JWE: its claims cannot be read without a key
	Malformed bool     // no token at all: the segments are not 3 or 5, or an object cannot be read
	Problems  []string // each format rule that it breaks
}

// DecodeJWT takes a compact token apart without verifying anything. What can be read
// is read, also where the rules are broken, and each broken rule is told.
func DecodeJWT(text string) DecodedJWT {
	var d DecodedJWT
	if trimmed := strings.TrimSpace(text); trimmed != text {
		// A file ends in a line break; inside the token there is none.
		text = trimmed
	}
	if len(text) > jose.MaxToken {
		d.problem("it is longer than 64 KiB")
		d.Malformed = true
		return d
	}
	parts := strings.Split(text, ".")
	if d.Encrypted = len(parts) == 5; d.Encrypted {
		d.Header = d.segment("the header", parts[0])
		d.Malformed = !isObject(d.Header)
		if _, err := jose.ParseEncrypted(text); err != nil {
			d.problem(shorten(err))
		}
		return d
	}
	if len(parts) != 3 {
		d.problem(fmt.Sprintf("it has %d segments: a signed token has 3, an encrypted one 5", len(parts)))
	}
	for i, what := range []string{"the header", "the payload", "the signature"} {
		if i >= len(parts) {
			break
		}
		raw := d.segment(what, parts[i])
		switch i {
		case 0:
			d.Header = raw
			d.header()
		case 1:
			d.Claims = raw
			d.claims()
		case 2:
			if len(raw) == 0 {
				d.problem("its signature is empty")
			}
		}
	}
	d.Malformed = len(parts) != 3 || !isObject(d.Header) || !isObject(d.Claims)
	return d
}

// isObject says whether raw reads as a JSON object, whatever rules it breaks.
func isObject(raw []byte) bool {
	return jsontext.Value(raw).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) && jsontext.Value(raw).Kind() == '{'
}

func (d *DecodedJWT) problem(text string) {
	for _, before := range d.Problems {
		if before == text {
			return
		}
	}
	d.Problems = append(d.Problems, text)
}

// segment decodes base64url, and what is nearly that.
func (d *DecodedJWT) segment(what, text string) []byte {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && !strings.ContainsAny(text, "\r\n") {
		return raw
	}
	d.problem(what + " is not base64url without padding, or has bits to spare")
	loose := strings.NewReplacer("+", "-", "/", "_", "=", "", "\r", "", "\n", "", " ", "").Replace(text)
	raw, err = base64.RawURLEncoding.DecodeString(loose)
	if err != nil {
		return nil
	}
	return raw
}

// header tells what is wrong with it: as a whole, and of each member alone.
func (d *DecodedJWT) header() {
	check := func(raw []byte) error {
		_, err := jose.Parse(base64.RawURLEncoding.EncodeToString(raw) + ".e30.AAAA")
		return err
	}
	d.object(d.Header, check, "alg", `"alg":"ES256"`)
}

func (d *DecodedJWT) claims() {
	check := func(raw []byte) error {
		_, err := jose.ParseClaims(raw)
		return err
	}
	d.object(d.Claims, check, "exp", `"exp":1`)
}

// object checks an object whole, and then each of its members by itself, beside the
// one that every object must have.
func (d *DecodedJWT) object(raw []byte, check func([]byte) error, must, good string) {
	if raw == nil {
		return
	}
	whole := check(raw)
	if whole == nil {
		return
	}
	found, seen := len(d.Problems), false
	_ = members(raw, func(name string, member []byte) {
		one := "{" + string(member) + "}"
		if name == must {
			seen = true
		} else {
			one = "{" + good + "," + string(member) + "}"
		}
		if err := check([]byte(one)); err != nil {
			d.problem(shorten(err))
		}
	})
	if err := check([]byte("{}")); !seen && jsontext.Value(raw).Kind() == '{' && err != nil {
		d.problem(shorten(err))
	}
	if len(d.Problems) == found { // no member is to blame: it is no object, or one is there twice
		d.problem(shorten(whole))
	}
}

// members walks an object, whose names may stand twice.
func members(raw []byte, each func(name string, member []byte)) error {
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return errors.New("not an object")
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		member := append(name.Clone(), ':')
		plain, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			plain = name.Clone()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		each(string(plain), append(member, value...))
	}
	return nil
}

// shorten drops what is said of every problem.
func shorten(err error) string {
	text := err.Error()
	for _, prefix := range []string{jose.ErrMalformed.Error() + ": ", jose.ErrClaims.Error() + ": "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
