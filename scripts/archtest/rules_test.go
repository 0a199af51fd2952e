package archtest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A small house that keeps every rule. Each case breaks one.

const mod = "example.com/m"

func smallPlan() *Plan {
	return &Plan{
		Module: mod,
		MintIn: "core/internal/gate",
		MintOf: "core/internal/pass",
		Raft:   "store",
		Rooms: []Room{
			room("cmd/tool", "", only([]string{"main.go", "server*.go"}, "client"), to("core"), to("client")),
			room("api/apitest", "", testsOnly(), to("core")),
			room("client", ""),
			room("core", "", to("core/internal/gate"), to("core/internal/pass"), to("core/pure"), to("store"), to("later", planned("x"))),
			room("core/internal/gate", "", to("core/internal/pass")),
			room("core/internal/pass", ""),
			room("core/pure", "", pure()),
			room("store", "", ground()),
			room("keys", ""),
			room("later", "", planned("x")),
			room("scripts/*", "", ground()),
		},
		Exceptions: []Exception{
			{RulePrivateKey, "keys/*.go", "keys"},
			{RulePublicKey, "client/public.go", "public keys"},
			{RuleKeyFile, "client/tls.go", "certificate"},
			{RuleRand, "client/retry.go", "jitter"},
		},
	}
}

// src makes a file: a package with a comment, imports and code.
func src(pkg string, importsAndCode ...string) string {
	var imports, code strings.Builder
	for _, s := range importsAndCode {
		if strings.HasPrefix(s, "import ") {
			imports.WriteString(s + "\n")
		} else {
			code.WriteString(s + "\n")
		}
	}
	return "// Package " + pkg + " is here.\npackage " + pkg + "\n" + imports.String() + code.String()
}

func own(path string) string { return `import _ "` + mod + "/" + path + `"` }

func smallTree() map[string]string {
	return map[string]string{
		"go.mod":                       "module " + mod + "\n",
		"cmd/tool/main.go":             src("main", own("core")),
		"cmd/tool/list.go":             src("main", own("client")),
		"api/apitest/new.go":           src("apitest", own("core")),
		"client/client.go":             src("client"),
		"client/client_test.go":        src("client_test", own("client"), own("api/apitest"), `import "math/rand"`, "var _ = rand.Int"),
		"client/public.go":             src("client", `import "crypto/ecdsa"`, "func Verify(k *ecdsa.PublicKey) bool { return ecdsa.VerifyASN1(k, nil, nil) }"),
		"client/tls.go":                src("client", `import "crypto/tls"`, `func load() { tls.LoadX509KeyPair("a", "b") }`),
		"client/retry.go":              src("client", `import "math/rand/v2"`, "var jitter = rand.N(3)"),
		"core/core.go":                 src("core", own("core/internal/gate"), own("core/internal/pass"), own("core/pure"), own("store")),
		"core/core_test.go":            src("core", own("store"), own("client"), own("api/apitest"), own("core/internal/pass"), `import "crypto/ecdsa"`, "var K *ecdsa.PrivateKey"),
		"core/internal/gate/gate.go":   src("gate", `import "`+mod+`/core/internal/pass"`, "var p = pass.Mint()"),
		"core/internal/pass/pass.go":   src("pass", "func Mint() int { return 1 }"),
		"core/internal/pass/p_test.go": src("pass", "func init() {}"),
		"core/pure/pure.go":            src("pure", `import "time"`, `import "net/netip"`, `import "log/slog"`, "func Add(t time.Time) time.Time { return t.Add(time.Second) }", `func (x *X) LogValue() slog.Value { return slog.StringValue("redacted") }`, "type X struct{ a netip.Addr }"),
		"cmd/tool/main_test.go":        src("main", own("store"), own("core/internal/pass")),
		"core/pure/pure_test.go":       src("pure", `import "os"`, `import "time"`, "var _ = os.Args", "var now = time.Now"),
		"store/store.go":               src("store", `import "github.com/hashicorp/raft"`, "var _ raft.Log"),
		"keys/keys.go": src("keys", `import "crypto"`, `import "crypto/ecdsa"`, `import "crypto/x509"`,
			"type Key struct{ _ [0]func(); k *ecdsa.PrivateKey }",
			"func (k *Key) Public() crypto.PublicKey { return x509.MarshalPKCS8PrivateKey }",
			"type hidden struct{ k *ecdsa.PrivateKey }",
			"func (h hidden) Key() *ecdsa.PrivateKey { return h.k }",
			"func Sign(o crypto.SignerOpts, p *ecdsa.PublicKey) {}",
			"func private(k *ecdsa.PrivateKey) {}"),
		"scripts/help/main.go":    "// Help helps.\npackage main\n",
		"keys/testdata/x/x.go":    "package ignored; import \"C\"",
		"_ignored/x.go":           "package ignored",
		"nested/go.mod":           "module nested",
		"nested/x.go":             "package nested",
		".hidden/x.go":            "not go at all",
		"scripts/help/README.txt": "not go",
	}
}

