package jose

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// schemaURL is a name that resolves nowhere (RFC 2606). Nothing is fetched from it.
const schemaURL = "https://schema.invalid/profile"

// schema is a JSON Schema of a profile, compiled once. It may be used by many at
// once.
type schema struct{ compiled *jsonschema.Schema }

// compileSchema reads a JSON Schema of draft 2020-12. Before the library sees it,
// surveySchema has bounded what it can cost; what the library would ignore, or
// would fetch, is refused there.
func compileSchema(text jsontext.Value) (*schema, error) {
	if len(text) > MaxClaimsText {
		return nil, errTooLong
	}
	if err := checkShape(text, maxSchemaDepth); err != nil {
		if errors.Is(err, errTooDeep) {
			return nil, fmt.Errorf("has objects or arrays more than %d deep", maxSchemaDepth)
		}
		return nil, err
	}
	if !text.IsValid() {
		return nil, errors.New("must be JSON in UTF-8, in which no name stands twice")
	}
	if hugeNumber(text) {
		return nil, errHugeNumber
	}
	if err := surveySchema(text); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, errors.New("must be JSON")
	}
	c := schemaCompiler()
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, placed(err)
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, placed(err)
	}
	return &schema{compiled}, nil
}

// schemaCompiler makes a compiler that fetches nothing. The library's own reads
// files.
func schemaCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(func(expr string) (jsonschema.Regexp, error) { return compilePattern(expr) })
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	return c
}

// noLoader refuses every document that a schema points to.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("a schema may not refer to another document")
}

// placed says where a schema is wrong.
func placed(err error) error {
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		at, what := leaf(invalid)
		return fmt.Errorf("is not a schema of draft 2020-12 at %s: it does not meet %q of the draft", showPointer(at), what)
	}
	var fault *jsonschema.SchemaValidationError
	if errors.As(err, &fault) && errors.As(fault.Err, &invalid) {
		at, what := leaf(invalid)
		return fmt.Errorf("is not a schema of draft 2020-12 at %s: it does not meet %q of the draft", showPointer(at), what)
	}
	return fmt.Errorf("does not compile: %s", showName(err.Error()))
}

// check says whether a claims set meets the schema. payload must have been built
// here. Errors: *ClaimError, without a value.
func (s *schema) check(payload []byte) error {
	for m := membersOf(payload); ; {
		quoted, value, ok := m.next()
		if !ok {
			break
		}
		if hugeNumber(value) {
			name, _ := textOf(quoted)
			return refuse(name, errHugeNumber.Error())
		}
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return refuse("claims", "could not be read for the profile's schema")
	}
	err = s.compiled.Validate(doc)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return refuse("claims", "do not meet the profile's schema")
	}
	at, what := leaf(invalid)
	claim := "claims"
	if len(at) > 0 {
		claim = at[0]
	}
	why := fmt.Sprintf("does not meet %q of the profile's schema", what)
	if len(at) > 1 {
		why += " at " + showPointer(at)
	}
	return refuse(claim, why)
}

// leaf finds the fault to tell: of all causes without causes of their own the one
// that stands first by place and keyword, so that the answer does not depend on
// the order of a map. A fault of a whole object that is about one member is told
// at that member.
func leaf(e *jsonschema.ValidationError) (at []string, what string) {
	if k, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		return append(slices.Clone(e.InstanceLocation), k.Property), "propertyNames"
	}
	if len(e.Causes) == 0 {
		at, what = e.InstanceLocation, "schema"
		if e.ErrorKind == nil {
			return at, what
		}
		if path := e.ErrorKind.KeywordPath(); len(path) > 0 {
			what = path[0]
		}
		switch k := e.ErrorKind.(type) {
		case *kind.Required:
			at = append(slices.Clone(at), slices.Min(k.Missing))
		case *kind.AdditionalProperties:
			at = append(slices.Clone(at), slices.Min(k.Properties))
		case *kind.FalseSchema:
			what = "false"
		case *kind.Not:
			what = "not"
		}
		return at, what
	}
	for i, cause := range e.Causes {
		a, w := leaf(cause)
		if order := slices.Compare(a, at); i == 0 || order < 0 || order == 0 && w < what {
			at, what = a, w
		}
	}
	return at, what
}

// showPointer shows a place as a JSON pointer, fit for one line.
func showPointer(at []string) string {
	if len(at) == 0 {
		return "its outermost level"
	}
	return showName("/" + strings.Join(at, "/"))
}

// maxExponent and maxDigits bound numbers where a schema judges them: it computes
// exactly, and 1e999999999 would be a billion digits.
const (
	maxExponent = 400
	maxDigits   = 400
)

var errHugeNumber = fmt.Errorf("has a number with more than %d digits or an exponent beyond %d, which a schema does not judge", maxDigits, maxExponent)

// hugeNumber says whether a valid JSON text has a number beyond the bounds.
func hugeNumber(text []byte) bool {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			i = stringEnd(text, i)
		case c == '-' || c >= '0' && c <= '9':
			end := valueEnd(text, i)
			if hugeNumberText(text[i:end]) {
				return true
			}
			i = end
		default:
			i++
		}
	}
	return false
}

func hugeNumberText(number []byte) bool {
	if len(number) > maxDigits {
		return true
	}
	at := bytes.IndexAny(number, "eE")
	if at < 0 {
		return false
	}
	exp := bytes.TrimLeft(bytes.TrimLeft(number[at+1:], "+-"), "0")
	if len(exp) > 3 {
		return true
	}
	n := 0
	for _, c := range exp {
		n = n*10 + int(c-'0')
	}
	return n > maxExponent
}
