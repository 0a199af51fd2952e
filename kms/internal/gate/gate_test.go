package gate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
)

func newGate(t *testing.T) (*Gate, func() string) {
	t.Helper()
	dir := t.TempDir()
	log, err := audit.Open(audit.Options{Dir: dir, Durability: audit.DurabilityOS, Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return New(log), func() string {
		b, err := os.ReadFile(filepath.Join(dir, "audit.log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func signRequest(c *policy.Caller) *Request {
	return &Request{Caller: c, RequestID: "r1", Operation: "transit/sign", Path: "transit/sign/web", Need: policy.Update, Action: pass.Sign, Key: "m/web"}
}

func TestAdmitMintsAPassForWhatPolicyAllowed(t *testing.T) {
	g, _ := newGate(t)
	a, err := g.Admit(signRequest(&policy.Caller{Root: true}))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Pass().Redeem(pass.Sign, "m/web"); err != nil {
		t.Fatal(err)
	}
	if err := a.Pass().Redeem(pass.Sign, "m/web"); !errors.Is(err, pass.ErrSpent) {
		t.Fatalf("a pass was spent twice: %v", err)
	}
}

func TestARefusalIsRecordedAndYieldsNothing(t *testing.T) {
	g, read := newGate(t)
	a, err := g.Admit(signRequest(&policy.Caller{Accessor: "acc"})) // no policies
	if !errors.Is(err, ErrDenied) || a != nil {
		t.Fatalf("got %v, %v", a, err)
	}
	if log := read(); !strings.Contains(log, `"outcome":"refused"`) || !strings.Contains(log, `"accessor":"acc"`) {
		t.Fatalf("the refusal is not in the log: %s", log)
	}
}

func TestNoPassWithoutALog(t *testing.T) {
	g, _ := newGate(t)
	if err := g.log.Close(); err != nil {
		t.Fatal(err)
	}
	if a, err := g.Admit(signRequest(&policy.Caller{Root: true})); err == nil {
		if err := a.Close("ok", ""); err == nil {
			t.Fatal("a closed log took a record")
		}
	}
	if _, err := g.Admit(signRequest(&policy.Caller{})); err == nil || errors.Is(err, ErrDenied) {
		t.Fatalf("a refusal that could not be recorded: %v", err)
	}
}

func TestIntentThenOutcome(t *testing.T) {
	g, read := newGate(t)
	a, err := g.Admit(signRequest(&policy.Caller{Root: true}))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Intent("p1"); err != nil {
		t.Fatal(err)
	}
	if log := read(); !strings.Contains(log, `"type":"intent"`) {
		t.Fatal("the intent is not durable when Intent returns")
	}
	if err := a.Close("ok", ""); err != nil {
		t.Fatal(err)
	}
	if log := read(); strings.Count(log, `"proposal":"p1"`) != 2 || !strings.Contains(log, `"type":"outcome"`) {
		t.Fatalf("log: %s", log)
	}
}

// The outcome of a write that no log will ever have is told apart from one that comes late.
func TestAnOutcomeThatIsLost(t *testing.T) {
	g, _ := newGate(t)
	a, err := g.Admit(signRequest(&policy.Caller{Root: true}))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Intent("p1"); err != nil {
		t.Fatal(err)
	}
	if err := g.log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close("ok", ""); !errors.Is(err, audit.ErrLost) {
		t.Fatalf("a log that is over: %v", err)
	}
}

func TestSecretsInTheWrongPlaceAreScrubbed(t *testing.T) {
	g, read := newGate(t)
	token := "sgt." + strings.Repeat("Ab3_", 10) + "xyz"
	hexShare, b64Share := strings.Repeat("0a", 48), strings.Repeat("Ab+/", 15)+"Ab+8"
	r := signRequest(&policy.Caller{Root: true})
	r.Path = "transit/sign/" + token
	a, err := g.Admit(r)
	if err != nil {
		t.Fatal(err)
	}
	a.Record.Key = hexShare
	a.Record.Fields = map[string]string{"policy": b64Share, "count": "4096"}
	if err := a.Close("ok", ""); err != nil {
		t.Fatal(err)
	}
	log := read()
	for _, secret := range []string{token, hexShare, b64Share} {
		if strings.Contains(log, secret) {
			t.Errorf("%.10s… is in the log", secret)
		}
	}
	if strings.Count(log, "[redacted]") != 3 || !strings.Contains(log, "4096") {
		t.Errorf("log: %s", log)
	}
	for _, name := range []string{"web", "a-usual-name-of-some-length.v2", "0f4b8f3e-0000-4000-8000-000000000001"} {
		if Scrub(name) != name {
			t.Errorf("%s was scrubbed", name)
		}
	}
}

// TestTokensInRecordsOfTokensAreScrubbed: in a claim that is to be read, in its name,
// in a context, in a chunk, and a signed token in the place of a name.
func TestTokensInRecordsOfTokensAreScrubbed(t *testing.T) {
	g, read := newGate(t)
	token := "sgt." + strings.Repeat("Ab3_", 10) + "xyz"
	jwt := "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyOjEifQ.c2lnbmF0dXJl"
	r := signRequest(&policy.Caller{Root: true})
	r.Path = "jwt/verify/" + jwt
	a, err := g.Admit(r)
	if err != nil {
		t.Fatal(err)
	}
	a.Record.Issuer, a.Record.Profile = jwt, "access"
	a.Record.Fields = map[string]string{"context." + token: "x", "context.agent": jwt, "context.ip": "203.0.113.7"}
	claims := func() []audit.Claim {
		return []audit.Claim{{Name: "sub", Value: token}, {Name: jwt, Value: "1"}, {Name: "role", Value: "clerk"}, {Name: "h", Value: g.Hash([]byte("x"))}}
	}
	a.Record.Claims = claims()
	a.Chunks = []*audit.Record{{Type: audit.TypeChunk, Chunk: 1, Hashes: []audit.ItemHash{{Index: 1, Claims: claims()}}}}
	if err := a.Close("ok", ""); err != nil {
		t.Fatal(err)
	}
	log := read()
	for _, secret := range []string{token, jwt, jwt[21:]} {
		if strings.Contains(log, secret) {
			t.Errorf("%.10s… is in the log: %s", secret, log)
		}
	}
	for _, want := range []string{`"role":"clerk"`, `"sub":"[redacted]"`, `"context.ip":"203.0.113.7"`, `"[redacted]":"x"`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in the log: %s", want, log)
		}
	}
}

// TestScrubLeavesNoPart: the hex form of a share is itself base64, and a slash
// joins a path to it.
func TestScrubLeavesNoPart(t *testing.T) {
	token := "sgt." + strings.Repeat("Ab3_", 10) + "xyz"
	hexShare := "0165515fbaae4800" + strings.Repeat("b36fe30e99e33536", 5)
	b64Share := "AdtLYlYcLQAAAAEBBKfFr4J7856mIhymby3TIjsr+x9h21SLpYwXVZkpVQEKru1O"
	slashed := "AdtLYlYcLQAAAAEB/KfFr4J7856mIhymby3TIj/r+x9h21SLpYwXVZkpVQEKru1O"
	for _, path := range []string{"transit/keys/", "transit/sign/", "transit/sign/e/", "auth/token/lookup/", "sys/policies/acl/", "sys/unseal/", ""} {
		for _, secret := range []string{token, token + token, hexShare, strings.ToUpper(hexShare), b64Share, "x" + b64Share, b64Share + "x", "x" + token, hexShare + "00"} {
			for _, tail := range []string{"", "/rotate"} {
				if got, want := Scrub(path+secret+tail), path+redacted+tail; got != want {
					t.Errorf("%s became %s", path+secret+tail, got)
				}
			}
		}
	}
	for _, path := range []string{"transit/keys/", "transit/sign/e/", "x", ""} {
		got := Scrub(path + slashed + "/rotate")
		for i := 0; i+8 <= len(slashed); i++ {
			if strings.Contains(got, slashed[i:i+8]) {
				t.Errorf("%s left %s of a share", path, slashed[i:i+8])
				break
			}
		}
	}
	for _, honest := range []string{
		"transit/sign/" + strings.Repeat("a0", 30), "transit/keys/" + strings.Repeat("z", 128), "transit/keys/" + strings.Repeat("0f", 32),
	} {
		if Scrub(honest) != honest {
			t.Errorf("%s became %s", honest, Scrub(honest))
		}
	}
}

// A share may have slashes: what a route takes for a name is then a part of it,
// which looks like nothing by itself.
func TestNamesOutOfAPathWithAShareAreHidden(t *testing.T) {
	share := "AZk9" + strings.Repeat("Q7x", 20)
	for at := 1; at < len(share)-1; at++ {
		split := share[:at] + "/" + share[at+1:]
		head, tail, _ := strings.Cut(split, "/")
		r := &audit.Record{Path: "transit/sign/" + split, Key: head, Fields: map[string]string{"role": tail, "other": "kept"}}
		scrub(r)
		if len(head) > 1 && strings.Contains(r.Key, head) || len(tail) > 1 && strings.Contains(r.Fields["role"], tail) || r.Fields["other"] != "kept" {
			t.Fatalf("split at %d: key %q, fields %q, path %q", at, r.Key, r.Fields, r.Path)
		}
	}
	r := &audit.Record{Path: "transit/sign/web", Key: "web"}
	if scrub(r); r.Key != "web" {
		t.Errorf("an innocent key is %q", r.Key)
	}
}