func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func check(t *testing.T, files map[string]string, p *Plan) []Violation {
	t.Helper()
	tree, err := Load(writeTree(t, files), mod)
	if err != nil {
		t.Fatal(err)
	}
	return Check(tree, p)
}

func TestASoundHousePasses(t *testing.T) {
	for _, v := range check(t, smallTree(), smallPlan()) {
		t.Error(v)
	}
}

// breach is one way to break the small house, by files or by the plan.
type breach struct {
	name  string
	files map[string]string // put in place of those of the small tree; "" removes
	plan  func(*Plan)
	want  []string // each violation: "rule where: part of the text"
}

func TestEachRuleFails(t *testing.T) {
	for _, b := range slices.Concat(roomBreaches(), purityBreaches(), keyBreaches(), exportBreaches(), formBreaches()) {
		t.Run(b.name, func(t *testing.T) {
			files := smallTree()
			maps.Copy(files, b.files)
			maps.DeleteFunc(files, func(_, text string) bool { return text == "" })
			p := smallPlan()
			if b.plan != nil {
				b.plan(p)
			}
			got := check(t, files, p)
			if len(got) != len(b.want) {
				t.Errorf("%d violations, want %d: %v", len(got), len(b.want), got)
			}
			for _, want := range b.want {
				rule, rest, _ := strings.Cut(want, " ")
				where, text, _ := strings.Cut(rest, ": ")
				if !slices.ContainsFunc(got, func(v Violation) bool {
					return v.Rule == rule && v.Where == where && strings.Contains(v.Text, text)
				}) {
					t.Errorf("no violation %q in %v", want, got)
				}
			}
		})
	}
}

func one(name, text string) map[string]string { return map[string]string{name: text} }

func setRoom(path string, change func(*Room)) func(*Plan) {
	return func(p *Plan) { change(p.find(path)) }
}

