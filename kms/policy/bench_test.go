package policy

import (
	"fmt"
	"strings"
	"testing"
)

// manyRules gives a policy of n prefix rules and n exact rules.
func manyRules(tb testing.TB, n int) *ACL {
	tb.Helper()
	var b strings.Builder
	for i := range n / 2 {
		fmt.Fprintf(&b, "path \"transit/sign/app-%04d-*\" { capabilities = [\"update\"] }\n", i)
		fmt.Fprintf(&b, "path \"transit/sign/one-%04d\" { capabilities = [\"update\"] }\n", i)
	}
	p, err := Parse("many", b.String())
	if err != nil {
		tb.Fatal(err)
	}
	return Compile(p)
}

func benchAllow(b *testing.B, a *ACL, path string, need Capability, want bool) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if a.Allow(path, need) != want {
			b.Fatal("wrong answer")
		}
	}
}

func BenchmarkAllow(b *testing.B) {
	for _, n := range []int{10, 1000} {
		a := manyRules(b, n)
		b.Run(fmt.Sprintf("exact/%d", n), func(b *testing.B) { benchAllow(b, a, "transit/sign/one-0003", Update, true) })
		b.Run(fmt.Sprintf("prefix/%d", n), func(b *testing.B) { benchAllow(b, a, "transit/sign/app-0003-web", Update, true) })
		b.Run(fmt.Sprintf("none/%d", n), func(b *testing.B) { benchAllow(b, a, "transit/sign/zzz", Update, false) })
	}
}

// BenchmarkAllowWorst measures the shapes an author can make slow: prefixes that
// nest, and a thousand rules that begin with a wildcard.
func BenchmarkAllowWorst(b *testing.B) {
	var nested, plus strings.Builder
	for i := range 200 {
		fmt.Fprintf(&nested, "path \"%s*\" { policy = \"read\" }\n", strings.Repeat("a", i+1))
	}
	for i := range 1000 {
		fmt.Fprintf(&plus, "path \"+/sign/k%04d\" { policy = \"read\" }\n", i)
	}
	for _, c := range []struct{ name, text, path string }{
		{"nested/200", nested.String(), strings.Repeat("a", 150) + "b"},
		{"plus/1000", plus.String(), "m/sign/k0000"},
	} {
		p, err := Parse("worst", c.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) { benchAllow(b, Compile(p), c.path, Read, true) })
	}
}

// BenchmarkCompile measures what a token's first request pays.
func BenchmarkCompile(b *testing.B) {
	var t strings.Builder
	for i := range 500 {
		fmt.Fprintf(&t, "path \"transit/sign/app-%04d-*\" { policy = \"read\" }\n", i)
	}
	p, err := Parse("many", t.String())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Compile(p)
	}
}
