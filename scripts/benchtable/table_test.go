package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func filled() report {
	return report{
		About: "a machine", How: "medians", versions: 10000, keys: 10, tokens: 20,
		Operations: []opFigures{
			{
				Name: "es256-sign", Audit: "os", Items: 1, Server: spread{150, 140, 160}, Floor: spread{100, 90, 110}, Over: spread{50, 40, 60},
				Ratio: spread{1.5, 1.4, 1.6}, Rate: 9000, P50: 800, P99: 1600, Aim: "ratio ≤ 1.5", OK: true,
			},
			{Name: "hmac", Audit: "os", OK: true, Note: "not offered by this server: status 404"},
		},
		Loaded:  []comparison{{Name: "es256-sign", P50: [2]float64{100, 130}, CPU: [2]float64{10, 11}, RatioP50: spread{1.3, 1.2, 1.4}, RatioCPU: spread{1.1, 1, 1.2}, Aim: "both ≤ 1.1"}},
		Figures: []figure{{Name: "filling", Unit: "s", Value: spread{3, 3, 3}, OK: true}},
	}
}

const aligned = `a machine
medians

Server CPU in µs, of a batch for one item; p50 and p99 in µs for a request
operation   audit  node   floor  over (min to max)    ratio (min to max)   items/s  p50  p99   errors  aim
es256-sign  os     150.0  100.0  50.0 (40.0 to 60.0)  1.50 (1.40 to 1.60)  9000     800  1600  0       ratio ≤ 1.5  ok
hmac: not offered by this server: status 404

An empty node (A) and one with 10 keys and 20 tokens (B)
operation   p50 A  p50 B  B/A (min to max)     CPU A  CPU B  B/A (min to max)     aim
es256-sign  100    130    1.30 (1.20 to 1.40)  10     11     1.10 (1.00 to 1.20)  both ≤ 1.1  OVER

Other figures
what     median (min to max)  unit  aim
filling  3.0                  s
`

func TestTable(t *testing.T) {
	r := filled()
	var b strings.Builder
	if err := r.write(&b, false); err != nil || b.String() != aligned {
		t.Errorf("%v\n%s\nwant\n%s", err, b.String(), aligned)
	}
	b.Reset()
	if err := r.write(&b, true); err != nil {
		t.Fatal(err)
	}
	bars := 0
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "|") {
			bars = 0
			continue
		}
		if n := strings.Count(line, "|"); bars != 0 && n != bars {
			t.Errorf("%d bars, %d before: %s", n, bars, line)
		}
		bars = strings.Count(line, "|")
	}
	if !strings.Contains(b.String(), "| es256-sign | os    | 150.0 |") || !strings.Contains(b.String(), "\n\nhmac: not offered") {
		t.Errorf("as Markdown:\n%s", b.String())
	}
}

func TestJSONHasThePairs(t *testing.T) {
	r := filled()
	r.Operations[0].Pairs = []pair{{Server: 150, Floor: 100, Raw: 20}}
	file := filepath.Join(t.TempDir(), "out.json")
	if err := r.save(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil || got.Operations[0].Pairs[0] != r.Operations[0].Pairs[0] || got.Operations[0].Ratio != r.Operations[0].Ratio {
		t.Errorf("%v, %s", err, text)
	}
}

func TestFlags(t *testing.T) {
	programs := []string{"-signet", "s", "-floor", "f"}
	c, err := parseFlags(programs, io.Discard)
	if err != nil || len(c.ops) != len(operations()) || len(c.only) != len(parts()) || !filepath.IsAbs(c.signet) || c.ratio != "" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = parseFlags(append(programs, "-op", "hmac,es256-sign"), io.Discard)
	if err != nil || len(c.ops) != 2 || len(c.only) != 1 || !c.has("operations") {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = parseFlags(append(programs, "-op", "hmac", "-part", "operations,loaded"), io.Discard)
	if err != nil || len(c.ops) != 1 || !c.has("loaded") || c.has("idle") {
		t.Errorf("%+v, %v", c, err)
	}
	for _, args := range [][]string{
		{"-signet", "s"}, append(programs, "x"), append(programs, "-op", "other"), append(programs, "-part", "other"),
		append(programs, "-pairs", "0"), append(programs, "-seconds", "0"), append(programs, "-seconds", "NaN"), append(programs, "-conns", "0"),
		append(programs, "-versions", "2"), append(programs, "-keys", "0"), append(programs, "-tokens", "-1"), append(programs, "-other"),
		append(programs, "-rotations", "1"), append(programs, "-restarts", "0"),
	} {
		if c, err := parseFlags(args, io.Discard); err == nil {
			t.Errorf("%q: %+v", args, c)
		}
	}
}

// The token of the measure may do what is measured, and is not root.
func TestPolicyAllowsWhatIsMeasuredAlone(t *testing.T) {
	text := benchPolicy(operations(), false)
	for _, want := range []string{`path "transit/sign/rsa-2048" { capabilities = ["update"] }`, `path "transit/hmac/aes256-gcm96"`, `path "transit/keys/ed25519" { capabilities = ["read"] }`} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%s stands %d times in\n%s", want, strings.Count(text, want), text)
		}
	}
	if strings.ContainsAny(text, "*+") || strings.Contains(text, "sudo") || strings.Contains(text, "create") || strings.Contains(text, "load-") {
		t.Error(text)
	}
	if text := benchPolicy(operations(), true); !strings.Contains(text, "load-ecdsa-p256") {
		t.Error(text)
	}
}
