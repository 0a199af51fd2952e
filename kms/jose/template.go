package jose

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A template stands in a string of a forced claim, at any depth, and is one of
//
//	{{application.name}}  {{application.owner}}
//	{{application.metadata.KEY}}  {{token.metadata.KEY}}
//
// Spaces inside the braces do not matter. The text becomes part of the string,
// escaped, and is not looked at again: a value that looks like a template or like
// JSON is text. "{{" cannot stand for itself.

// source says where the text of a template comes from.
type source int

const (
	sourceNone source = iota // a piece that is fixed
	sourceApplication
	sourceOwner
	sourceMetadata
	sourceTokenMetadata
)

// piece is a part of a forced value: JSON as it is, or a template's text.
type piece struct {
	json   []byte // of sourceNone
	source source
	key    string // of metadata
	name   string // the template as its author wrote it, for the refusal
}

var (
	errTemplateOpen    = errors.New("has {{ without }}")
	errTemplateUnknown = errors.New("has a template that is none of {{application.name}}, {{application.owner}}, {{application.metadata.KEY}} and {{token.metadata.KEY}}")
	errTemplateName    = errors.New("has a template in the name of a member: they stand in values alone")
)

// compileTemplate cuts a forced value into pieces. value must have passed
// checkValue and be compact.
func compileTemplate(value []byte) ([]piece, error) {
	var list []piece
	done := 0 // what is in list
	for i := 0; i < len(value); {
		if value[i] != '"' {
			i++
			continue
		}
		end := stringEnd(value, i)
		text, _ := textOf(value[i:end])
		if strings.Contains(text, "{{") {
			if end < len(value) && value[end] == ':' {
				return nil, errTemplateName
			}
			list = append(list, piece{json: value[done : i+1]})
			var err error
			if list, err = cutTemplates(list, text); err != nil {
				return nil, err
			}
			done = end - 1 // the closing quote
		}
		i = end
	}
	return append(list, piece{json: value[done:]}), nil
}

// cutTemplates appends the pieces of one string's text.
func cutTemplates(list []piece, text string) ([]piece, error) {
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			list = append(list, piece{json: appendInside(nil, before)})
		}
		if !found {
			return list, nil
		}
		inside, after, found := strings.Cut(rest, "}}")
		if !found {
			return nil, errTemplateOpen
		}
		p, ok := template(strings.Trim(inside, " "))
		if !ok {
			return nil, errTemplateUnknown
		}
		list, text = append(list, p), after
	}
}

func template(name string) (piece, bool) {
	switch name {
	case "application.name":
		return piece{source: sourceApplication, name: name}, true
	case "application.owner":
		return piece{source: sourceOwner, name: name}, true
	}
	if key, ok := strings.CutPrefix(name, "application.metadata."); ok && metadataKey(key) {
		return piece{source: sourceMetadata, key: key, name: name}, true
	}
	if key, ok := strings.CutPrefix(name, "token.metadata."); ok && metadataKey(key) {
		return piece{source: sourceTokenMetadata, key: key, name: name}, true
	}
	return piece{}, false
}

func metadataKey(key string) bool { return plainName(key) && !strings.ContainsAny(key, "{}") }

// text returns what a template stands for; false if it is missing or empty.
func (p *piece) text(f *Facts) (string, bool) {
	var text string
	switch p.source {
	case sourceApplication:
		text = f.Application
	case sourceOwner:
		text = f.Owner
	case sourceMetadata:
		text = f.Metadata[p.key]
	case sourceTokenMetadata:
		text = f.TokenMetadata[p.key]
	}
	return text, text != "" && utf8.ValidString(text)
}

// appendForced appends the value of a forced claim.
func appendForced(dst []byte, claim string, pieces []piece, f *Facts) ([]byte, error) {
	for i := range pieces {
		p := &pieces[i]
		if p.source == sourceNone {
			dst = append(dst, p.json...)
			continue
		}
		text, ok := p.text(f)
		if !ok {
			return nil, refuse(claim, "the profile takes it from "+p.name+", which the caller does not have")
		}
		dst = appendInside(dst, text)
	}
	return dst, nil
}

// appendInside appends text, escaped, without quotes around it.
func appendInside(dst []byte, text string) []byte {
	if plainText(text) {
		return append(dst, text...)
	}
	quoted := appendText(nil, text)
	return append(dst, quoted[1:len(quoted)-1]...)
}

// checkValue checks one JSON value of a profile and returns it without the spaces
// between its tokens; strings and numbers stay as they are.
func checkValue(value jsontext.Value) (jsontext.Value, error) {
	if len(value) > MaxClaimsText {
		return nil, errTooLong
	}
	if err := checkShape(value, MaxClaimsDepth-1); err != nil {
		if errors.Is(err, errTooDeep) {
			return nil, errors.New("has objects or arrays more than 31 deep, which makes 32 in the token")
		}
		return nil, err
	}
	if !value.IsValid() {
		return nil, errors.New("must be one JSON value in UTF-8, in which no name stands twice")
	}
	value = slices.Clone(value)
	if err := value.Compact(); err != nil {
		return nil, err
	}
	return value, nil
}
