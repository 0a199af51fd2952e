package kms

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// globRegexp is the meaning of a glob, said another way.
func globRegexp(glob string) *regexp.Regexp {
	return regexp.MustCompile(`\A(?s:` + strings.ReplaceAll(regexp.QuoteMeta(glob), `\*`, `.*`) + `)\z`)
}

func FuzzMatchGlob(f *testing.F) {
	for _, s := range []string{"*|a", "a*|a", "*a|ba", "a*a|a", "a*a|aa", "a*b*c|abbc", "a**b|ab", "|", "*|", "ab*ba|aba", "a*bc*bc|abcbc", "a*b|acb"} {
		glob, name, _ := strings.Cut(s, "|")
		f.Add(glob, name)
	}
	f.Fuzz(func(t *testing.T, glob, name string) {
		if len(glob) > 100 || len(name) > 1000 || !utf8.ValidString(glob) || !utf8.ValidString(name) {
			return // names are ASCII; a regular expression reads the rest in another way
		}
		if got, want := matchGlob(glob, name), globRegexp(glob).MatchString(name); got != want {
			t.Errorf("%q on %q: %v, want %v", glob, name, got, want)
		}
	})
}

func FuzzCanonicalBound(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8", "10.1.2.3", " ::1", "fe80::1%eth0", "::ffff:10.0.0.0/104", "10.1.2.3/8", "0.0.0.0/0", "300.0.0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := canonicalBound(text)
		if err != nil {
			return
		}
		if twice, err := canonicalBound(once); err != nil || twice != once {
			t.Errorf("%q → %q → %q, %v", text, once, twice, err)
		}
	})
}

// callerOf is a caller with policies, and sudo on the path or not.
func callerOf(t *testing.T, sudo bool, policies ...string) *Call {
	t.Helper()
	text := `path "auth/token/*" { capabilities = ["update"] }`
	if sudo {
		text = `path "auth/token/*" { capabilities = ["update", "sudo"] }`
	}
	p, err := policy.Parse("p", text)
	if err != nil {
		t.Fatal(err)
	}
	return &Call{
		Origin: Origin{Path: "auth/token/create/r"},
		Caller: policy.Caller{Policies: policies, Root: slices.Contains(policies, "root"), ACL: policy.Compile(p)},
	}
}

func TestWhatARoleGives(t *testing.T) {
	for _, c := range []struct {
		name   string
		role   state.TokenRole
		caller string // its policies; "sudo" is the capability
		asked  any    // nil, or the policies
		want   string // "" for refused
	}{
		{"no lists, what the caller has", state.TokenRole{}, "a b", "a", "a"},
		{"no lists, not what it lacks", state.TokenRole{}, "a", "b", ""},
		{"no lists, all with sudo", state.TokenRole{}, "a sudo", "b", "b default"},
		{"no lists, nothing asked", state.TokenRole{}, "a default", nil, "a default"},
		{"allowed beyond the caller", state.TokenRole{Allowed: []string{"x", "y"}}, "a", "x", "default x"},
		{"all allowed when nothing is asked", state.TokenRole{Allowed: []string{"x", "y"}}, "a", nil, "default x y"},
		{"not what the caller has and the role does not list", state.TokenRole{Allowed: []string{"x"}}, "a", "a", ""},
		{"nor with sudo", state.TokenRole{Allowed: []string{"x"}}, "a sudo", "a", ""},
		{"glob", state.TokenRole{AllowedGlobs: []string{"team-*"}}, "a", "team-x", "default team-x"},
		{"glob, outside", state.TokenRole{AllowedGlobs: []string{"team-*"}}, "a", "teamx", ""},
		{"glob alone gives nothing by itself", state.TokenRole{AllowedGlobs: []string{"*"}}, "a", nil, "default"},
		{"disallowed wins over allowed", state.TokenRole{Allowed: []string{"x"}, Disallowed: []string{"x"}}, "x", "x", ""},
		{"disallowed wins over sudo", state.TokenRole{Disallowed: []string{"x"}}, "a sudo", "x", ""},
		{"disallowed alone gives nothing more", state.TokenRole{Disallowed: []string{"x"}}, "a", "b", ""},
		{"disallowed glob wins over glob", state.TokenRole{AllowedGlobs: []string{"*"}, DisallowedGlobs: []string{"*-admin"}}, "a", "web-admin", ""},
		{"disallowed hits what is inherited", state.TokenRole{Disallowed: []string{"b"}}, "a b", nil, ""},
		{"one bad spoils all", state.TokenRole{Allowed: []string{"x"}}, "a", "x z", ""},
		{"other spellings are the same", state.TokenRole{Disallowed: []string{"x"}, AllowedGlobs: []string{"*"}}, "a", "X", ""},
		{"root by glob", state.TokenRole{AllowedGlobs: []string{"*"}}, "a sudo", "root", ""},
		{"root by name", state.TokenRole{Allowed: []string{"root"}}, "a sudo", "root", ""},
		{"root by name, inherited", state.TokenRole{Allowed: []string{"root"}}, "a", nil, ""},
		{"root in another spelling", state.TokenRole{AllowedGlobs: []string{"*"}}, "a", " ROOT", ""},
		{"root gives root by name", state.TokenRole{Allowed: []string{"root"}}, "root", "root", "root"},
		{"root gives no root by glob", state.TokenRole{AllowedGlobs: []string{"*"}}, "root", "root", ""},
		{"root is disallowed to root", state.TokenRole{Disallowed: []string{"root"}}, "root", nil, ""},
		{"default disallowed is not added", state.TokenRole{Allowed: []string{"x"}, Disallowed: []string{"default"}}, "a", "x", "x"},
		{"nor by a glob", state.TokenRole{Allowed: []string{"x"}, DisallowedGlobs: []string{"def*"}}, "a", "x", "x"},
		{"default disallowed and asked for", state.TokenRole{Disallowed: []string{"default"}}, "default", "default", ""},
		{"role without default", state.TokenRole{Allowed: []string{"x"}, NoDefault: true}, "default", nil, "x"},
		{"role without default, asked for", state.TokenRole{Allowed: []string{"x"}, NoDefault: true}, "default", "default x", ""},
		{"role without default, inherited", state.TokenRole{NoDefault: true}, "a default", nil, "a"},
		{"role without default, but it lists it", state.TokenRole{Allowed: []string{"default", "x"}, NoDefault: true}, "a", nil, "default x"},
		{"nothing left", state.TokenRole{Allowed: []string{"x"}, NoDefault: true}, "a", []string{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var req TokenRequest
			switch asked := c.asked.(type) {
			case string:
				req.Policies = strings.Fields(asked)
				if strings.HasPrefix(asked, " ") {
					req.Policies = []string{asked}
				}
			case []string:
				req.Policies = asked
			}
			has := strings.Fields(c.caller)
			sudo := slices.Contains(has, "sudo")
			has = slices.DeleteFunc(has, func(s string) bool { return s == "sudo" })
			got, err := grantable(callerOf(t, sudo, has...), &req, &c.role)
			if text := strings.Join(got, " "); text != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v, want %q", text, err, c.want)
			}
		})
	}
}

