package archtest

import (
	"go/ast"
	"go/token"
	"slices"
)

// privateTypes are the types that are private keys or stand for one.
func privateTypes() map[string][]string {
	return map[string][]string{
		"crypto":         {"PrivateKey", "Signer", "MessageSigner", "Decrypter", "Decapsulator"},
		"crypto/ecdsa":   {"PrivateKey"},
		"crypto/rsa":     {"PrivateKey", "PrecomputedValues", "CRTValue"},
		"crypto/ed25519": {"PrivateKey"},
		"crypto/ecdh":    {"PrivateKey"},
		"crypto/dsa":     {"PrivateKey"},
		"crypto/mlkem":   {"DecapsulationKey768", "DecapsulationKey1024"},
		"crypto/tls":     {"Certificate"},
		"github.com/tink-crypto/tink-go/v2/keyset":                {"Handle", "Manager", "Entry", "MemReaderWriter", "Reader"},
		"github.com/tink-crypto/tink-go/v2/secretdata":            {"Bytes"},
		"github.com/tink-crypto/tink-go/v2/proto/tink_go_proto":   {"Keyset", "KeyData"},
		"github.com/tink-crypto/tink-go/v2/signature/ecdsa":       {"PrivateKey"},
		"github.com/tink-crypto/tink-go/v2/signature/ed25519":     {"PrivateKey"},
		"github.com/tink-crypto/tink-go/v2/signature/rsassapss":   {"PrivateKey"},
		"github.com/tink-crypto/tink-go/v2/signature/rsassapkcs1": {"PrivateKey"},
		"github.com/tink-crypto/tink-go/v2/aead/aesgcm":           {"Key"},
	}
}

// exported reports the exported functions, methods, fields, variables and types
// of a package whose type holds a private key. A type of our own that keeps a key
// in an unexported field is no such type: that is how a key is wrapped.
func (c *checker) exported(p *pkg) {
	e := &exportedCheck{checker: c, types: privateTypes(), local: map[string]bool{}}
	for grew := true; grew; { // names of the package that are a private type under another name
		grew = false
		p.each(func(f *file) {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if t, ok := n.(*ast.TypeSpec); ok && !e.local[t.Name.Name] && e.holds(f, t.Type) {
					e.local[t.Name.Name], grew = true, true
				}
				return true
			})
		})
	}
	p.each(func(f *file) {
		for _, d := range f.syntax.Decls {
			e.decl(f, d)
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				e.fields(f, n.Fields, "field")
			case *ast.InterfaceType:
				e.fields(f, n.Methods, "method")
			}
			return true
		})
	})
}

// each calls visit for the package's files that are no tests.
func (p *pkg) each(visit func(*file)) {
	for _, f := range p.files {
		if !f.test {
			visit(f)
		}
	}
}

type exportedCheck struct {
	*checker
	types map[string][]string // import path → names
	local map[string]bool     // names of this package that are such a type
}

func (e *exportedCheck) decl(f *file, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && !hiddenReceiver(d) && e.holds(f, d.Type) {
			e.report(d.Pos(), "function or method", d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			e.spec(f, s)
		}
	}
}

// hiddenReceiver says whether d is a method of an unexported type, which other
// packages reach only through an interface that is checked where it is written.
func hiddenReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return false
	}
	var receiver *ast.Ident // the first name; type parameters follow it
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && receiver == nil {
			receiver = id
		}
		return receiver == nil
	})
	return receiver != nil && !receiver.IsExported()
}

func (e *exportedCheck) spec(f *file, s ast.Spec) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && e.local[s.Name.Name] {
			e.report(s.Pos(), "type", s.Name.Name)
		}
	case *ast.ValueSpec:
		holds := s.Type != nil && e.holds(f, s.Type)
		for _, v := range s.Values {
			holds = holds || e.holds(f, v) || e.generates(f, v)
		}
		for _, n := range s.Names {
			if n.IsExported() && holds {
				e.report(n.Pos(), "variable", n.Name)
			}
		}
	}
}

// fields checks the members of a struct or an interface. An embedded private key
// is exported through its name.
func (e *exportedCheck) fields(f *file, list *ast.FieldList, what string) {
	for _, field := range list.List {
		if !e.holds(f, field.Type) {
			continue
		}
		if len(field.Names) == 0 {
			e.report(field.Pos(), "embedded "+what, "")
		}
		for _, n := range field.Names {
			if n.IsExported() {
				e.report(n.Pos(), what, n.Name)
			}
		}
	}
}

// holds says whether a type expression names a private type. It does not look
// into structs and interfaces written in place: fields does.
func (e *exportedCheck) holds(f *file, expr ast.Node) bool {
	found := false
	ast.Inspect(expr, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType, *ast.InterfaceType, *ast.FuncLit:
			return false
		case *ast.SelectorExpr:
			if importPath, name, ok := f.qualified(n); ok {
				found = found || slices.Contains(e.types[importPath], name)
			}
			return false // Sel is no name of this package
		case *ast.Field: // a parameter: its name is no type
			found = found || e.holds(f, n.Type)
			return false
		case *ast.Ident:
			found = found || e.local[n.Name]
		}
		return !found
	})
	return found
}

// generates says whether a variable's value is made by a key package's generator.
func (e *exportedCheck) generates(f *file, value ast.Expr) bool {
	found := false
	ast.Inspect(value, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			importPath, name, ok := f.qualified(s)
			found = found || ok && name == "GenerateKey" && below(importPath, keyPackages())
		}
		return !found
	})
	return found
}

func (e *exportedCheck) report(pos token.Pos, what, name string) {
	e.add(RuleExported, e.tree.at(pos), "the exported %s %s hands out a private key: keep it in an unexported field and export what it does", what, name)
}
