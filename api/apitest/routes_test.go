package apitest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// tableRoute is one row of api's route table, as its source has it.
type tableRoute struct {
	methods []string
	pattern string // below /v1/, with {mount}, {name}, {hash}, {policy}, {role}, {kind}, {version}, {source}, {bytes}
	auth    string // "public" or "token"
	action  string
	timeout string // the constant's name: "quick", "commit" or "making"
}

// routeTable reads the table from the source of package api, so that a route that
// is added there is walked here.
func routeTable(t *testing.T) []tableRoute {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../routes.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{} // constant → its text
	var rows []*ast.CompositeLit
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					if lit, ok := n.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
						texts[name.Name], _ = strconv.Unquote(lit.Value)
					}
				}
			}
		case *ast.CompositeLit:
			if list, ok := n.Type.(*ast.ArrayType); ok && isRoute(list.Elt) {
				for _, e := range n.Elts {
					rows = append(rows, e.(*ast.CompositeLit))
				}
			}
		}
		return true
	})
	var out []tableRoute
	variable := regexp.MustCompile(`\{(\w+)(:[^/]*)?\}`)
	for _, row := range rows {
		if len(row.Elts) < 8 {
			t.Fatalf("a row of the table has %d columns", len(row.Elts))
		}
		pattern := textOf(t, row.Elts[1], texts)
		out = append(out, tableRoute{
			methods: strings.Fields(textOf(t, row.Elts[0], texts)), pattern: variable.ReplaceAllString(pattern, "{$1}"),
			auth: row.Elts[4].(*ast.Ident).Name, action: textOf(t, row.Elts[6], texts), timeout: row.Elts[3].(*ast.Ident).Name,
		})
	}
	if len(out) < 40 {
		t.Fatalf("the table has %d rows: its form has changed", len(out))
	}
	return out
}

func isRoute(e ast.Expr) bool {
	star, ok := e.(*ast.StarExpr)
	if !ok {
		return false
	}
	name, ok := star.X.(*ast.Ident)
	return ok && name.Name == "route"
}

func textOf(t *testing.T, e ast.Expr, texts map[string]string) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return s
	case *ast.Ident:
		if s, ok := texts[e.Name]; ok {
			return s
		}
	case *ast.BinaryExpr:
		return textOf(t, e.X, texts) + textOf(t, e.Y, texts)
	}
	t.Fatalf("the table has an expression that this test cannot read: %#v", e)
	return ""
}

// fill puts names into a pattern.
func (r tableRoute) fill(names ...string) string {
	return strings.NewReplacer(append(names, "{mount}", "transit", "{hash}", "sha2-256", "{policy}", "default", "{role}", "ci", "{version}", "1", "{source}", "platform", "{bytes}", "16", "{issuer}", "acme", "{profile}", "access")...).Replace(r.pattern)
}