func roomBreaches() []breach {
	return []breach{
		{"undrawn package", one("extra/x.go", src("extra")), nil, []string{"room extra: not in the plan"}},
		{"package in the root", one("x.go", src("m")), nil, []string{"room the module's root: not in the plan"}},
		{"too deep for the star", one("scripts/a/b/x.go", src("b")), nil, []string{"room scripts/a/b: not in the plan"}},
		{"drawn but missing", one("keys/keys.go", ""), nil, []string{"room keys: drawn but not built", "exception keys/*.go: no file needs"}},
		{"planned but built", one("later/x.go", src("later")), nil, []string{"room later: must not call it planned"}},
		{"undrawn arrow", one("store/b.go", src("store", own("core/pure"))), nil, []string{"arrow store/b.go:3: no arrow leads from store to core/pure"}},
		{"undrawn arrow of a script", one("scripts/help/b.go", src("main", own("core"))), nil, []string{"arrow scripts/help/b.go:3: no arrow leads from scripts/help to core"}},
		{"arrow to a room that is not drawn", map[string]string{"store/b.go": src("store", own("nowhere"))}, nil, []string{"arrow store/b.go:3: no arrow leads"}},
		{"import of the root", one("store/b.go", src("store", `import _ "`+mod+`"`)), nil, []string{"arrow store/b.go:3: the module's root"}},
		{"arrow under another build tag", one("store/b_windows.go", "//go:build windows\n\n"+src("store", own("core/pure"))), nil, []string{"arrow store/b_windows.go:5: no arrow"}},
		{"unused arrow", one("core/internal/gate/gate.go", src("gate")), nil, []string{"arrow core/internal/gate: no code needs the arrow to core/internal/pass"}},
		{"arrow used by tests alone", map[string]string{"core/internal/gate/gate.go": src("gate"), "core/internal/gate/g_test.go": src("gate", own("core/internal/pass"))}, nil,
			[]string{"arrow core/internal/gate: no code needs the arrow"}},
		{"planned arrow used", nil, setRoom("core", func(r *Room) { r.arrow("store").Planned = "x" }), []string{"arrow core/core.go:6: must not call it planned"}},
		{"code imports a test room", one("core/b.go", src("core", own("api/apitest"))), nil, []string{"arrow core/b.go:3: for tests only"}},
		{"test imports too much", one("client/b_test.go", src("client", own("store"))), nil, []string{"test-import client/b_test.go:3: but not store"}},
		{"test looks up", one("store/b_test.go", src("store", own("core"))), nil, []string{"test-import store/b_test.go:3: tests of store may import what lies below it"}},
		{"command imports too much", one("cmd/tool/list.go", src("main", own("client"), own("core"))), nil, []string{"lane cmd/tool/list.go:4: only main.go, server*.go may import core"}},
		{"command in another disguise", one("cmd/tool/observer.go", src("main", own("core"))), nil, []string{"lane cmd/tool/observer.go:3: may import core"}},
		{"raft elsewhere", one("core/b.go", src("core", `import _ "github.com/hashicorp/raft-boltdb/v2"`)), nil, []string{"raft core/b.go:3: for store alone"}},
		{"raft in a test elsewhere", one("core/b_test.go", src("core", `import _ "github.com/hashicorp/raft"`)), nil, []string{"raft core/b_test.go:3: for store alone"}},
		{"does not parse", one("core/b.go", "package core\nfunc {"), nil, []string{"parse core/b.go: expected"}},
		// the plan itself
		{"room drawn twice", nil, func(p *Plan) { p.Rooms = append(p.Rooms, room("keys", "")) }, []string{"plan keys: drawn twice"}},
		{"arrow to nowhere", nil, setRoom("core", func(r *Room) { r.Arrows = append(r.Arrows, Arrow{To: "x", Planned: "y"}) }), []string{"plan core: leads to x, which is no room"}},
		{"arrow of a planned room", nil, setRoom("later", func(r *Room) { r.Arrows = []Arrow{{To: "store"}} }), []string{"plan later: the room is planned, so its arrow"}},
		{"arrow to a planned room", nil, setRoom("keys", func(r *Room) { r.Arrows = []Arrow{{To: "later"}} }),
			[]string{"plan keys: leads to later, which is planned", "arrow keys: no code needs the arrow to later"}},
		{"pure imports impure", nil, setRoom("core/pure", func(r *Room) { r.Arrows = []Arrow{{To: "store", Planned: "x"}} }), []string{"plan core/pure: pure rooms only, and store is not"}},
		{"ground imports another", nil, setRoom("store", func(r *Room) { r.Arrows = []Arrow{{To: "keys", Planned: "x"}} }), []string{"plan store: may import only what lies below it"}},
		{"arrow to a test room", nil, setRoom("core", func(r *Room) { r.Arrows = append(r.Arrows, Arrow{To: "api/apitest", Planned: "x"}) }),
			[]string{"plan core: for tests", "plan api/apitest: lead back to it: api/apitest → core → api/apitest"}},
		{"a loop", nil, func(p *Plan) {
			p.find("core/pure").Pure = false
			p.find("core/pure").Arrows = []Arrow{{To: "keys", Planned: "x"}}
			p.find("keys").Arrows = []Arrow{{To: "core/pure", Planned: "x"}}
		}, []string{"plan core/pure: lead back to it: core/pure → keys → core/pure"}},
		{"exception that nothing needs", nil, func(p *Plan) {
			p.Exceptions = append(p.Exceptions, Exception{RuleRand, "keys/keys.go", "why not"})
		}, []string{"exception keys/keys.go: no file needs the exception from math-rand"}},
	}
}

