package jose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxSchemaDepth bounds the text of a schema.
const maxSchemaDepth = 64

// How a keyword of a schema holds schemas of its own.
type holds int

const (
	holdsUnknown  holds = iota
	holdsPlain          // none: text, a number, a list of words
	holdsSchema         // one
	holdsList           // an array of them
	holdsMap            // an object of them
	holdsNumbers        // none, but it computes with exact numbers
	holdsPatterns       // an object of them, whose names are regular expressions
)

// keyword returns what a keyword of draft 2020-12 holds. What is missing here is
// refused: identifiers and anchors ($id, $anchor, $dynamicRef), since references
// stay within the document and need none; contentEncoding and its kin, which
// check nothing; "definitions", which is $defs now; and what is misspelt, which
// the draft would ignore.
func keyword(name string) holds {
	switch name {
	case "$schema", "$comment", "$ref", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
		"maxLength", "minLength", "pattern", "maxItems", "minItems", "maxContains", "minContains",
		"maxProperties", "minProperties", "required", "dependentRequired", "format":
		return holdsPlain
	case "type", "enum", "const", "uniqueItems", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum":
		return holdsNumbers
	case "not", "if", "then", "else", "additionalProperties", "propertyNames", "items", "contains", "unevaluatedItems", "unevaluatedProperties":
		return holdsSchema
	case "allOf", "anyOf", "oneOf", "prefixItems":
		return holdsList
	case "$defs", "properties", "dependentSchemas":
		return holdsMap
	case "patternProperties":
		return holdsPatterns
	}
	return holdsUnknown
}

// schemaFormats are the formats that are checked. Others would be ignored, and are
// refused.
func schemaFormats() []string {
	return []string{
		"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "iri", "iri-reference", "json-pointer",
		"relative-json-pointer", "time", "uri", "uri-reference", "uri-template", "uuid",
	}
}

// survey is a look at a schema's text before it is compiled.
type survey struct {
	nodes map[string]*schemaNode // JSON pointer → the schema that stands there
	order []*schemaNode          // as found
	refs  []schemaRef
}

type schemaRef struct {
	from   *schemaNode
	target string // JSON pointer
}

// schemaNode is one schema within a schema.
type schemaNode struct {
	at     string        // JSON pointer
	weight int           // what one look at a value costs, see schema_cost.go
	here   []*schemaNode // schemas for the same value
	each   []*schemaNode // schemas for a value within, of which several may look at one
	either []*schemaNode // schemas for a value within, of which one at most looks at each
	cost   [2]int
	state  visit
}

// surveySchema refuses keywords that are not known, references out of the
// document, and a schema that could take long. text must be valid JSON.
func surveySchema(text jsontext.Value) error {
	s := &survey{nodes: map[string]*schemaNode{}}
	if _, err := s.schema("", text); err != nil {
		return err
	}
	for _, r := range s.refs {
		target, ok := s.nodes[r.target]
		if !ok {
			return schemaFault(r.from.at, `"$ref" must point to a schema within this one, as "#/$defs/name"`)
		}
		r.from.here = append(r.from.here, target)
	}
	return s.checkCost()
}

func schemaFault(at, format string, args ...any) error {
	place := "at its outermost level"
	if at != "" {
		place = "at " + showName(at)
	}
	return fmt.Errorf("%s %s", place, fmt.Sprintf(format, args...))
}

// schema surveys the schema at a pointer.
func (s *survey) schema(at string, text []byte) (*schemaNode, error) {
	n := &schemaNode{at: at, weight: 1}
	s.nodes[at], s.order = n, append(s.order, n)
	start := skipSpace(text, 0)
	switch text[start] {
	case 't', 'f':
		return n, nil
	case '{':
	default:
		return nil, schemaFault(at, "must be an object, true or false")
	}
	for m := membersOf(text); ; {
		quoted, value, ok := m.next()
		if !ok {
			return n, nil
		}
		name, _ := textOf(quoted)
		if err := s.keyword(n, name, value); err != nil {
			return nil, err
		}
	}
}

