package wire

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// StringList is a list of texts that arrives as an array of texts or as one
// comma-separated text, whose parts are trimmed and whose empty parts are
// dropped. Parts of an array are kept as they are, commas included. An absent
// field and null are nil; [] and "" are empty and not nil.
type StringList []string

// UnmarshalJSON returns [ErrWantList] for anything else, an array with a
// member that is no text among it.
func (l *StringList) UnmarshalJSON(raw []byte) error {
	switch jsontext.Value(raw).Kind() {
	case 'n':
		*l = nil
		return nil
	case '"':
		text, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return ErrWantList
		}
		*l = splitCommas(string(text))
		return nil
	case '[':
		return l.fromArray(raw)
	default:
		return ErrWantList
	}
}

func (l *StringList) fromArray(raw []byte) error {
	// *string tells a null member, which has no meaning here, from "".
	var members []*string
	if err := json.Unmarshal(raw, &members); err != nil {
		return ErrWantList
	}
	out := make(StringList, 0, len(members))
	for _, m := range members {
		if m == nil {
			return ErrWantList
		}
		out = append(out, *m)
	}
	*l = out
	return nil
}

func splitCommas(text string) StringList {
	out := StringList{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Map is an object of texts; numbers and truth values are taken as their text.
// An absent field and null are nil.
type Map map[string]string

// UnmarshalJSON returns [ErrWantMap] for anything else, a null, list or object
// as a value among it. Whether a name may occur twice was decided by the
// decoder that calls it; here the last one wins.
func (m *Map) UnmarshalJSON(raw []byte) error {
	switch jsontext.Value(raw).Kind() {
	case 'n':
		*m = nil
		return nil
	case '{':
	default:
		return ErrWantMap
	}
	var members map[string]String
	if err := json.Unmarshal(raw, &members, jsontext.AllowDuplicateNames(true)); err != nil {
		return ErrWantMap
	}
	out := make(Map, len(members))
	for name, value := range members {
		if !value.Set {
			return ErrWantMap
		}
		out[name] = value.Value
	}
	*m = out
	return nil
}
