package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// impureImports are packages whose use means I/O, a clock, randomness or a way
// around the language. What lies below one is impure too, except below net and
// log: net/netip and net/url only parse, and log/slog has impure calls alone.
func impureImports() []string {
	return []string{
		"os", "net", "net/http", "net/mail", "net/rpc", "net/smtp", "net/textproto", "syscall", "crypto/rand", "crypto/tls",
		"math/rand", "log", "io/ioutil", "path/filepath", "plugin", "runtime", "testing", "database/sql", "embed", "unsafe",
		"github.com/hashicorp/go-hclog", "github.com/prometheus/client_golang", "golang.org/x/sys", "golang.org/x/term",
		"golang.org/x/time",
	}
}

// impureCalls are the functions of packages that are otherwise pure.
func impureCalls() map[string][]string {
	return map[string][]string{
		"time": {"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local"},
		"log/slog": { // its values serve redaction; its loggers write
			"Debug", "DebugContext", "Info", "InfoContext", "Warn", "WarnContext", "Error", "ErrorContext", "Log", "LogAttrs",
			"Default", "SetDefault", "New", "With", "NewTextHandler", "NewJSONHandler", "NewLogLogger",
		},
		"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	}
}

// pure reports what a file of a pure room must not do.
func (c *checker) pure(f *file) {
	for _, i := range f.imports {
		for _, impure := range impureImports() {
			below := impure != "net" && impure != "log" && strings.HasPrefix(i.path, impure+"/")
			if i.path == impure || below {
				c.add(RulePure, c.tree.at(i.pos), "a pure room must not import %s: take what it gives as an argument", i.path)
				break
			}
		}
	}
	calls := impureCalls()
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if importPath, name, ok := f.qualified(n); ok && slices.Contains(calls[importPath], name) {
				c.add(RulePure, c.tree.at(n.Pos()), "a pure room must not use %s.%s: take what it gives as an argument", importPath, name)
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
				c.add(RulePure, c.tree.at(n.Pos()), "a pure room must not print")
			}
		case *ast.GoStmt:
			c.add(RulePure, c.tree.at(n.Pos()), "a pure room must not start goroutines: the answer must depend on the arguments alone")
		}
		return true
	})
}