func purityBreaches() []breach {
	in := func(name string, want string, parts ...string) breach {
		return breach{"pure " + name, one("core/pure/b.go", src("pure", parts...)), nil, []string{"pure core/pure/b.go:" + want}}
	}
	return []breach{
		in("os", "3: must not import os", `import _ "os"`),
		in("os/exec", "3: must not import os/exec", `import _ "os/exec"`),
		in("net", "3: must not import net", `import _ "net"`),
		in("net/http", "3: must not import net/http", `import _ "net/http"`),
		in("net/http/httptest", "3: must not import net/http/httptest", `import _ "net/http/httptest"`),
		in("crypto/rand", "3: must not import crypto/rand", `import _ "crypto/rand"`),
		in("log", "3: must not import log", `import _ "log"`),
		in("hclog", "3: must not import github.com/hashicorp/go-hclog", `import _ "github.com/hashicorp/go-hclog"`),
		in("syscall", "3: must not import syscall", `import _ "syscall"`),
		in("x/sys", "3: must not import golang.org/x/sys/unix", `import _ "golang.org/x/sys/unix"`),
		in("time.Now", "4: must not use time.Now", `import "time"`, "func now() time.Time { return time.Now() }"),
		in("time.Now as a value", "4: must not use time.Now", `import "time"`, "var now = time.Now"),
		in("renamed time", "4: must not use time.Since", `import clock "time"`, "func f(t clock.Time) { clock.Since(t) }"),
		in("time.After", "4: must not use time.After", `import "time"`, "func f() { <-time.After(1) }"),
		in("time.Sleep", "4: must not use time.Sleep", `import "time"`, "func f() { time.Sleep(1) }"),
		in("time.NewTimer", "4: must not use time.NewTimer", `import "time"`, "func f() { time.NewTimer(1) }"),
		in("fmt.Println", "4: must not use fmt.Println", `import "fmt"`, "func f() { fmt.Println(1) }"),
		in("slog.Info", "4: must not use log/slog.Info", `import "log/slog"`, `func f() { slog.Info("x") }`),
		in("println", "3: must not print", "func f() { println(1) }"),
		in("goroutine", "3: must not start goroutines", "func f() { go f() }"),
		{"pure math/rand", one("core/pure/b.go", src("pure", `import _ "math/rand/v2"`)), nil,
			[]string{"pure core/pure/b.go:3: must not import math/rand/v2", "math-rand core/pure/b.go:3: use crypto/rand"}},
	}
}

func keyBreaches() []breach {
	in := func(name, file, want string, parts ...string) breach {
		return breach{name, one(file, src(filepath.Base(filepath.Dir(file)), parts...)), nil, []string{want}}
	}
	return []breach{
		in("ecdsa elsewhere", "core/b.go", "private-key core/b.go:3: crypto/ecdsa has private keys", `import _ "crypto/ecdsa"`),
		in("rsa elsewhere", "core/b.go", "private-key core/b.go:3: crypto/rsa", `import _ "crypto/rsa"`),
		in("ed25519 elsewhere", "core/b.go", "private-key core/b.go:3: crypto/ed25519", `import _ "crypto/ed25519"`),
		in("ecdh elsewhere", "core/b.go", "private-key core/b.go:3: crypto/ecdh", `import _ "crypto/ecdh"`),
		in("tink elsewhere", "core/b.go", "private-key core/b.go:3: tink-go/v2/keyset", `import _ "github.com/tink-crypto/tink-go/v2/keyset"`),
		in("old tink elsewhere", "core/b.go", "private-key core/b.go:3: google/tink", `import _ "github.com/google/tink/go/keyset"`),
		in("circl signatures elsewhere", "core/b.go", "private-key core/b.go:3: circl/sign", `import _ "github.com/cloudflare/circl/sign/ed448"`),
		in("another file of the client", "client/b.go", "private-key client/b.go:3: crypto/ecdsa", `import _ "crypto/ecdsa"`),
		{"public file makes keys", one("client/public.go", src("client", `import "crypto/ecdsa"`, "var k, _ = ecdsa.GenerateKey(nil, nil)")), nil,
			[]string{"public-key client/public.go:4: ecdsa.GenerateKey is about private keys"}},
		{"public file signs", one("client/public.go", src("client", `import e "crypto/ed25519"`, "var k = e.Sign(nil, nil)", "const n = e.SignatureSize")), nil,
			[]string{"public-key client/public.go:4: ed25519.Sign is about"}},
		{"public file takes keys", one("client/public.go", src("client", `import "crypto/rsa"`, "func f(*rsa.PrivateKey) {}")), nil,
			[]string{"public-key client/public.go:4: rsa.PrivateKey is about"}},
		in("PKCS 8 elsewhere", "core/b.go", "key-file core/b.go:4: x509.ParsePKCS8PrivateKey handles a private key", `import "crypto/x509"`, "var f, _ = x509.ParsePKCS8PrivateKey(nil)"),
		in("PKCS 8 writing elsewhere", "core/b.go", "key-file core/b.go:4: x509.MarshalPKCS8PrivateKey", `import "crypto/x509"`, "var f, _ = x509.MarshalPKCS8PrivateKey(nil)"),
		in("certificate elsewhere", "core/b.go", "key-file core/b.go:4: tls.X509KeyPair", `import "crypto/tls"`, "var f, _ = tls.X509KeyPair(nil, nil)"),
		in("mint elsewhere", "core/b.go", "mint core/b.go:4: only core/internal/gate may mint", `import "`+mod+`/core/internal/pass"`, "var p = pass.Mint()"),
		in("mint handed on", "core/b.go", "mint core/b.go:4: only core/internal/gate may mint", `import other "`+mod+`/core/internal/pass"`, "var mint = other.Mint"),
		in("math/rand elsewhere", "core/b.go", "math-rand core/b.go:3: can be guessed", `import _ "math/rand"`),
	}
}

