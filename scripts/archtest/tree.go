package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Tree is the parsed code of a module.
type Tree struct {
	module   string
	fset     *token.FileSet
	packages []*pkg // sorted by path
	broken   []Violation
}

// pkg is one directory with Go files.
type pkg struct {
	path  string // below the module; "" is the module's root
	files []*file
}

type file struct {
	path    string // below the module, with slashes
	test    bool
	syntax  *ast.File
	imports []imported
}

// imported is one import of a file.
type imported struct {
	path string // as written
	room string // below the module, or "" for another module's package
	own  bool   // of this module
	name string // what the file calls it
	pos  token.Pos
}

// Load parses every Go file below root that belongs to the module: not those in
// testdata, in a folder whose name begins with a dot or an underscore, or in a
// nested module. Files that do not parse are reported by Check.
func Load(root, module string) (*Tree, error) {
	t := &Tree{module: module, fset: token.NewFileSet()}
	byPath := map[string]*pkg{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && skipped(name, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		dir := strings.TrimPrefix(path.Dir(rel), ".")
		if byPath[dir] == nil {
			byPath[dir] = &pkg{path: dir}
			t.packages = append(t.packages, byPath[dir])
		}
		return t.parse(byPath[dir], name, rel)
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", root, err)
	}
	slices.SortFunc(t.packages, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	return t, nil
}

func skipped(name, base string) bool {
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}

func (t *Tree) parse(p *pkg, name, rel string) error {
	source, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, rel, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.broken = append(t.broken, Violation{RuleParse, rel, err.Error()})
		return nil
	}
	f := &file{path: rel, test: strings.HasSuffix(rel, "_test.go"), syntax: syntax}
	for _, spec := range syntax.Imports {
		f.imports = append(f.imports, t.imported(spec))
	}
	p.files = append(p.files, f)
	return nil
}

func (t *Tree) imported(spec *ast.ImportSpec) imported {
	written, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		written = spec.Path.Value // the parser lets only strings through
	}
	i := imported{path: written, name: defaultName(written), pos: spec.Pos()}
	if room, ok := strings.CutPrefix(written, t.module+"/"); ok {
		i.room, i.own = room, true
	} else if written == t.module {
		i.own = true
	}
	if spec.Name != nil {
		i.name = spec.Name.Name
	}
	return i
}

// defaultName guesses the name of a package from its path, as goimports does:
// the last element that is no major version.
func defaultName(importPath string) string {
	base := path.Base(importPath)
	if _, err := strconv.Atoi(strings.TrimPrefix(base, "v")); err == nil && strings.HasPrefix(base, "v") {
		base = path.Base(path.Dir(importPath))
	}
	return strings.TrimPrefix(base, "go-")
}

// at gives the place of pos as file:line.
func (t *Tree) at(pos token.Pos) string {
	p := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// called gives the import path that a file calls name, or "".
func (f *file) called(name string) string {
	for _, i := range f.imports {
		if i.name == name {
			return i.path
		}
	}
	return ""
}

// selectors calls visit for every pkg.Name in the file, with pkg's import path.
func (f *file) selectors(visit func(importPath, name string, pos token.Pos)) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if importPath, name, ok := f.qualified(s); ok {
				visit(importPath, name, s.Pos())
			}
		}
		return true
	})
}

// qualified takes pkg.Name apart, if e is one.
func (f *file) qualified(e ast.Expr) (importPath, name string, ok bool) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", "", false
	}
	x, ok := s.X.(*ast.Ident)
	if !ok {
		return "", "", false
	}
	importPath = f.called(x.Name)
	return importPath, s.Sel.Name, importPath != ""
}
