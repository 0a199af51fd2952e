package kms

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

func (n *node) revoke(issuer string, items ...JWTRevocation) ([]RevokedJWT, error) {
	return n.RevokeJWT(n.t.Context(), n.rootCall("jwt/revoke/"+issuer), issuer, items, len(items) > 1)
}

func (n *node) mustRevoke(issuer string, it JWTRevocation) RevokedJWT {
	n.t.Helper()
	out, err := n.revoke(issuer, it)
	if err != nil {
		n.t.Fatal(err)
	}
	return out[0]
}

func (n *node) mustIssue(issuer, sub string) string {
	n.t.Helper()
	got, err := n.jwt(issuer, subject(sub))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(got.Token)
}

func (n *node) reason(issuer, token string) string {
	n.t.Helper()
	v := n.verdict(issuer, token, JWTDemand{})
	if v.Active != (v.Reason == "") {
		n.t.Fatalf("%+v", v)
	}
	return v.Reason
}

// Whatever was issued until a revocation is refused after it, and what is issued
// right after it is accepted.
func TestWhatARevocationRefuses(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"max_ttl":3600}`)
	n.issuer("other", "", `{}`)
	mine, yours, elsewhere := n.mustIssue("acme", "user:1"), n.mustIssue("acme", "user:2"), n.mustIssue("other", "user:1")
	claims := payload(t, []byte(mine))
	client := claims["client_id"].(string)

	if out := n.mustRevoke("acme", JWTRevocation{Token: mine}); out.JTI != claims["jti"] || out.IssuedBefore != 0 || out.Expired ||
		out.KeptUntil.Before(time.Now().Add(15*time.Minute)) || out.KeptUntil.After(time.Now().Add(30*time.Minute)) {
		t.Fatalf("%+v", out)
	}
	if n.reason("acme", mine) != "revoked" || n.reason("acme", yours) != "" || n.reason("other", elsewhere) != "" {
		t.Fatal("by token: the wrong tokens are revoked")
	}
	third := n.mustIssue("acme", "user:1")
	jti := payload(t, []byte(third))["jti"].(string)
	if out := n.mustRevoke("other", JWTRevocation{JTI: jti}); out.KeptUntil.IsZero() {
		t.Fatalf("%+v", out)
	}
	if n.reason("acme", third) != "" {
		t.Fatal("a jti was revoked at one issuer, and another refuses it")
	}
	if out := n.mustRevoke("acme", JWTRevocation{JTI: jti}); out.KeptUntil.Before(time.Now().Add(time.Hour)) {
		t.Fatalf("a jti alone is kept until %s, and a token may live for an hour", out.KeptUntil)
	}
	if n.reason("acme", third) != "revoked" {
		t.Fatal("by jti: not revoked")
	}
	for name, it := range map[string]JWTRevocation{"sub": {Subject: "user:1"}, "client_id": {ClientID: client}} {
		before := n.mustIssue("acme", "user:1")
		n.mustRevoke("acme", it)
		again := n.mustIssue("acme", "user:1")
		if n.reason("acme", before) != "revoked" {
			t.Errorf("%s: a token of before is accepted", name)
		}
		if r := n.reason("acme", again); r != "" {
			t.Errorf("%s: a token of after is %s", name, r)
		}
		n.mustRevoke("acme", it)
		if n.reason("acme", again) != "revoked" {
			t.Errorf("%s: revoked again within the second, and a token of between is accepted", name)
		}
		if n.reason("other", elsewhere) != "" {
			t.Errorf("%s: another issuer's token is refused", name)
		}
	}
	// An earlier time is no more than it says.
	n.issuer("third", "", `{}`)
	early := n.mustIssue("third", "user:9")
	if out := n.mustRevoke("third", JWTRevocation{Subject: "user:9", IssuedBefore: time.Now().Unix() - 100}); out.IssuedBefore > time.Now().Unix()-100 {
		t.Fatalf("%+v", out)
	}
	if n.reason("third", early) != "" {
		t.Fatal("a token is refused that was issued after the cut-off")
	}
}

func TestRevocationsThatAreRefused(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	n.issuer("other", "", `{}`)
	foreign, good := n.mustIssue("other", "user:1"), n.mustIssue("acme", "user:1")
	cut := good[:len(good)-4]
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		it   JWTRevocation
		says string
	}{
		"nothing":          {JWTRevocation{}, "one of"},
		"two":              {JWTRevocation{JTI: "a", Subject: "b"}, "one of"},
		"foreign":          {JWTRevocation{Token: foreign}, "no token of the issuer"},
		"cut":              {JWTRevocation{Token: cut}, "no token of the issuer"},
		"garbage":          {JWTRevocation{Token: "x"}, "no token of the issuer"},
		"time of a token":  {JWTRevocation{JTI: "a", IssuedBefore: 5}, "issued_before goes with"},
		"end of a subject": {JWTRevocation{Subject: "a", Expires: 5}, "exp goes with"},
		"negative":         {JWTRevocation{Subject: "a", IssuedBefore: -1}, "seconds since 1970"},
		"ahead":            {JWTRevocation{Subject: "a", IssuedBefore: now + 100}, "ahead"},
		"milliseconds":     {JWTRevocation{Subject: "a", IssuedBefore: now * 1000}, "ahead"},
		"long":             {JWTRevocation{JTI: strings.Repeat("a", 1025)}, "at most"},
	} {
		if _, err := n.revoke("acme", c.it); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), foreign) || strings.Contains(err.Error(), cut) {
			t.Errorf("%s: the error shows the token: %v", name, err)
		}
	}
	if _, err := n.revoke("none", JWTRevocation{JTI: "a"}); !errors.Is(err, ErrIssuerNotFound) {
		t.Error(err)
	}
	if all := n.view.Load().CountIssued().All(); all != 0 {
		t.Errorf("%d entries were made by requests that were refused", all)
	}
	// One that has ended is a success without an entry.
	if out := n.mustRevoke("acme", JWTRevocation{JTI: "a", Expires: now - 1000}); !out.Expired || !out.KeptUntil.IsZero() {
		t.Errorf("%+v", out)
	}
	if all := n.view.Load().CountIssued().All(); all != 0 {
		t.Errorf("an expired token takes memory")
	}
	// In a batch each has its own, and the good ones are done.
	out, err := n.revoke("acme", JWTRevocation{Token: foreign}, JWTRevocation{Token: good}, JWTRevocation{JTI: "gone", Expires: 1}, JWTRevocation{Subject: "user:7"})
	if err != nil || !errors.Is(out[0].Err, ErrBadRequest) || out[1].Err != nil || !out[2].Expired || out[3].IssuedBefore == 0 {
		t.Fatalf("%+v %v", out, err)
	}
	if n.reason("acme", good) != "revoked" || n.reason("other", foreign) != "" {
		t.Error("the batch revoked the wrong ones")
	}
	if log := string(n.auditLog()); strings.Contains(log, "user:7") || strings.Contains(log, good) || strings.Contains(log, strings.Split(good, ".")[2]) {
		t.Error("a subject or a token stands in the log")
	}
}

// A request that is sent again under one idempotency key revokes once, and has the
// answer of the first.
func TestARevocationSentTwice(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	once := func(it JWTRevocation) RevokedJWT {
		c := n.rootCall("jwt/revoke/acme")
		if err := c.Idempotent("key", []byte(fmt.Sprint(it))); err != nil {
			t.Fatal(err)
		}
		out, err := n.RevokeJWT(t.Context(), c, "acme", []JWTRevocation{it}, false)
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	first := once(JWTRevocation{Subject: "user:1"})
	token := n.mustIssue("acme", "user:1")
	if second := once(JWTRevocation{Subject: "user:1"}); second != first {
		t.Fatalf("%+v, and then %+v", first, second)
	}
	if r := n.reason("acme", token); r != "" {
		t.Fatalf("the repetition refuses what was issued since: %s", r)
	}
}

// Revocations and uses stay through restarts and snapshots.
func TestRevocationsSurvive(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	one, two, used := n.mustIssue("acme", "user:1"), n.mustIssue("acme", "user:2"), n.mustIssue("acme", "user:3")
	n.mustRevoke("acme", JWTRevocation{Token: one})
	n.mustRevoke("acme", JWTRevocation{Subject: "user:2"})
	if v := n.verdict("acme", used, JWTDemand{SingleUse: true}); !v.Active {
		t.Fatalf("%+v", v)
	}
	check := func(when string) {
		t.Helper()
		if n.reason("acme", one) != "revoked" || n.reason("acme", two) != "revoked" {
			t.Errorf("%s: a revoked token is accepted", when)
		}
		if v := n.verdict("acme", used, JWTDemand{SingleUse: true}); v.Active || v.Reason != "replayed" {
			t.Errorf("%s: a used token is used again: %+v", when, v)
		}
	}
	check("at once")
	n.restart()
	check("after a restart")
	if err := n.store.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.restart()
	check("from a snapshot")
}

func TestOneOfManyUsesIsTheFirst(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"scopes":["a"]}`)
	token := n.mustIssue("acme", "user:1")
	// What is refused for another reason spends nothing.
	for _, d := range []JWTDemand{{SingleUse: true, Audience: "api://other"}, {SingleUse: true, Scope: "b"}, {SingleUse: true, Typ: "x/y"}} {
		if v := n.verdict("acme", token, d); v.Active {
			t.Fatalf("%+v: %+v", d, v)
		}
	}
	var wg sync.WaitGroup
	verdicts := make([]JWTVerdict, 64)
	for i := range verdicts {
		wg.Go(func() {
			out, err := n.VerifyJWT(n.rootCall("jwt/verify/acme"), "acme", JWTDemand{SingleUse: true}, []string{token}, false)
			if err != nil {
				t.Error(err)
				return
			}
			verdicts[i] = out[0]
		})
	}
	wg.Wait()
	first := 0
	for _, v := range verdicts {
		if v.Active {
			first++
		} else if v.Reason != "replayed" || v.Claims != nil {
			t.Errorf("%+v", v)
		}
	}
	if first != 1 {
		t.Fatalf("%d of 64 were told that the token is active", first)
	}
	if n.reason("acme", token) != "replayed" {
		t.Error("a spent token is good for whoever does not ask for one use")
	}
	n.mustRevoke("acme", JWTRevocation{Token: token})
	if v := n.verdict("acme", token, JWTDemand{SingleUse: true}); v.Reason != "revoked" {
		t.Errorf("%+v", v)
	}
	if _, err := n.VerifyJWT(n.rootCall("jwt/verify/acme"), "acme", JWTDemand{SingleUse: true}, []string{token, token}, true); !errors.Is(err, ErrUnsupported) {
		t.Errorf("single_use in a batch: %v", err)
	}
}

