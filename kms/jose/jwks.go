package jose

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// JWKS is a set of public keys for one verifier.
type JWKS struct {
	Keys []*JWK
}

// Entry is one key of a set as its bytes and what it says of itself.
type Entry struct {
	Params
	Raw []byte
}

// ReadJWKS reads any set of keys, private and symmetric ones too, without the keys
// themselves. keys is required. A key of a type or algorithm that is not used here
// is passed over (RFC 7517, section 5); one that contradicts itself refuses the
// set, and so does a kid that stands twice, or a symmetric key beside an
// asymmetric one: with both, a public key could be taken for a secret. Error:
// ErrJWK.
func ReadJWKS(raw []byte) ([]Entry, error) {
	if len(raw) > MaxJWKS {
		return nil, badJWK("the set is longer than 256 KiB")
	}
	var entries []Entry
	found := false
	ok, err := readObject(raw, maxJWKDepth+2, func(name []byte, value jsontext.Value) error {
		if string(name) != "keys" {
			return nil
		}
		found = true
		var err error
		entries, err = readEntries(value)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, badJWK("the set is not one JSON object in UTF-8 with distinct names")
	case !found:
		return nil, badJWK("the set has no keys")
	}
	return entries, checkSet(entries)
}

func readEntries(value jsontext.Value) ([]Entry, error) {
	var entries []Entry
	var wrong error
	ok := readArray(value, maxJWKs, func(item jsontext.Value) bool {
		p, err := ReadJWK(item)
		switch {
		case errors.Is(err, ErrUnsupportedKey):
		case err != nil:
			wrong = err
		default:
			entries = append(entries, Entry{Params: *p, Raw: append([]byte(nil), item...)})
		}
		return wrong == nil
	})
	if !ok && wrong == nil {
		wrong = badJWK("keys is not an array of at most 100 keys")
	}
	return entries, wrong
}

func checkSet(entries []Entry) error {
	kids := make(map[string]bool, len(entries))
	for _, e := range entries {
		switch {
		case e.KID != "" && kids[e.KID]:
			return badJWK("two keys of the set have one kid")
		case (e.KTY == KtyOct) != (entries[0].KTY == KtyOct):
			return badJWK("the set holds symmetric and asymmetric keys")
		}
		kids[e.KID] = true
	}
	return nil
}

// ParseJWKS reads a set of public keys by the rules of ReadJWKS and of ParseJWK;
// one private key refuses the set. Errors: ErrJWK, ErrPrivateMember.
func ParseJWKS(raw []byte) (*JWKS, error) {
	entries, err := ReadJWKS(raw)
	if err != nil {
		return nil, err
	}
	set := &JWKS{}
	for _, e := range entries {
		k, err := ParseJWK(e.Raw)
		switch {
		case errors.Is(err, ErrUnsupportedKey): // of a curve that is not used here
		case err != nil:
			return nil, err
		default:
			set.Keys = append(set.Keys, k)
		}
	}
	return set, nil
}

// Find returns the key with a kid; nil where there is none. Keys without a kid are
// never found: trying each in turn is no choice.
func (s *JWKS) Find(kid string) *JWK {
	for _, k := range s.Keys {
		if kid != "" && k.KID == kid {
			return k
		}
	}
	return nil
}

// AppendJWKS appends a set of the keys that PublicJWK wrote, in their order.
func AppendJWKS(dst []byte, keys ...[]byte) []byte {
	dst = append(dst, `{"keys":[`...)
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, k...)
	}
	return append(dst, "]}"...)
}
