package jose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// What a token may hold, once more and on its own: with encoding/json, without
// anything of this package. The property test asks it about every token.

// entry is a member of an object, its value as it stood.
type entry struct{ name, raw string }

// entries reads the outermost level of an object in order, and refuses names that
// stand twice at any depth.
func entries(text []byte) ([]entry, error) {
	if err := noTwins(json.NewDecoder(bytes.NewReader(text))); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("no object: %v", err)
	}
	var list []entry
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		list = append(list, entry{name.(string), string(raw)})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("something stands behind")
	}
	return list, nil
}

// noTwins walks one value of any type.
func noTwins(dec *json.Decoder) error {
	dec.UseNumber()
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if delim == '{' {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			if seen[name.(string)] {
				return fmt.Errorf("%q stands twice", name)
			}
			seen[name.(string)] = true
		}
		if err := noTwins(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func value(raw string) any {
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// judge says what is wrong with a token that was built for a request under a
// profile.
func judge(p *Profile, q *Request, f *Facts, got *Issued) error {
	token, err := entries(got.Payload)
	if err != nil {
		return err
	}
	for i, a := range token {
		for _, b := range token[:i] {
			if strings.EqualFold(a.name, b.name) {
				return fmt.Errorf("%q and %q", a.name, b.name)
			}
		}
	}
	most := p.MaxTokenBytes
	if most == 0 {
		most = 8192
	}
	if size := int64(f.Overhead + base64.RawURLEncoding.EncodedLen(len(got.Payload))); size > most {
		return fmt.Errorf("%d bytes", size)
	}
	own, err := judgeServer(p, q, f, got, token)
	if err != nil {
		return err
	}
	if p.Claims.Schema != nil {
		if err := judgeSchema(token); err != nil {
			return err
		}
	}
	return judgeOwn(p, q, token, own)
}

// oddSchema is what judgeSchema checks without a schema.
const oddSchema = `{"properties":{"role":{"enum":["clerk",1]},"x":{"maximum":9007199254740992}}}`

func judgeSchema(token []entry) error {
	for _, e := range token {
		v := value(e.raw)
		exact := new(big.Rat)
		number, isNumber := v.(json.Number)
		if isNumber {
			exact.SetString(number.String())
		}
		switch {
		case e.name == "role" && v != "clerk" && !(isNumber && exact.Cmp(big.NewRat(1, 1)) == 0):
			return fmt.Errorf("role %s", e.raw)
		case e.name == "x" && isNumber && exact.Cmp(big.NewRat(1<<53, 1)) > 0:
			return fmt.Errorf("x %s", e.raw)
		}
	}
	return nil
}

// judgeServer checks what the server writes and returns what is left: the claims of
// the caller.
func judgeServer(p *Profile, q *Request, f *Facts, got *Issued, token []entry) ([]entry, error) {
	ttl, longest := q.TTL, p.MaxTTL
	if longest == 0 {
		longest = 3600
	}
	if ttl == 0 {
		if ttl = p.TTL; ttl == 0 {
			ttl = min(900, longest)
		}
	}
	if ttl <= 0 || ttl > longest || q.NotBefore < 0 || q.NotBefore > p.MaxNBF || got.Expires != f.Now+q.NotBefore+ttl {
		return nil, fmt.Errorf("lifetime: %d from %d", ttl, q.NotBefore)
	}
	want := map[string]any{
		"iss": f.Issuer, "jti": f.JTI, "client_id": f.ClientID, "iat": json.Number(fmt.Sprint(f.Now)),
		"nbf": json.Number(fmt.Sprint(f.Now + q.NotBefore)), "exp": json.Number(fmt.Sprint(got.Expires)),
	}
	if q.HasSubject || q.Subject != "" {
		want["sub"] = q.Subject
	}
	if q.Subject == "" && (p.Subject != "" || p.Typ == "" || p.Typ == "at+jwt") || p.Subject != "" && !regexp.MustCompile(p.Subject).MatchString(q.Subject) {
		return nil, fmt.Errorf("sub %q", q.Subject)
	}
	if err := judgeTargets(p, q, want); err != nil {
		return nil, err
	}
	for name, raw := range p.Claims.Forced {
		v, ok := filled(value(string(raw)), f)
		if !ok {
			return nil, fmt.Errorf("%q has no value", name)
		}
		want[name] = v
	}
	var own []entry
	for _, e := range token {
		expected, ours := want[e.name]
		if !ours {
			own = append(own, e)
			continue
		}
		if !reflect.DeepEqual(value(e.raw), expected) {
			return nil, fmt.Errorf("%q is %s, not %v", e.name, e.raw, expected)
		}
		delete(want, e.name)
	}
	if len(want) > 0 {
		return nil, fmt.Errorf("missing: %v", want)
	}
	return own, nil
}

func judgeTargets(p *Profile, q *Request, want map[string]any) error {
	aud := q.Audience
	if aud == nil && len(p.Audience) == 1 {
		aud = p.Audience
	}
	if aud == nil && (len(p.Audience) > 0 || p.Typ == "" || p.Typ == "at+jwt") {
		return fmt.Errorf("no aud")
	}
	var all []any
	for _, a := range aud {
		if len(p.Audience) > 0 && !slices.Contains(p.Audience, a) {
			return fmt.Errorf("aud %q", a)
		}
		all = append(all, a)
	}
	if len(all) == 1 {
		want["aud"] = all[0]
	} else if len(all) > 1 {
		want["aud"] = all
	}
	if q.Scope != "" {
		parts := strings.Split(q.Scope, " ")
		for i, s := range parts {
			if !slices.Contains(p.Scopes, s) || slices.Contains(parts[:i], s) {
				return fmt.Errorf("scope %q", s)
			}
		}
		want["scope"] = q.Scope
	}
	return nil
}

// judgeOwn compares the caller's claims in the token with those sent.
func judgeOwn(p *Profile, q *Request, token, own []entry) error {
	var sent []entry
	if len(q.Claims) > 0 {
		var err error
		if sent, err = entries(q.Claims); err != nil {
			return err
		}
	}
	if !slices.Equal(own, sent) {
		return fmt.Errorf("in the token %q, sent %q", own, sent)
	}
	closed := slices.Concat([]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope"}, p.Claims.Forbidden)
	for name := range p.Claims.Forced {
		closed = append(closed, name)
	}
	for _, e := range own {
		if slices.ContainsFunc(closed, func(c string) bool { return strings.EqualFold(c, e.name) }) {
			return fmt.Errorf("%q is closed", e.name)
		}
		if slices.Contains(p.Claims.Allowed, e.name) {
			continue
		}
		if p.Claims.Allowed != nil || e.name == "" || strings.ContainsFunc(e.name, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
			return fmt.Errorf("%q is not allowed", e.name)
		}
	}
	for _, name := range p.Claims.Required {
		if !slices.ContainsFunc(token, func(e entry) bool { return e.name == name }) {
			return fmt.Errorf("%q is missing", name)
		}
	}
	return nil
}

var templates = regexp.MustCompile(`\{\{ *([^}]*?) *\}\}`)

// filled puts the facts into the strings of a decoded value.
func filled(v any, f *Facts) (any, bool) {
	ok := true
	switch v := v.(type) {
	case string:
		return templates.ReplaceAllStringFunc(v, func(s string) string {
			name, text := templates.FindStringSubmatch(s)[1], ""
			switch {
			case name == "application.name":
				text = f.Application
			case name == "application.owner":
				text = f.Owner
			case strings.HasPrefix(name, "application.metadata."):
				text = f.Metadata[strings.TrimPrefix(name, "application.metadata.")]
			case strings.HasPrefix(name, "token.metadata."):
				text = f.TokenMetadata[strings.TrimPrefix(name, "token.metadata.")]
			}
			ok = ok && text != ""
			return text
		}), ok
	case []any:
		for i := range v {
			var good bool
			v[i], good = filled(v[i], f)
			ok = ok && good
		}
	case map[string]any:
		for k := range v {
			var good bool
			v[k], good = filled(v[k], f)
			ok = ok && good
		}
	}
	return v, ok
}