// A use whose outcome is not known is an error and no verdict.
func TestAnUnknownUseIsNoVerdict(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	token := n.mustIssue("acme", "user:1")
	c := n.rootCall("jwt/verify/acme")
	n.numbering.Lock()
	n.numbering.epoch = 0 // leadership is lost: certainly not done
	n.numbering.Unlock()
	out, err := n.VerifyJWT(c, "acme", JWTDemand{SingleUse: true}, []string{token}, false)
	if err == nil || out != nil {
		t.Fatalf("%+v %v", out, err)
	}
}

// An entry leaves when nothing that it refuses is accepted any more, also when nobody
// writes.
func TestEntriesLeaveByThemselves(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	view, _ := n.rootCall("x").view.issuer("acme")
	id := view.issued.Token("old")
	cmd := &state.RevokeIssued{Issuer: "acme", UUID: view.UUID, Entries: []state.Revocation{{ID: id[:], Exp: time.Now().Unix() - 3600}}}
	if _, err := n.propose(t.Context(), newProposal(), cmd); err != nil {
		t.Fatal(err)
	}
	if all := n.view.Load().CountIssued().All(); all != 1 {
		t.Fatalf("%d entries", all)
	}
	n.forgetExpired(t.Context(), time.Now().UnixNano())
	if all := n.view.Load().CountIssued().All(); all != 0 {
		t.Fatalf("%d entries are left", all)
	}
}

