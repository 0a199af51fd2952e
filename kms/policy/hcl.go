package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxDepth is how deep a policy nests: a block, and in it a list.
const maxDepth = 2

// parseHCL reads native HCL in two steps. The tokens are checked first, without
// recursion, so that the recursive parser after it sees nothing but flat blocks
// of literal strings. The tree is then walked as it stands: nothing is ever
// evaluated.
func (p *parser) parseHCL() error {
	start := hcl.Pos{Line: 1, Column: 1}
	tokens, _ := hclsyntax.LexConfig([]byte(p.text), p.name, start)
	if err := p.checkTokens(tokens); err != nil {
		return err
	}
	file, diags := hclsyntax.ParseConfig([]byte(p.text), p.name, start)
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			at := 0
			if d.Subject != nil {
				at = d.Subject.Start.Byte
			}
			return p.errorAt(at, "%s: %s", strings.ToLower(d.Summary), d.Detail)
		}
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return p.errorAt(0, "the text is not HCL")
	}
	for _, a := range sortedAttributes(body) {
		return p.errorAt(a.NameRange.Start.Byte, "unknown name %s; allowed here: %s", quote(a.Name), blockWords)
	}
	for _, b := range body.Blocks {
		if err := p.walkBlock(b); err != nil {
			return err
		}
	}
	return nil
}

// checkTokens lets through the tokens of literal policies alone. It names an
// attribute that is not supported before it looks at its value, whose tokens
// would otherwise make a less helpful error.
func (p *parser) checkTokens(tokens hclsyntax.Tokens) error {
	depth := 0
	begins := true // a name here begins an attribute or a block
	for _, t := range tokens {
		at := t.Range.Start.Byte
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack:
			if depth++; depth > maxDepth {
				return p.errorAt(at, "nested too deep; a policy is a list of %s", blockWords)
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack:
			depth--
		case hclsyntax.TokenIdent:
			if err := p.checkName(string(t.Bytes), at, depth, begins); err != nil {
				return err
			}
		case hclsyntax.TokenOQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenCQuote,
			hclsyntax.TokenEqual, hclsyntax.TokenComma,
			hclsyntax.TokenNewline, hclsyntax.TokenComment, hclsyntax.TokenEOF:
		default:
			return p.errorAt(at, "%s is not allowed: a policy holds literal strings only, no expression, function, template or number", quote(string(t.Bytes)))
		}
		begins = t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenComment || t.Type == hclsyntax.TokenOBrace
	}
	return nil
}

// checkName checks a name that begins an attribute or a block at depth 0 or 1.
func (p *parser) checkName(word string, at, depth int, begins bool) error {
	switch {
	case !begins:
	case depth == 0 && word != "path":
		return p.errorAt(at, "unknown name %s; allowed here: %s", quote(word), blockWords)
	case depth == 1 && word != "capabilities" && word != "policy":
		return p.errorAt(at, "%s", refusedName(word))
	}
	return nil
}

// walkBlock reads one path block.
func (p *parser) walkBlock(b *hclsyntax.Block) error {
	at := b.TypeRange.Start.Byte
	if b.Type != "path" || len(b.Labels) != 1 {
		return p.errorAt(at, "a block must be %s with one path", blockWords)
	}
	for _, inner := range b.Body.Blocks {
		return p.errorAt(inner.TypeRange.Start.Byte, "%s", refusedName(inner.Type))
	}
	attributes := sortedAttributes(b.Body)
	if len(attributes) != 1 {
		return p.errorAt(at, "a path needs exactly one of: %s", attributeWords)
	}
	caps, err := p.attribute(attributes[0])
	if err != nil {
		return err
	}
	return p.add(b.LabelRanges[0].Start.Byte, b.Labels[0], caps)
}

// attribute reads the capabilities that one attribute gives.
func (p *parser) attribute(a *hclsyntax.Attribute) (Capability, error) {
	at := a.Expr.Range().Start.Byte
	switch a.Name {
	case "policy":
		word, ok := literal(a.Expr)
		if !ok {
			return 0, p.errorAt(at, "policy must be one string; allowed: %s", shorthandWords)
		}
		return p.shorthand(at, word)
	case "capabilities":
		list, ok := a.Expr.(*hclsyntax.TupleConsExpr)
		if !ok {
			return 0, p.errorAt(at, "capabilities must be a list of strings; allowed: %s", capabilityWords)
		}
		var caps Capability
		for _, e := range list.Exprs {
			at := e.Range().Start.Byte
			word, ok := literal(e)
			if !ok {
				return 0, p.errorAt(at, "a capability must be a string in quotes; allowed: %s", capabilityWords)
			}
			c, err := p.capability(at, word)
			if err != nil {
				return 0, err
			}
			caps |= c
		}
		return caps, nil
	}
	return 0, p.errorAt(a.NameRange.Start.Byte, "%s", refusedName(a.Name))
}

func (p *parser) capability(at int, word string) (Capability, error) {
	c, ok := capabilityOf(word)
	if !ok {
		return 0, p.errorAt(at, "unknown capability %s; allowed: %s", quote(word), capabilityWords)
	}
	return c, nil
}

func (p *parser) shorthand(at int, word string) (Capability, error) {
	c, ok := shorthandOf(word)
	if !ok {
		return 0, p.errorAt(at, "unknown policy %s; allowed: %s", quote(word), shorthandWords)
	}
	return c, nil
}

// literal gives the string of a quoted literal by reading the tree, not by
// evaluating it.
func literal(e hclsyntax.Expression) (string, bool) {
	t, ok := e.(*hclsyntax.TemplateExpr)
	if !ok || !t.IsStringLiteral() {
		return "", false
	}
	v := t.Parts[0].(*hclsyntax.LiteralValueExpr).Val
	if v.Type().FriendlyName() != "string" || v.IsNull() || !v.IsKnown() {
		return "", false
	}
	return v.AsString(), true
}

// sortedAttributes lists the attributes of a body in the order they are written,
// so that of two faults the first is always the one reported.
func sortedAttributes(b *hclsyntax.Body) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(b.Attributes))
	for _, a := range b.Attributes {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
	return out
}
