package policy

import (
	"errors"
	"strings"
	"testing"
)

// No spelling may reach root: what is not refused as a name is root itself, and
// refused as such.
func TestRootCannotBeWrittenOrDeleted(t *testing.T) {
	for _, name := range []string{"root", "ROOT", "Root", " root", "root ", "\troot\r\n", "\v\fRoOt"} {
		for what, err := range map[string]error{"write": ValidName(name), "delete": Deletable(name), "parse": parseErr(name)} {
			if !errors.Is(err, ErrRoot) {
				t.Errorf("%s %q: got %v, want ErrRoot", what, name, err)
			}
		}
		if s, err := CanonicalName(name); s != RootName || err != nil {
			t.Errorf("%q is canonically %q, %v", name, s, err)
		}
	}
	for _, name := range []string{
		"root\u00a0", "\u200broot", "ro\u00adot", "rооt", "ｒｏｏｔ", "root\x00", "ro ot", "root/", "/root", "./root",
		"root%20", "\u2003root", "\ufeffroot", "\u0085root", "r\u014dot", "roo\u0074\u0301",
	} {
		for what, err := range map[string]error{"write": ValidName(name), "delete": Deletable(name), "parse": parseErr(name)} {
			if !errors.Is(err, ErrName) {
				t.Errorf("%s %q: got %v, want ErrName", what, name, err)
			}
		}
	}
}

func parseErr(name string) error {
	_, err := Parse(name, "")
	return err
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "Web-Signer": "web-signer", " default\n": "default", "a.b_c-9": "a.b_c-9", "9": "9",
		"rooted": "rooted", strings.Repeat("a", 128): strings.Repeat("a", 128),
	} {
		got, err := CanonicalName(in)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
		if err := ValidName(in); err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if p := mustParse(t, in, ""); p.Name() != want {
			t.Errorf("parsed as %q, want %q", p.Name(), want)
		}
	}
	for _, in := range []string{
		"", " ", ".", "..", ".a", "-a", "_a", "a/b", "a\x00", "a b", "é", "\u212aey", "a\xff", "a,b", "a+", "*", strings.Repeat("a", 129),
	} {
		if got, err := CanonicalName(in); !errors.Is(err, ErrName) {
			t.Errorf("%q: got %q, %v, want ErrName", in, got, err)
		}
	}
}

func TestDefaultCanBeWrittenNotDeleted(t *testing.T) {
	for _, name := range []string{"default", " DEFAULT "} {
		if err := ValidName(name); err != nil {
			t.Errorf("write %q: %v", name, err)
		}
		if err := Deletable(name); !errors.Is(err, ErrDefault) {
			t.Errorf("delete %q: got %v, want ErrDefault", name, err)
		}
	}
	if err := Deletable("other"); err != nil {
		t.Error(err)
	}
}
