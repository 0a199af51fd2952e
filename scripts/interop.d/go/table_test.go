package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verdictsOf is a library that does everything right with every algorithm, changed.
func verdictsOf(t *testing.T, change func(v *verdict) bool) string {
	t.Helper()
	var out strings.Builder
	for _, alg := range algs() {
		if strings.HasPrefix(alg, "HS") {
			continue
		}
		for _, kind := range kinds() {
			v := verdict{"C", "lib", "1.0", alg, kind, refused, must(kind), "the library's text"}
			if kind == good || kind == access {
				v.Verdict, v.Error = accepted, ""
			}
			if change != nil && !change(&v) {
				continue
			}
			if err := json.NewEncoder(&out).Encode(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.String()
}

// only changes the verdict on one token of ES256.
func only(kind string, change func(v *verdict)) func(v *verdict) bool {
	return func(v *verdict) bool {
		if v.Alg == "ES256" && v.Kind == kind {
			change(v)
		}
		return true
	}
}

func tableOf(t *testing.T, verdicts string, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "verdicts")
	if err := os.WriteFile(file, []byte(verdicts), 0o600); err != nil {
		t.Fatal(err)
	}
	return run1(t, nil, "", append(append([]string{"table"}, args...), file)...)
}

// The table fails for every library that takes what it must refuse, refuses what is
// good, or gives another reason than the one it was tried for.
func TestTheTableFailsForWhatIsNotAsItMustBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(v *verdict) bool
		want   string // of the error; "" if nothing is wrong
	}{
		"all right":                 {nil, ""},
		"good is refused":           {only(good, func(v *verdict) { v.Verdict = refused }), "good: refused"},
		"good is somebody else's":   {only(good, func(v *verdict) { v.Reason = "its sub is x" }), `want ""`},
		"access is refused":         {only(access, func(v *verdict) { v.Verdict = refused }), "access: refused"},
		"forged is accepted":        {only(forged, func(v *verdict) { v.Verdict = accepted }), "forged: accepted"},
		"flipped is accepted":       {only(flipped, func(v *verdict) { v.Verdict = accepted }), "flipped: accepted"},
		"expired is accepted":       {only(expired, func(v *verdict) { v.Verdict = accepted }), "expired: accepted"},
		"audience is accepted":      {only(wrongAudience, func(v *verdict) { v.Verdict = accepted }), "wrong_audience: accepted"},
		"for another reason":        {only(expired, func(v *verdict) { v.Reason = badSignature }), `want "expired"`},
		"for no reason":             {only(flipped, func(v *verdict) { v.Reason = "" }), `want "signature"`},
		"claims are left":           {func(v *verdict) bool { return leave(v, expired, wrongAudience) }, ""},
		"claims left without words": {only(expired, func(v *verdict) { v.Verdict, v.Reason = left, "" }), "left"},
		"signatures are left":       {only(flipped, func(v *verdict) { v.Verdict, v.Reason = left, "why" }), "flipped: left"},
		"a verdict is missing":      {func(v *verdict) bool { return v.Alg != "PS512" || v.Kind != flipped }, "PS512: 5 verdicts of 6"},
		"an algorithm is missing":   {func(v *verdict) bool { return v.Alg != "PS512" }, "PS512: 0 verdicts of 6"},
		"an algorithm is lacking":   {func(v *verdict) bool { return lack(v, "has it not") }, ""},
		"lacking without words":     {func(v *verdict) bool { return lack(v, "") }, "Ed25519: no:"},
		"lacking in part":           {only(good, func(v *verdict) { v.Verdict, v.Reason = lacking, "has it not" }), "lacking, but access is accepted"},
		"a secret is verified":      {func(v *verdict) bool { v.Alg = strings.Replace(v.Alg, "ES256", "HS256", 1); return true }, "HS256: kept inside"},
	} {
		text, err := tableOf(t, verdictsOf(t, c.change))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if !strings.Contains(text, "| alg | lib (C) |\n| --- | --- |\n| version | 1.0 |\n") {
			t.Errorf("%s: the table is not printed:\n%s", name, text)
		}
	}
	twice := verdictsOf(t, nil) + verdictsOf(t, nil)
	if _, err := tableOf(t, twice); err == nil || !strings.Contains(err.Error(), "two verdicts") {
		t.Errorf("two verdicts on one token: %v", err)
	}
}

func leave(v *verdict, kinds ...string) bool {
	for _, kind := range kinds {
		if v.Kind == kind {
			v.Verdict, v.Reason = left, "checks signatures"
		}
	}
	return true
}

func lack(v *verdict, why string) bool {
	if v.Alg == "Ed25519" {
		v.Verdict, v.Reason = lacking, why
	}
	return true
}

// Two files are the same if nothing but versions differ.
func TestSameAs(t *testing.T) {
	before, err := tableOf(t, verdictsOf(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "INTEROP.md")
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := strings.ReplaceAll(verdictsOf(t, nil), `"1.0"`, `"1.1"`)
	if _, err := tableOf(t, newer, "--same-as", file); err != nil {
		t.Errorf("a newer version: %v", err)
	}
	other := verdictsOf(t, func(v *verdict) bool { return lack(v, "has it not") })
	if _, err := tableOf(t, other, "--same-as", file); err == nil || !strings.Contains(err.Error(), "says something else") {
		t.Errorf("another verdict: %v", err)
	}
}
