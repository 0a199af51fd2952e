package jose

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a claims set, of a caller's claims and of a schema.
const (
	MaxClaimsText  = 64 << 10 // bytes of JSON
	MaxClaimsDepth = 32       // objects and arrays in each other
	MaxClaimName   = 256      // bytes of a name, at any depth, as it stands in the text
	MaxOwnClaims   = 128      // claims a caller may send in one request
)

var (
	errNotObject = errors.New("must be one JSON object in UTF-8, in which no name stands twice at any depth")
	errTooLong   = errors.New("is longer than 64 KiB")
	errTooDeep   = errors.New("has objects or arrays more than 32 deep")
	errLongName  = errors.New("has a name longer than 256 bytes")
)

// checkObject says what keeps text from being a JSON object within the bounds.
// After nil the functions below may walk it without looking for errors.
func checkObject(text []byte) error {
	if len(text) > MaxClaimsText {
		return errTooLong
	}
	if err := checkShape(text, MaxClaimsDepth); err != nil {
		return err
	}
	// IsValid refuses invalid UTF-8, unpaired surrogates, names that are equal
	// once unescaped, and anything behind the value.
	if v := jsontext.Value(text); v.Kind() != '{' || !v.IsValid() {
		return errNotObject
	}
	return nil
}

// checkShape bounds the depth and the names. It needs no stack and reads broken
// text too, so it goes first.
func checkShape(text []byte, depth int) error {
	level := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			end := stringEnd(text, i)
			// Length first: only a long string is looked behind, for the colon.
			if end-i > MaxClaimName+2 {
				if next := skipSpace(text, end); next < len(text) && text[next] == ':' {
					return errLongName
				}
			}
			i = end
			continue
		case '{', '[':
			if level++; level > depth {
				return errTooDeep
			}
		case '}', ']':
			level--
		}
		i++
	}
	return nil
}

// memberWalk walks the members of an object that checkObject has passed, at its
// outermost level and in its order.
type memberWalk struct {
	text []byte
	at   int
}

func membersOf(object []byte) memberWalk { return memberWalk{object, bytes.IndexByte(object, '{') + 1} }

// next returns a name, quoted as it stands, and a value's bytes. Both share the
// object's bytes.
func (m *memberWalk) next() (name, value []byte, ok bool) {
	i := skipSpace(m.text, m.at)
	if i < len(m.text) && m.text[i] == ',' {
		i = skipSpace(m.text, i+1)
	}
	if i >= len(m.text) || m.text[i] != '"' {
		return nil, nil, false
	}
	end := stringEnd(m.text, i)
	name = m.text[i:end:end]
	i = skipSpace(m.text, skipSpace(m.text, end)+1) // behind the colon
	m.at = valueEnd(m.text, i)
	return name, m.text[i:m.at:m.at], true
}

// valueEnd returns where the valid JSON value at i ends.
func valueEnd(text []byte, i int) int {
	level := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			if i = stringEnd(text, i); level == 0 {
				return i
			}
			continue
		case '{', '[':
			level++
		case '}', ']':
			if level == 0 {
				return i // the end of what holds a number or a word
			}
			if level--; level == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if level == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// stringEnd returns the index behind the string that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return i
}

// textOf returns the text of a valid JSON string.
func textOf(quoted []byte) (string, bool) {
	if len(quoted) < 2 || quoted[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), true
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	return string(text), err == nil
}

// memberName is textOf for the name of a member, without a copy where there is none to
// make.
func memberName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return text
}

// appendText appends text as a JSON string. The text must be UTF-8, which whoever
// took it in has checked.
func appendText(dst []byte, text string) []byte {
	if plainText(text) {
		return append(append(append(dst, '"'), text...), '"')
	}
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// plainText says whether text stands in JSON as it is.
func plainText(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
