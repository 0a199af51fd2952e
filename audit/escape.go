package audit

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// plain tells whether a byte stands for itself inside a JSON string of the log:
// printable ASCII except quote and backslash. Everything else is escaped, so a
// line is pure printable ASCII: no newline, terminal sequence, bidirectional
// override or broken UTF-8 in a field can forge a record or fool a reader, and
// the rule does not hang on a version of the Unicode tables.
func plain(c byte) bool { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' }

// appendQuoted appends s as a JSON string. Each byte that is not part of valid
// UTF-8 becomes U+FFFD, as in encoding/json.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain(c) {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		if c < utf8.RuneSelf {
			b = appendASCIIEscape(b, c)
			i++
		} else {
			r, n := utf8.DecodeRuneInString(s[i:])
			b = appendRuneEscape(b, r)
			i += n
		}
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendASCIIEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return appendUnit(b, uint16(c))
}

// appendRuneEscape appends r as one \u escape, or as a surrogate pair (RFC 8259
// section 7).
func appendRuneEscape(b []byte, r rune) []byte {
	if r < 0x10000 {
		return appendUnit(b, uint16(r))
	}
	r -= 0x10000
	b = appendUnit(b, uint16(0xd800+r>>10))
	return appendUnit(b, uint16(0xdc00+r&0x3ff))
}

func appendUnit(b []byte, u uint16) []byte {
	return append(b, '\\', 'u', hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}