// A suspended version may come back, so its tokens can be revoked meanwhile.
func TestTokensOfASuspendedVersionAreRevoked(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	token := n.mustIssue("acme", "user:1")
	v, _ := n.rootCall("x").view.issuer("acme")
	suspended := *v.signer
	suspended.State = state.Suspended
	view := *v
	view.byKID = map[string]*state.KeyVersion{suspended.KID: &suspended}
	if got, err := view.signedBy(nil, token); err != nil || got == nil {
		t.Fatal("a token of a suspended version is none of the issuer's", err)
	}
	suspended.State = state.Destroyed
	if got, _ := view.signedBy(nil, token); got != nil {
		t.Fatal("a token of a destroyed version is one of the issuer's")
	}
}

func (n *node) introspect(c *Call, token, audience string) string {
	n.t.Helper()
	out, err := n.IntrospectJWT(c, "acme", JWTForm{Token: token, Audience: audience})
	if err != nil {
		n.t.Fatal(err)
	}
	return string(out)
}

func TestIntrospectionOfTokens(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"scopes":["orders:read"]}`)
	token := n.mustIssue("acme", "user:1")
	const inactive = `{"active":false}`
	c := func() *Call { return n.rootCall("jwt/introspect/acme") }
	if got := n.introspect(c(), token, ""); !strings.HasPrefix(got, `{"active":true,"token_type":"Bearer",`) || !strings.Contains(got, `"sub":"user:1"`) {
		t.Fatal(got)
	}
	if got := n.introspect(c(), token, "api://orders"); got == inactive {
		t.Fatal("refused for its own audience")
	}
	for name, got := range map[string]string{
		"audience": n.introspect(c(), token, "api://other"), "garbage": n.introspect(c(), "x", ""), "cut": n.introspect(c(), token[:len(token)-4], ""),
	} {
		if got != inactive {
			t.Errorf("%s: %s", name, got)
		}
	}
	// An application that sees the tokens of its own audiences alone.
	for list, want := range map[string]bool{"api://orders": true, "api://a api://orders": true, "api://a": false, "": false} {
		app := &state.PutApplication{Application: state.Application{Name: "rs", Metadata: map[string]string{AudienceMetadata: list}}}
		if _, err := n.propose(t.Context(), newProposal(), app); err != nil {
			t.Fatal(err)
		}
		call := c()
		call.Caller.Application = "rs"
		if got := n.introspect(call, token, ""); (got != inactive) != want {
			t.Errorf("%q: %s", list, got)
		}
	}
	if v := n.verdict("acme", token, JWTDemand{SingleUse: true}); !v.Active {
		t.Fatalf("introspection used the token up: %+v", v)
	}
	n.mustRevoke("acme", JWTRevocation{Token: token})
	if got := n.introspect(c(), token, ""); got != inactive {
		t.Errorf("a revoked token: %s", got)
	}
	bad := JWTForm{Token: token, Err: ErrBusy}
	if _, err := n.IntrospectJWT(c(), "acme", bad); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if _, err := n.IntrospectJWT(c(), "acme", JWTForm{}); !errors.Is(err, ErrBadRequest) {
		t.Error(err)
	}
	powerless := c()
	powerless.Caller = policy.Caller{}
	if _, err := n.IntrospectJWT(powerless, "none", bad); !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("told something before policy was asked: %v", err)
	}
	if _, err := n.RevokeJWT(t.Context(), powerless, "none", nil, false); !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("told something before policy was asked: %v", err)
	}
}

// What a token says of active and token_type is not repeated, however it is spelled.
func TestATokenDoesNotSpeakForTheServer(t *testing.T) {
	const own = `{"active":true,"token_type":"Bearer"`
	for claims, want := range map[string]string{
		`{}`:                                       own + `}`,
		`{"sub":"a","exp":5}`:                      own + `,"sub":"a","exp":5}`,
		` { "sub" : "a" } `:                        own + `,"sub" : "a"}`,
		`{"active":false,"sub":"a"}`:               own + `,"sub":"a"}`,
		`{"sub":"a","\u0061ctive":false}`:          own + `,"sub":"a"}`,
		`{"token_type":"N_A","n":1.0}`:             own + `,"n":1.0}`,
		`{"token\u005ftype":"x","o":{"active":1}}`: own + `,"o":{"active":1}}`,
	} {
		if got := string(introspection([]byte(claims))); got != want {
			t.Errorf("%s: %s", claims, got)
		}
	}
}

func TestRevocationByAClient(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	n.issuer("other", "", `{}`)
	token, foreign := n.mustIssue("acme", "user:1"), n.mustIssue("other", "user:1")
	as := func(c *Call, token string) error {
		return n.RevokeByClient(t.Context(), c, "acme", JWTForm{Token: token})
	}
	call := func(application, rules string) *Call {
		c := n.rootCall("jwt/revocation/acme")
		if _, err := n.propose(t.Context(), newProposal(), &state.PutPolicy{Policy: state.Policy{Name: "client", Text: rules}}); err != nil {
			t.Fatal(err)
		}
		n.refresh(c)
		c.Caller = policy.Caller{Application: application, Policies: []string{"client"}, ACL: c.view.acls.of(c.view.State, []string{"client"})}
		c.token = &state.Token{}
		return c
	}
	const may, mayAll = `path "jwt/revocation/acme" { capabilities = ["update"] }`, `path "jwt/rev*" { capabilities = ["update"] }`
	for _, nothing := range []string{"x", foreign, token[:len(token)-4]} {
		if err := as(call("web", may), nothing); err != nil {
			t.Errorf("what is no token of the issuer: %v", err)
		}
	}
	if err := as(call("web", may), token); !errors.Is(err, ErrWrongClient) {
		t.Errorf("another client's token: %v", err)
	}
	if err := as(call("", may), token); !errors.Is(err, ErrWrongClient) {
		t.Errorf("nobody's: %v", err)
	}
	if err := as(call("web", ""), token); !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("without a policy: %v", err)
	}
	if n.reason("acme", token) != "" || n.reason("other", foreign) != "" {
		t.Fatal("a refused request revoked a token")
	}
	own := call("", may)
	own.token = n.rootCall("x").token // to whom it was issued
	if err := as(own, token); err != nil || n.reason("acme", token) != "revoked" {
		t.Fatalf("one's own: %v", err)
	}
	if err := as(own, token); err != nil {
		t.Errorf("again: %v", err)
	}
	second := n.mustIssue("acme", "user:1")
	if err := as(call("web", mayAll), second); err != nil || n.reason("acme", second) != "revoked" {
		t.Errorf("an operator: %v", err)
	}
}