func exportBreaches() []breach {
	in := func(name, want string, parts ...string) breach {
		parts = append([]string{`import "crypto"`, `import "crypto/ecdsa"`, `import "crypto/ed25519"`, `import tk "github.com/tink-crypto/tink-go/v2/keyset"`,
			"type use struct { a crypto.Hash; b ecdsa.PublicKey; c ed25519.PublicKey; d tk.Option }"}, parts...)
		return breach{"exported " + name, one("keys/b.go", src("keys", parts...)), nil, []string{"exported keys/b.go:8: " + want}}
	}
	return []breach{
		in("function result", "function or method Key", "func Key() (*ecdsa.PrivateKey, error) { return nil, nil }"),
		in("function argument", "function or method Use", "func Use(k ed25519.PrivateKey) {}"),
		in("method", "function or method Key", "func (k *T[int]) Key() map[string][]ed25519.PrivateKey { return nil }"),
		in("signer", "function or method Signer", "func Signer() crypto.Signer { return nil }"),
		in("callback", "function or method With", "func With(f func(crypto.PrivateKey)) {}"),
		in("keyset handle", "function or method Handle", "func Handle() *tk.Handle { return nil }"),
		in("channel", "function or method Keys", "func Keys() <-chan *ecdsa.PrivateKey { return nil }"),
		in("type parameter", "function or method Gen", "func Gen[K *ecdsa.PrivateKey]() {}"),
		in("type argument", "function or method Box", "func Box() Holder[ecdsa.PrivateKey] { return nil }"),
		in("field", "field Key", "type T struct { Key *ecdsa.PrivateKey }"),
		in("field of a hidden type", "field Key", "type t struct { Key *ecdsa.PrivateKey }"),
		in("embedded key", "embedded field", "type t struct { *ecdsa.PrivateKey }"),
		in("interface method", "method Key", "type T interface { Key() crypto.PrivateKey }"),
		in("embedded interface", "embedded method", "type t interface { crypto.Signer }"),
		in("variable", "variable Key", "var Key *ecdsa.PrivateKey"),
		in("variable without a type", "variable Key", "var Key, _ = ecdsa.GenerateKey(nil, nil)"),
		in("variable by literal", "variable Key", "var Key = &ecdsa.PrivateKey{}"),
		in("alias", "type Alias", "type Alias = ecdsa.PrivateKey"),
		in("defined type", "type Defined", "type Defined ed25519.PrivateKey"),
		in("through a hidden alias", "function or method Key", "func Key() *private2 { return nil }", "type private2 private1", "type private1 = ecdsa.PrivateKey"),
		in("local field in a function", "field Key", "func f() { var x struct { Key *ecdsa.PrivateKey }; _ = x }"),
	}
}

