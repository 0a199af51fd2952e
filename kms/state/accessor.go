package state

import (
	"bytes"
	"encoding/hex"
	"slices"
)

// Most accessors begin with the first bytes of the token's hash, by which they
// are found without an index over all tokens: that index would take as long to
// make at an unseal as the tokens themselves. The hash is of 192 random bits and
// gives nothing away. Tokens of earlier builds have accessors of other forms.
const (
	accessorHash   = 8                  // bytes of the hash
	accessorLength = 2*accessorHash + 8 // hex digits, and characters of the caller's choice
)

// AccessorFor returns the accessor of a token: tail is 8 random characters.
func AccessorFor(hash []byte, tail string) string {
	return hex.EncodeToString(hash[:accessorHash]) + tail
}

// selfNamed says whether a token's accessor leads to it by itself.
func selfNamed(accessor string, hash []byte) bool {
	prefix, ok := accessorPrefix(accessor)
	return ok && bytes.HasPrefix(hash, prefix)
}

func accessorPrefix(accessor string) ([]byte, bool) {
	if len(accessor) != accessorLength {
		return nil, false
	}
	prefix, err := hex.DecodeString(accessor[:2*accessorHash])
	return prefix, err == nil
}

// TokenByAccessor returns the token with an accessor, or nil.
func (s *State) TokenByAccessor(accessor string) *Token {
	if hash, ok := s.accessors.Get([]byte(accessor)); ok {
		return s.Token(hash)
	}
	prefix, ok := accessorPrefix(accessor)
	if !ok {
		return nil
	}
	var found *Token
	s.tokens.Root().WalkPrefix(prefix, func(_ []byte, t *Token) bool {
		if t.Accessor == accessor {
			found = t
		}
		return found != nil
	})
	return found
}

// Accessors returns the accessor of each token, sorted.
func (s *State) Accessors() []string {
	out := make([]string, 0, s.tokens.Len())
	s.tokens.Root().Walk(func(_ []byte, t *Token) bool { out = append(out, t.Accessor); return false })
	slices.Sort(out)
	return out
}
