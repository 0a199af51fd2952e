package kms

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/audit"
)

// recordsOf are the records of one request.
func (n *node) recordsOf(c *Call) []audit.Record {
	n.t.Helper()
	var out []audit.Record
	err := audit.Read(bytes.NewReader(n.auditLog()), func(_ []byte, p audit.Parsed) error {
		if p.Truncated {
			n.t.Errorf("cut: %+v", p)
		}
		if p.RequestID == c.RequestID {
			out = append(out, p.Record)
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

func TestTheRecordOfAToken(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"audit_claims":["sub","role"],"claims":{"forced":{"tenant":"t-1"}}}`)
	c := n.rootCall("jwt/sign/acme/access")
	req := subject("user:1")
	req.Claims = []byte(`{"role":["clerk", "x"],"note":"private-note"}`)
	got, err := n.SignJWT(c, "acme", "access", []JWTRequest{req}, map[string]string{"ip": "203.0.113.7"}, false)
	if err != nil {
		t.Fatal(err)
	}
	recs := n.recordsOf(c)
	if len(recs) != 1 {
		t.Fatalf("%d records", len(recs))
	}
	r := recs[0]
	if r.Operation != "jwt/sign" || r.Issuer != "acme" || r.Profile != "access" || r.JTI != got[0].JTI || r.KID != got[0].KID || r.KeyVersion != 1 || r.Alg != "ES256" ||
		r.Outcome != audit.OutcomeOK || r.Output != n.gate.Hash(got[0].Token) || r.Fields["context.ip"] != "203.0.113.7" || r.Key != "" {
		t.Errorf("record %+v", r)
	}
	want := []audit.Claim{
		{Name: "sub", Value: "user:1"}, {Name: "role", Value: `["clerk", "x"]`}, {Name: "aud", Value: n.gate.Hash([]byte(`"api://orders"`))},
		{Name: "tenant", Value: n.gate.Hash([]byte(`"t-1"`))}, {Name: "note", Value: n.gate.Hash([]byte(`"private-note"`))},
	}
	if !slices.Equal(r.Claims, want) {
		t.Errorf("claims %v\nwant   %v", r.Claims, want)
	}

	c = n.rootCall("jwt/verify/acme")
	if v, err := n.VerifyJWT(c, "acme", JWTDemand{Audience: "x"}, []string{string(got[0].Token)}, false); err != nil || v[0].Active {
		t.Fatal(v, err)
	}
	r = n.recordsOf(c)[0]
	if r.Operation != "jwt/verify" || r.Issuer != "acme" || r.JTI != got[0].JTI || r.KID != got[0].KID || r.Outcome != audit.OutcomeOK ||
		r.Fields["reason"] != "wrong_audience" || r.Input != n.gate.Hash(got[0].Token) {
		t.Errorf("record %+v", r)
	}

	c = n.rootCall("jwt/sign/acme/access")
	req.Claims = []byte(`{"exp":"secret-value"}`)
	if _, err := n.SignJWT(c, "acme", "access", []JWTRequest{req}, nil, false); err == nil || strings.Contains(err.Error(), "secret-value") {
		t.Fatal(err)
	}
	if r = n.recordsOf(c)[0]; r.Outcome != audit.OutcomeRefused || r.Code != "claim_not_allowed" || r.Fields["claim"] != "exp" || r.JTI != "" || r.Output != "" {
		t.Errorf("record %+v", r)
	}
	for _, hidden := range []string{"private-note", "secret-value", "api://orders", string(got[0].Token), strings.Split(string(got[0].Token), ".")[1]} {
		if bytes.Contains(n.auditLog(), []byte(hidden)) {
			t.Errorf("%s is in the log", hidden)
		}
	}
}

// What is not this issuer's is not taken for it: jti and kid of a forged token are
// the forger's.
func TestTheRecordOfAForgedToken(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"chosen-kid","typ":"at+jwt"}`))
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"chosen-jti","exp":9}`))
	c := n.rootCall("jwt/verify/acme")
	if v, err := n.VerifyJWT(c, "acme", JWTDemand{}, []string{header + "." + body + ".AAAA"}, false); err != nil || v[0].Reason != "unknown_key" {
		t.Fatal(v, err)
	}
	if r := n.recordsOf(c)[0]; r.KID != "" || r.JTI != "" || r.Fields["reason"] != "unknown_key" {
		t.Errorf("record %+v", r)
	}
}

// Hashes and hash-like values are told apart, and what is too long is hashed.
func TestReadableClaims(t *testing.T) {
	n := newNode(t)
	long := `"` + strings.Repeat("x", readableClaim+1) + `"`
	for in, want := range map[string]string{
		`"a"`: "a", `"a\nb\"\u00e9"`: "a\nb\"é", `1.0`: "1.0", `{"a":[1]}`: `{"a":[1]}`, `null`: "null", `""`: "",
		long: n.gate.Hash([]byte(long)), `"hmac-sha256:00"`: n.gate.Hash([]byte(`"hmac-sha256:00"`)),
	} {
		if got := n.readable([]byte(in)); got != want {
			t.Errorf("%.40s is %q, want %q", in, got, want)
		}
	}
}

// A batch of tokens: errors of their own, and records that hold all of them whole.
func TestABatchOfTokens(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"audit_claims":["sub","odd"],"max_token_bytes":20000}`)
	var reqs []JWTRequest
	for i := range 300 {
		req := subject(fmt.Sprint("user:", i))
		switch i % 5 {
		case 1:
			req.Claims = []byte(`{"exp":1}`)
		case 2:
			half := time.Millisecond
			req.TTL = &half
		case 3: // each byte of it takes six in the record
			req.Claims = []byte(`{"odd":"` + strings.Repeat(`\u0001`, 1000) + `"}`)
		}
		reqs = append(reqs, req)
	}
	c := n.rootCall("jwt/sign/acme/access")
	out, err := n.SignJWT(c, "acme", "access", reqs, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	recs := n.recordsOf(c)
	if r := recs[0]; r.Items != 300 || r.Issuer != "acme" || r.KID == "" || r.JTI != "" || len(r.Claims) != 0 {
		t.Errorf("record %+v", r)
	}
	var tokens []string
	next := 0
	for i, r := range recs[1:] {
		if r.Type != audit.TypeChunk || r.Chunk != i+1 || r.Issuer != "acme" || r.Profile != "access" {
			t.Errorf("chunk %d: %+v", i+1, r)
		}
		for _, h := range r.Hashes {
			o := out[next]
			wantCode := map[int]string{1: "claim_not_allowed", 2: "bad_request"}[next%5]
			if h.Index != next || h.JTI != o.JTI || h.Code != wantCode || (o.Err == nil) != (wantCode == "") {
				t.Fatalf("item %d: %+v, %v", next, h, o.Err)
			}
			if o.Err == nil {
				if h.Output != n.gate.Hash(o.Token) || h.Claims[0] != (audit.Claim{Name: "sub", Value: fmt.Sprint("user:", next)}) {
					t.Errorf("item %d: %+v", next, h)
				}
				tokens = append(tokens, string(o.Token))
			}
			next++
		}
	}
	if next != 300 {
		t.Errorf("%d of 300 items are recorded", next)
	}
	tokens[0], tokens[1] = "", tokens[1]+"A"
	c = n.rootCall("jwt/verify/acme")
	verdicts, err := n.VerifyJWT(c, "acme", JWTDemand{}, tokens, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Active != (i > 1) || (v.Err != nil) != (i == 0) {
			t.Errorf("%d: %+v", i, v)
		}
	}
	recs = n.recordsOf(c)
	if r := recs[0]; r.Items != len(tokens) || r.Fields["not_active"] != "1" {
		t.Errorf("record %+v", r)
	}
	if h := recs[1].Hashes; h[0].Code != "bad_request" || h[1].Code != "malformed" && h[1].Code != "bad_signature" || h[2].JTI == "" || h[2].Input != n.gate.Hash([]byte(tokens[2])) {
		t.Errorf("items %+v", h[:3])
	}
}