// Whatever a role and a request look like, a token has no policy that its maker
// lacks unless the role allows it (or the maker has sudo and the role does not
// decide), none that the role disallows, and root only from root.
func TestNoPolicyFromNowhere(t *testing.T) {
	names := []string{"a", "ab", "abc", "b", "default", "root", "team-a", "team-root"}
	spelled := append(slices.Clone(names), "A", " ab ", "ROOT", "Root\t", "Default", "team-A")
	globs := []string{"*", "a*", "*b", "team-*", "r*", "*oo*", "d*t", "a*c", "ab"}
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(from []string, odds int) (out []string) {
		for _, s := range from {
			if r.IntN(odds) == 0 {
				out = append(out, s)
			}
		}
		return out
	}
	matches := func(globs []string, name string) bool {
		return slices.ContainsFunc(globs, func(g string) bool { return globRegexp(g).MatchString(name) })
	}
	given := 0
	for range 50_000 {
		role := state.TokenRole{Allowed: pick(names, 4), Disallowed: pick(names, 8), NoDefault: r.IntN(3) == 0}
		if r.IntN(2) == 0 {
			role.AllowedGlobs, role.DisallowedGlobs = pick(globs, 5), pick(globs, 12)
		}
		sudo, has := r.IntN(4) == 0, pick(names[:5], 2)
		if r.IntN(10) == 0 {
			has = append(has, "root")
		}
		req := TokenRequest{Policies: pick(spelled, 5), NoDefaultPolicy: r.IntN(3) == 0}
		through := &role
		if r.IntN(4) == 0 {
			through, role = nil, state.TokenRole{}
		}
		c := callerOf(t, sudo, has...)
		got, err := grantable(c, &req, through)
		if err != nil {
			continue
		}
		given++
		listed := len(role.Allowed)+len(role.AllowedGlobs) != 0
		for _, name := range got {
			allowed := slices.Contains(role.Allowed, name) || matches(role.AllowedGlobs, name) || name == "default" && !role.NoDefault
			switch {
			case name == "root" && !c.Caller.Root, name == "root" && listed && !slices.Contains(role.Allowed, name),
				slices.Contains(role.Disallowed, name), matches(role.DisallowedGlobs, name),
				listed && !allowed, !listed && !sudo && !c.Caller.Root && !slices.Contains(has, name), name == "default" && req.NoDefaultPolicy:
				t.Fatalf("a caller with %q (sudo %v) got %q of %q by the role %+v, asking for %q", has, sudo, name, got, role, req.Policies)
			}
		}
	}
	if given < 1000 {
		t.Fatalf("only %d tokens were given: the test shows little", given)
	}
}
