package kms

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/jose"
)

// readableClaim is the longest text of a claim that is recorded as it is, in bytes.
const readableClaim = 1024

// auditClaims are the claims of a token as its record has them: first those that
// the profile wants to be read, then keyed hashes of the JSON of the others. What
// the server itself made is left out unless the profile names it: the record says
// it elsewhere.
func (s *Service) auditClaims(claims []jose.AuditClaim) []audit.Claim {
	out := make([]audit.Claim, 0, len(claims))
	for i := range claims {
		if one := &claims[i]; one.Readable {
			out = append(out, audit.Claim{Name: one.Name, Value: s.readable(one.Value)})
		}
	}
	for i := range claims {
		switch one := &claims[i]; one.Name {
		case "iss", "iat", "nbf", "exp", "jti", "client_id":
		default:
			if !one.Readable {
				out = append(out, audit.Claim{Name: one.Name, Value: s.gate.Hash(one.Value)})
			}
		}
	}
	return out
}

// readable is the text of a string, and the JSON of anything else. What is too long
// is hashed, and so is what looks like a hash and is none.
func (s *Service) readable(value []byte) string {
	text := string(value)
	if strings.HasPrefix(text, `"`) {
		plain, err := jsontext.AppendUnquote(nil, value)
		if err == nil {
			text = string(plain)
		}
	}
	if len(text) > readableClaim || strings.HasPrefix(text, audit.HashPrefix) {
		return s.gate.Hash(value)
	}
	return text
}

// chunkBytes is about how long a record of items becomes at most.
const chunkBytes = audit.MaxRecord / 2

// recordItems puts the items of a batch into records of their own.
func recordItems(c *Call, a *gate.Admission, items []audit.ItemHash) {
	for from, chunk := 0, 1; from < len(items); chunk++ {
		to, size := from, 0
		for to < len(items) && to-from < audit.ChunkItems {
			if size += itemSize(&items[to]); size > chunkBytes && to > from {
				break
			}
			to++
		}
		a.Chunks = append(a.Chunks, &audit.Record{
			Type: audit.TypeChunk, RequestID: c.RequestID, Operation: a.Record.Operation,
			Issuer: a.Record.Issuer, Profile: a.Record.Profile, Chunk: chunk, Hashes: items[from:to],
		})
		from = to
	}
}

// itemSize is how long an item becomes at most: a byte that needs an escape takes
// up to six.
func itemSize(it *audit.ItemHash) int {
	size := 128 + len(it.Input) + len(it.Output) + len(it.Code) + len(it.JTI)
	for i := range it.Claims {
		for _, text := range [...]string{it.Claims[i].Name, it.Claims[i].Value} {
			size += 3 + len(text)
			for j := range len(text) {
				if b := text[j]; b < ' ' || b > '~' || b == '"' || b == '\\' {
					size += 5
				}
			}
		}
	}
	return size
}

// Limits on the context of a request.
const (
	maxContext      = 16
	maxContextName  = 64  // bytes
	maxContextValue = 256 // bytes
)

// noteContext records what a caller knows of its own user's request.
func noteContext(a *gate.Admission, context map[string]string) error {
	if len(context) > maxContext {
		return saying(ErrBadRequest, "context has %d members; at most %d are recorded", len(context), maxContext)
	}
	for name, value := range context {
		switch {
		case !contextName(name):
			return saying(ErrBadRequest, "a name in context is not one: 1 to %d characters of a-z, A-Z, 0-9, '.', '_' and '-'", maxContextName)
		case len(value) > maxContextValue || !utf8.ValidString(value):
			return saying(ErrBadRequest, "the value of %s in context is longer than %d bytes", gate.Scrub(name), maxContextValue)
		}
	}
	for name, value := range context {
		note(a, "context."+name, value)
	}
	return nil
}

func contextName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return name != "" && len(name) <= maxContextName
}