func (s *survey) keyword(n *schemaNode, name string, value []byte) error {
	at := n.at + "/" + escapePointer(name)
	switch held := keyword(name); held {
	case holdsPlain, holdsNumbers:
		n.weight += len(value) / 64
		switch {
		case name == "multipleOf": // a division of fractions
			n.weight += 64
		case held == holdsNumbers:
			n.weight += 8
		}
		return s.plain(n, name, value)
	case holdsSchema:
		child, err := s.schema(at, value)
		if err != nil {
			return err
		}
		n.hold(name, child)
	case holdsList:
		return s.list(n, name, at, value)
	case holdsMap, holdsPatterns:
		return s.object(n, name, at, value, held)
	default:
		return schemaFault(n.at, "has %s, which is no keyword of draft 2020-12 that is used here", showName(name))
	}
	return nil
}

// hold files a child under the values it looks at.
func (n *schemaNode) hold(name string, child *schemaNode) {
	switch name {
	case "$defs": // looked at through $ref alone
	case "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas":
		n.here = append(n.here, child)
	case "properties", "prefixItems":
		n.either = append(n.either, child)
	default:
		n.each = append(n.each, child)
	}
}

func (s *survey) list(n *schemaNode, name, at string, value []byte) error {
	if value[0] != '[' {
		return schemaFault(n.at, "has %s, which must be an array of schemas", name)
	}
	for i, k := skipSpace(value, 1), 0; value[i] != ']'; k++ {
		end := valueEnd(value, i)
		child, err := s.schema(at+"/"+strconv.Itoa(k), value[i:end])
		if err != nil {
			return err
		}
		n.hold(name, child)
		if i = skipSpace(value, end); value[i] == ',' {
			i = skipSpace(value, i+1)
		}
	}
	return nil
}

func (s *survey) object(n *schemaNode, name, at string, value []byte, held holds) error {
	if value[0] != '{' {
		return schemaFault(n.at, "has %s, which must be an object of schemas", name)
	}
	for m := membersOf(value); ; {
		quoted, text, ok := m.next()
		if !ok {
			return nil
		}
		member, _ := textOf(quoted)
		if held == holdsPatterns {
			if err := n.pattern(member); err != nil {
				return err
			}
		}
		child, err := s.schema(at+"/"+escapePointer(member), text)
		if err != nil {
			return err
		}
		n.hold(name, child)
	}
}

func (n *schemaNode) pattern(expr string) error {
	p, err := compilePattern(expr)
	if err != nil {
		return schemaFault(n.at, "has a pattern that %v", err)
	}
	if n.weight += p.steps / 2; n.weight > maxSchemaCost {
		return tooCostly(n.at)
	}
	return nil
}

// plain checks the keywords that hold no schemas, as far as the library would
// ignore, fetch or misread them.
func (s *survey) plain(n *schemaNode, name string, value []byte) error {
	text, isText := textOf(value)
	switch name {
	case "$schema":
		if n.at != "" || strings.TrimSuffix(text, "#") != "https://json-schema.org/draft/2020-12/schema" {
			return schemaFault(n.at, `"$schema" may stand at the outermost level alone, and be https://json-schema.org/draft/2020-12/schema`)
		}
	case "$ref":
		pointer, local := strings.CutPrefix(text, "#")
		if !isText || !local || strings.ContainsAny(pointer, "%#") || pointer != "" && pointer[0] != '/' {
			return schemaFault(n.at, `"$ref" must point to a schema within this one, as "#/$defs/name"`)
		}
		s.refs = append(s.refs, schemaRef{n, pointer})
	case "format":
		if !slices.Contains(schemaFormats(), text) {
			return schemaFault(n.at, `"format" must be one of %s`, strings.Join(schemaFormats(), ", "))
		}
	case "pattern":
		if isText {
			return n.pattern(text)
		}
	case "minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains", "minProperties", "maxProperties":
		if _, err := strconv.ParseUint(string(value), 10, 31); err != nil {
			return schemaFault(n.at, "has %s, which must be a whole number up to 2147483647", name)
		}
	}
	return nil
}

// escapePointer escapes a name for a JSON pointer (RFC 6901, section 3).
func escapePointer(name string) string {
	if !utf8.ValidString(name) || !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
