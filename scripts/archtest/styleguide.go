package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// style checks the form of one file of production code.
func (c *checker) style(f *file) {
	if n := c.tree.fset.File(f.syntax.Pos()).LineCount(); n > MaxLines {
		c.add(RuleLines, f.path, "%d lines, at most %d: split it by what it does", n, MaxLines)
	}
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			c.add(RuleInit, c.tree.at(fn.Pos()), "func init runs behind the reader's back: call it from where its effect is needed")
		}
	}
}

// comment checks that a package says what it is, in one of its files that are no
// tests, if it has any.
func (c *checker) comment(p *pkg) {
	files := slices.DeleteFunc(slices.Clone(p.files), func(f *file) bool { return f.test })
	if len(files) == 0 {
		files = p.files
	}
	if len(files) == 0 {
		return // none that parses, which is reported already
	}
	want, how := "Package "+strings.TrimSuffix(files[0].syntax.Name.Name, "_test")+" ", ""
	if files[0].syntax.Name.Name == "main" {
		want = "" // a command begins as it likes
	} else {
		how = fmt.Sprintf(" that begins %q", want+"…")
	}
	if !slices.ContainsFunc(files, func(f *file) bool {
		text := f.syntax.Doc.Text()
		return strings.TrimSpace(text) != "" && strings.HasPrefix(text, want)
	}) {
		c.add(RuleComment, name(p.path), "no file has a package comment%s: write a doc.go", how)
	}
}
