package jose

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// readHeader walks a header within its bounds. Error: ErrMalformed, those of member.
func readHeader(raw []byte, member func(name []byte, value jsontext.Value) error) error {
	if len(raw) > MaxHeader {
		return malformed("its header is longer than 16 KiB")
	}
	known, err := readObject(raw, maxHeaderDepth, member)
	if !known && err == nil {
		err = malformed("its header is not one JSON object in UTF-8 with distinct names")
	}
	return err
}

// readObject gives member each member of a JSON object, the name unescaped. Both
// arguments are good for the call alone. A text that is no object, is not UTF-8,
// has a name twice at any level, is deeper than depth or goes on after its end is
// not ok. An error of member ends the walk.
func readObject(raw []byte, depth int, member func(name []byte, value jsontext.Value) error) (ok bool, err error) {
	if !shallow(raw, depth) {
		return false, nil
	}
	// The decoder refuses invalid UTF-8, unpaired surrogates and duplicates unless
	// it is told to let them pass.
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if dec.PeekKind() != '{' {
		return false, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return false, nil
	}
	var scratch []byte
	for dec.PeekKind() == '"' {
		quoted, err := dec.ReadValue()
		if err != nil {
			return false, nil
		}
		// The next read moves what quoted shows.
		scratch = append(scratch[:0], quoted...)
		name, ok := plain(scratch)
		if !ok {
			return false, nil
		}
		value, err := dec.ReadValue()
		if err != nil {
			return false, nil
		}
		if err := member(name, value); err != nil {
			return true, err
		}
	}
	if _, err := dec.ReadToken(); err != nil { // the closing brace
		return false, nil
	}
	_, err = dec.ReadToken()
	return errors.Is(err, io.EOF), nil
}

// shallow says whether no more than depth objects and arrays stand in each other.
// It reads the text once, without a stack, before the decoder does.
func shallow(raw []byte, depth int) bool {
	level, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++ // whatever is escaped does not end the string
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if level++; level > depth {
				return false
			}
		case c == '}' || c == ']':
			level--
		}
	}
	return true
}

// plain returns the text of a JSON string, which the decoder has checked. It may
// share the bytes of value.
func plain(value jsontext.Value) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], true
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return text, err == nil
}

// readArray gives item each value of a JSON array of at most most. What is no
// such array, or an item that is refused, is not ok.
func readArray(raw []byte, most int, item func(value jsontext.Value) bool) bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if dec.PeekKind() != '[' {
		return false
	}
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	for n := 0; dec.PeekKind() != ']'; n++ {
		value, err := dec.ReadValue()
		if err != nil || n == most || !item(value) {
			return false
		}
	}
	return true
}
