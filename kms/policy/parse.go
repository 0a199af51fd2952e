package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a policy's text. They bound the work of Parse, whoever sends the
// text, and of Compile afterwards.
const (
	MaxText  = 64 << 10 // bytes of text
	MaxRules = 1024     // path blocks
)

// Policy is a parsed policy: a name and rules. It is immutable, so it may be
// shared. The zero value has no rules.
type Policy struct {
	name  string
	rules []rule // sorted by pattern, one rule a pattern
}

// rule says what may be done at the paths that match a pattern. Deny stands
// alone in caps.
type rule struct {
	pattern string
	caps    Capability
}

// Parse reads the text of a policy: Vault's HCL, or its JSON form if the first
// character is a brace.
//
//	path "transit/sign/web" { capabilities = ["update"] }
//	path "transit/keys/*"   { policy = "read" }
//	{"path": {"transit/sign/web": {"capabilities": ["update"]}}}
//
// Only literal strings are read: expressions, functions, templates, heredocs and
// numbers are refused, and so is every attribute and block but path,
// capabilities and policy, because skipping a restriction would grant more than
// is written. A path given twice in one policy is one rule with the capabilities
// of both, as in Vault; if either denies, the rule denies.
//
// The name is brought to its canonical form first. Parse returns ErrName or
// ErrRoot for the name and a *SyntaxError, which matches ErrInvalid, for the
// text.
func Parse(name, text string) (*Policy, error) {
	if err := ValidName(name); err != nil {
		return nil, err
	}
	name, _ = CanonicalName(name) // ValidName has accepted it
	p := parser{name: name, text: strings.TrimPrefix(text, "\ufeff")}
	if err := p.checkText(); err != nil {
		return nil, err
	}
	var err error
	if strings.HasPrefix(strings.TrimLeft(p.text, " \t\r\n"), "{") {
		err = p.parseJSON()
	} else {
		err = p.parseHCL()
	}
	if err != nil {
		return nil, err
	}
	return &Policy{name: name, rules: mergeRules(p.rules)}, nil
}

// parser gathers the rules of one text in the order they are written.
type parser struct {
	name  string
	text  string // without a byte order mark
	rules []rule
}

// checkText refuses text that is too long or that does not look like what it
// says: invalid UTF-8, control characters, and the invisible or line-breaking
// characters that make a comment look like a rule to a reviewer.
func (p *parser) checkText() error {
	if len(p.text) > MaxText {
		return p.errorAt(0, "the text is longer than %d bytes", MaxText)
	}
	for i, r := range p.text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(p.text[i:], "\ufffd"):
			return p.errorAt(i, "the text is not UTF-8")
		case r == '\n' || r == '\t':
		case r == '\r':
			if !strings.HasPrefix(p.text[i:], "\r\n") {
				return p.errorAt(i, "a carriage return must be followed by a line feed")
			}
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return p.errorAt(i, "the character U+%04X is not allowed", r)
		}
	}
	return nil
}

// add checks one rule and keeps it. at is the byte offset of its path.
func (p *parser) add(at int, pattern string, caps Capability) error {
	if len(p.rules) == MaxRules {
		return p.errorAt(at, "a policy must not have more than %d paths", MaxRules)
	}
	canonical, err := canonicalPattern(pattern)
	if err != nil {
		return p.errorAt(at, "path %s: %s", quote(pattern), err)
	}
	if caps&Deny != 0 {
		caps = Deny
	}
	p.rules = append(p.rules, rule{canonical, caps})
	return nil
}

// mergeRules makes one rule a pattern, sorted by pattern.
func mergeRules(rules []rule) []rule {
	slices.SortStableFunc(rules, func(a, b rule) int { return strings.Compare(a.pattern, b.pattern) })
	var out []rule
	for _, r := range rules {
		if n := len(out); n > 0 && out[n-1].pattern == r.pattern {
			out[n-1].caps = out[n-1].caps.merge(r.caps)
			continue
		}
		out = append(out, r)
	}
	return out
}

// errorAt makes a SyntaxError for the byte offset at.
func (p *parser) errorAt(at int, format string, args ...any) error {
	before := p.text[:min(at, len(p.text))]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return &SyntaxError{Policy: p.name, Line: line, Column: column, Text: fmt.Sprintf(format, args...)}
}

// Texts for names that are not supported, said where they are written.
const (
	attributeWords = "capabilities, policy"
	blockWords     = `path "…" { … }`
)

// refusedName explains an attribute or a block inside a path block that is not
// read.
func refusedName(word string) string {
	switch word {
	case "allowed_parameters", "denied_parameters", "required_parameters",
		"min_wrapping_ttl", "max_wrapping_ttl", "control_group", "mfa_methods",
		"pagination_limit", "expiration", "list_scan_response_keys_filter_path",
		"subscribe_event_types":
		return word + " is not supported, and skipping it would grant more than is written; allowed here: " + attributeWords
	}
	return fmt.Sprintf("unknown name %s; allowed here: %s", quote(word), attributeWords)
}

// Name is the policy's canonical name.
func (p *Policy) Name() string { return p.name }

// Rules is the number of rules: one for each pattern.
func (p *Policy) Rules() int { return len(p.rules) }

// String prints the policy in HCL, one block a path, sorted: a text that parses
// to the same rules.
func (p *Policy) String() string {
	var b strings.Builder
	for _, r := range p.rules {
		fmt.Fprintf(&b, "path %q {\n  capabilities = [", r.pattern)
		for i, w := range r.caps.list() {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%q", w)
		}
		b.WriteString("]\n}\n")
	}
	return b.String()
}
