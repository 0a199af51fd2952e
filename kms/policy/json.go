package policy

import (
	"encoding/json"
	"strings"
)

// parseJSON reads the JSON form of a policy:
//
//	{"path": {"<path>": {"capabilities": ["<word>", …]}, …}}
//
// It walks the tokens along exactly this shape, so nothing nests deeper, and it
// refuses a member given twice, which JSON readers otherwise disagree about.
func (p *parser) parseJSON() error {
	j := &jsonReader{parser: p, dec: json.NewDecoder(strings.NewReader(p.text))}
	err := j.object("a policy", func(at int, key string) error {
		if key != "path" {
			return p.errorAt(at, `unknown name %s; allowed here: "path"`, quote(key))
		}
		return j.object("path", j.pathRule)
	})
	if err != nil {
		return err
	}
	end := int(j.dec.InputOffset())
	if strings.TrimSpace(p.text[end:]) != "" {
		return p.errorAt(end, "nothing may follow the policy's object")
	}
	return nil
}

type jsonReader struct {
	*parser
	dec *json.Decoder
}

// pathRule reads the rule of one path.
func (j *jsonReader) pathRule(at int, pattern string) error {
	var caps Capability
	names := 0
	err := j.object("a path", func(at int, key string) (err error) {
		names++
		switch key {
		case "policy":
			var word string
			if at, word, err = j.str("policy", shorthandWords); err == nil {
				caps, err = j.shorthand(at, word)
			}
			return err
		case "capabilities":
			caps, err = j.capabilities()
			return err
		}
		return j.errorAt(at, "%s", refusedName(key))
	})
	if err != nil {
		return err
	}
	if names != 1 {
		return j.errorAt(at, "a path needs exactly one of: %s", attributeWords)
	}
	return j.add(at, pattern, caps)
}

func (j *jsonReader) capabilities() (Capability, error) {
	at, tok, err := j.next()
	if err != nil {
		return 0, err
	}
	if tok != json.Delim('[') {
		return 0, j.errorAt(at, "capabilities must be a list of strings; allowed: %s", capabilityWords)
	}
	var caps Capability
	for j.dec.More() {
		at, word, err := j.str("a capability", capabilityWords)
		if err != nil {
			return 0, err
		}
		c, err := j.capability(at, word)
		if err != nil {
			return 0, err
		}
		caps |= c
	}
	_, _, err = j.next()
	return caps, err
}

// object reads an object and calls member after each name. It refuses a name
// that comes twice.
func (j *jsonReader) object(what string, member func(at int, key string) error) error {
	at, tok, err := j.next()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return j.errorAt(at, "%s must be an object", what)
	}
	seen := map[string]bool{}
	for j.dec.More() {
		at, key, err := j.str("a name", "")
		if err != nil {
			return err
		}
		if seen[key] {
			return j.errorAt(at, "%s is written twice", quote(key))
		}
		seen[key] = true
		if err := member(at, key); err != nil {
			return err
		}
	}
	_, _, err = j.next()
	return err
}

// str reads one string. allowed completes the error text, unless empty.
func (j *jsonReader) str(what, allowed string) (int, string, error) {
	at, tok, err := j.next()
	if err != nil {
		return at, "", err
	}
	s, ok := tok.(string)
	if !ok {
		if allowed != "" {
			allowed = "; allowed: " + allowed
		}
		return at, "", j.errorAt(at, "%s must be a string%s", what, allowed)
	}
	return at, s, nil
}

// next reads one token and tells where it starts.
func (j *jsonReader) next() (int, json.Token, error) {
	before := int(j.dec.InputOffset())
	at := before + len(j.text[before:]) - len(strings.TrimLeft(j.text[before:], " \t\r\n,:"))
	if at == len(j.text) {
		return at, nil, j.errorAt(at, "the text ends too early")
	}
	tok, err := j.dec.Token()
	if err != nil {
		return at, nil, j.errorAt(at, "the text is not JSON: %s", err)
	}
	return at, tok, nil
}
