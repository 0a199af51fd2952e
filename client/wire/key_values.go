package wire

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrWantKeyValues is what [KeyValues] returns.
var ErrWantKeyValues = errors.New("want an object whose values are texts, the JSON text of one, or name=value pairs with commas between")

// KeyValues is names and texts, which Vault's clients send as a text: the JSON of an
// object, that in base64, or pairs such as "a=b,c=d". An object itself is taken too.
// An absent field, null and "" are nil.
type KeyValues map[string]string

// UnmarshalJSON returns [ErrWantKeyValues] for anything else, names that are there
// twice among it.
func (k *KeyValues) UnmarshalJSON(raw []byte) error {
	switch jsontext.Value(raw).Kind() {
	case 'n':
		*k = nil
		return nil
	case '{':
		return k.fromObject(raw)
	case '"':
		text, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return ErrWantKeyValues
		}
		return k.fromText(strings.TrimSpace(string(text)))
	}
	return ErrWantKeyValues
}

func (k *KeyValues) fromText(text string) error {
	switch {
	case text == "":
		*k = nil
		return nil
	case text[0] == '{':
		return k.fromObject([]byte(text))
	}
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil && len(decoded) > 0 && decoded[0] == '{' {
		return k.fromObject(decoded)
	}
	out := KeyValues{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if _, twice := out[name]; !ok || twice || name == "" {
			return ErrWantKeyValues
		}
		out[name] = strings.TrimSpace(value)
	}
	*k = out
	return nil
}

// fromObject takes texts, numbers and truth values; what is nested is refused.
func (k *KeyValues) fromObject(object []byte) error {
	var members map[string]String
	if err := json.Unmarshal(object, &members); err != nil {
		return ErrWantKeyValues
	}
	out := make(KeyValues, len(members))
	for name, value := range members {
		if !value.Set || name == "" {
			return ErrWantKeyValues
		}
		out[name] = value.Value
	}
	*k = out
	return nil
}