func formBreaches() []breach {
	long := src("core") + strings.Repeat("// a line\n", MaxLines)
	return []breach{
		{"no package comment", one("core/pure/pure.go", "package pure\n"), nil, []string{"comment core/pure: begins \"Package pure …\""}},
		{"comment in a test alone", map[string]string{"keys/keys.go": "package keys\nimport _ \"crypto/rsa\"\n", "keys/k_test.go": src("keys")}, nil, []string{"comment keys: no file has"}},
		{"licence is no comment", one("store/store.go", "// Copyright.\n\npackage store\n"), nil, []string{"comment store: no file has"}},
		{"command without a comment", one("scripts/help/main.go", "package main\n"), nil, []string{"comment scripts/help: no file has a package comment: write"}},
		{"too long", one("core/b.go", long), nil, []string{"lines core/b.go: at most 500"}},
		{"long test", one("core/b_test.go", long), nil, nil},
		{"init", one("core/b.go", src("core", "func init() {}")), nil, []string{"init core/b.go:3: func init"}},
		{"method named init", one("core/b.go", src("core", "func (t T) init() {}")), nil, nil},
		{"cgo", one("core/b.go", src("core", `import "C"`)), nil, []string{"cgo core/b.go:3: without cgo"}},
		{"dot import", one("core/b.go", src("core", `import . "time"`)), nil, []string{"dot-import core/b.go:3: import time under a name"}},
	}
}

func TestDefaultName(t *testing.T) {
	for in, want := range map[string]string{
		"time": "time", "math/rand/v2": "rand", "github.com/hashicorp/raft-boltdb/v2": "raft-boltdb", "github.com/hashicorp/go-hclog": "hclog",
		"v2": "v2", "example.com/vault": "vault",
	} {
		if got := defaultName(in); in != "v2" && got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestLoadRefusesAMissingTree(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none"), mod); err == nil {
		t.Fatal("loaded")
	}
}

// The drawing must follow every line of the plan.
func TestDrawingFollowsThePlan(t *testing.T) {
	base := Draw(smallPlan())
	for name, change := range map[string]func(*Plan){
		"room":           func(p *Plan) { p.Rooms = p.Rooms[1:] },
		"arrow":          func(p *Plan) { p.find("core").Arrows = p.find("core").Arrows[1:] },
		"planned arrow":  func(p *Plan) { p.find("core").Arrows[0].Planned = "x" },
		"planned room":   func(p *Plan) { p.find("keys").Planned = "x" },
		"pure room":      func(p *Plan) { p.find("keys").Pure = true },
		"reason":         func(p *Plan) { p.find("core").Arrows[0].Why = "x" },
		"what it owns":   func(p *Plan) { p.find("core").Why = "x" },
		"lane":           func(p *Plan) { p.find("cmd/tool").Lane = nil },
		"exception":      func(p *Plan) { p.Exceptions = p.Exceptions[1:] },
		"exception text": func(p *Plan) { p.Exceptions[0].Why = "x" },
	} {
		p := smallPlan()
		change(p)
		if Draw(p) == base {
			t.Errorf("%s: the drawing is the same", name)
		}
	}
	if Draw(smallPlan()) != base {
		t.Error("two drawings of one plan differ")
	}
}

func TestReplace(t *testing.T) {
	got, err := Replace("a\n"+Begin+"\nold\n"+End+"\nb\n", "new\n")
	if want := "a\n" + Begin + "\nnew\n" + End + "\nb\n"; err != nil || got != want {
		t.Fatalf("%q, %v", got, err)
	}
	again, err := Replace(got, "new\n")
	if err != nil || again != got {
		t.Fatalf("not stable: %q, %v", again, err)
	}
	for _, text := range []string{"", "a", Begin + "\n", End, End + "\n" + Begin + "\n", End + "\n" + Begin + "\n" + End, Begin + "\n" + Begin + "\n" + End, Begin + "\n" + End + "\n" + End} {
		if got, err := Replace(text, "new"); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}
