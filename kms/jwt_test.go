package kms

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// issuer makes an issuer with one profile, "access".
func (n *node) issuer(name, alg, profile string) {
	n.t.Helper()
	url := "https://" + name + ".example"
	if _, err := n.WriteIssuer(n.t.Context(), n.rootCall("jwt/issuers/"+name), name, IssuerRequest{URL: &url, Alg: &alg}); err != nil {
		n.t.Fatal(err)
	}
	n.profile(name, "access", profile)
}

func (n *node) profile(issuer, name, definition string) {
	n.t.Helper()
	p, err := jose.ParseProfile([]byte(definition))
	if err != nil {
		n.t.Fatal(err)
	}
	r, err := p.Compile()
	if err != nil {
		n.t.Fatal(err)
	}
	canonical, err := p.Canonical()
	if err != nil {
		n.t.Fatal(err)
	}
	_, most := r.TTL()
	cmd := &state.PutProfile{Profile: state.Profile{Issuer: issuer, Name: name, Definition: canonical, MaxTTL: most, MaxNBF: r.MaxNBF()}}
	if _, err := n.propose(n.t.Context(), newProposal(), cmd); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) jwt(issuer string, req JWTRequest) (IssuedJWT, error) {
	out, err := n.SignJWT(n.rootCall("jwt/sign/"+issuer+"/access"), issuer, "access", []JWTRequest{req}, nil, false)
	if err != nil {
		return IssuedJWT{}, err
	}
	return out[0], nil
}

func (n *node) verdict(issuer, token string, d JWTDemand) JWTVerdict {
	n.t.Helper()
	out, err := n.VerifyJWT(n.rootCall("jwt/verify/"+issuer), issuer, d, []string{token}, false)
	if err != nil {
		n.t.Fatal(err)
	}
	return out[0]
}

func subject(s string) JWTRequest { return JWTRequest{Subject: &s, Audience: []string{"api://orders"}} }

// payload decodes the middle of a compact token.
func payload(t testing.TB, token []byte) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(string(token), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Every algorithm signs what it verifies, and what it verifies alone.
func TestTokensOfEveryAlgorithm(t *testing.T) {
	n := newNode(t)
	var before string
	for _, alg := range jose.Algs() {
		name := "i-" + strings.ToLower(string(alg))
		if alg == jose.Ed25519 {
			name = "i-ed"
		}
		n.issuer(name, string(alg), `{}`)
		got, err := n.jwt(name, subject("user:1"))
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		token := string(got.Token)
		if v := n.verdict(name, token, JWTDemand{Profile: "access", Audience: "api://orders"}); !v.Active || v.Reason != "" {
			t.Errorf("%s: %+v", alg, v)
		}
		view, err := n.rootCall("x").view.issuer(name)
		if err != nil {
			t.Fatal(err)
		}
		if sig := strings.Split(token, ".")[2]; len(sig) != base64.RawURLEncoding.EncodedLen(signatureSize(alg, view.signer.Type)) {
			t.Errorf("%s: a signature of %d characters", alg, len(sig))
		}
		altered := []byte(token)
		altered[strings.IndexByte(token, '.')+5] ^= 1
		if v := n.verdict(name, string(altered), JWTDemand{}); v.Active || v.Reason != "bad_signature" && v.Reason != "malformed" || v.Claims != nil {
			t.Errorf("%s: an altered token is %+v", alg, v)
		}
		if before != "" {
			if v := n.verdict(name, before, JWTDemand{}); v.Active || v.Reason != "unknown_key" {
				t.Errorf("%s: another issuer's token is %+v", alg, v)
			}
		}
		before = token
	}
}

func TestWhatTheServerPutsIntoAToken(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"scopes":["orders:read"]}`)
	begin := time.Now().Unix()
	ttl := 10 * time.Minute
	req := subject("user:1")
	req.TTL, req.Scope, req.Claims = &ttl, "orders:read", []byte(`{"n":9007199254740993, "f":1.0,"e":1e400}`)
	got, err := n.jwt("acme", req)
	if err != nil {
		t.Fatal(err)
	}
	claims := payload(t, got.Token)
	second := func(name string) int64 { n, _ := claims[name].(json.Number).Int64(); return n }
	iat := second("iat")
	client, _ := claims["client_id"].(string)
	if claims["iss"] != "https://acme.example" || claims["jti"] != got.JTI || claims["scope"] != "orders:read" || iat < begin || iat > time.Now().Unix() ||
		got.Expires.Unix() != iat+600 || second("exp") != iat+600 || !strings.HasPrefix(client, "token:") || len(client) != 22 {
		t.Errorf("claims %v of %+v", claims, got)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(string(got.Token), ".")[1])
	if !strings.HasSuffix(string(raw), `"n":9007199254740993,"f":1.0,"e":1e400}`) {
		t.Errorf("payload %s", raw)
	}
	if random, err := base64.RawURLEncoding.DecodeString(got.JTI); err != nil || len(random) != 16 {
		t.Errorf("jti %s", got.JTI)
	}
	other, err := n.jwt("acme", req)
	if err != nil || other.JTI == got.JTI {
		t.Errorf("a second jti %s, %v", other.JTI, err)
	}
	if payload(t, other.Token)["client_id"] != client {
		t.Error("one caller has two client ids")
	}
	if v := n.verdict("acme", string(got.Token), JWTDemand{}); !v.Active || string(v.Claims) != string(raw) || !strings.Contains(string(v.Header), `"kid":"`+got.KID+`"`) {
		t.Errorf("%+v", v)
	}
}

// Which version states sign and which verify: the whole table.
func TestVersionStatesOfTokens(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	made, err := n.jwt("acme", subject("user:1"))
	if err != nil {
		t.Fatal(err)
	}
	forged := string(made.Token[:len(made.Token)-4]) + "AAAA"
	want := map[state.VersionState]struct {
		signs          bool
		reason, forged string
	}{
		state.Pending:     {false, "unknown_key", "unknown_key"},
		state.Active:      {true, "", "bad_signature"},
		state.Suspended:   {false, "unknown_key", "unknown_key"},
		state.Retired:     {false, "", "bad_signature"},
		state.Compromised: {false, "key_compromised", "bad_signature"},
		state.Destroyed:   {false, "unknown_key", "unknown_key"},
	}
	for _, s := range state.VersionStates() {
		t.Run(string(s), func(t *testing.T) {
			as := func(path string) *Call { return n.callWith("acme", path, s) }
			_, err := n.SignJWT(as("jwt/sign/acme/access"), "acme", "access", []JWTRequest{subject("user:1")}, nil, false)
			if w := want[s]; w.signs != (err == nil) || !w.signs && !errors.Is(err, ErrNoSigningKey) {
				t.Errorf("sign: %v", err)
			}
			got, err := n.VerifyJWT(as("jwt/verify/acme"), "acme", JWTDemand{}, []string{string(made.Token), forged}, true)
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Active != (want[s].reason == "") || got[0].Reason != want[s].reason || got[1].Active || got[1].Reason != want[s].forged {
				t.Errorf("verify: %+v", got)
			}
		})
	}
}

// callWith is a call whose view has the first version of an issuer in a state.
func (n *node) callWith(issuer, path string, s state.VersionState) *Call {
	n.t.Helper()
	c := n.rootCall(path)
	i, err := c.view.issuer(issuer)
	if err != nil {
		n.t.Fatal(err)
	}
	v := *i.versions[0]
	v.State = s
	if s == state.Destroyed {
		v.Sealed = nil
	}
	mine := *i
	mine.versions, mine.byKID, mine.signer = []*state.KeyVersion{&v}, map[string]*state.KeyVersion{v.KID: &v}, nil
	if s.Produces() {
		mine.signer = &v
	}
	mine.profiles = map[string]*profileView{}
	for name, p := range i.profiles {
		mine.profiles[name] = &profileView{Profile: p.Profile, rules: p.rules, ready: func() (*minting, error) { return newMinting(&mine, p) }}
	}
	next := *c.view
	next.issuers = &issuerCache{}
	next.issuers.byName.Store(issuer, &mine)
	c.view = &next
	return c
}

func TestRefusalsOfSigning(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"audience":["api://orders"],"subject":"^user:","scopes":["orders:read"],"claims":{"allowed":["role"],"forbidden":["admin"]}}`)
	n.profile("acme", "nested", `{"encrypt":{"transit_key":"box","alg":"dir","enc":"A256GCM"}}`)
	day, half := 24*time.Hour, 500*time.Millisecond
	for what, c := range map[string]struct {
		edit func(r *JWTRequest)
		want *Error
		says string
	}{
		"audience":         {func(r *JWTRequest) { r.Audience = []string{"api://other"} }, ErrClaimNotAllowed, "aud"},
		"subject":          {func(r *JWTRequest) { s := "root"; r.Subject = &s }, ErrClaimNotAllowed, "sub"},
		"empty subject":    {func(r *JWTRequest) { s := ""; r.Subject = &s }, ErrClaimNotAllowed, "sub"},
		"scope":            {func(r *JWTRequest) { r.Scope = "orders:write" }, ErrClaimNotAllowed, "scope"},
		"ttl":              {func(r *JWTRequest) { r.TTL = &day }, ErrClaimNotAllowed, "ttl"},
		"no ttl":           {func(r *JWTRequest) { r.TTL = new(time.Duration) }, ErrClaimNotAllowed, "ttl"},
		"half a second":    {func(r *JWTRequest) { r.TTL = &half }, ErrBadRequest, "ttl"},
		"nbf":              {func(r *JWTRequest) { r.NotBefore = time.Minute }, ErrClaimNotAllowed, "nbf"},
		"half a nbf":       {func(r *JWTRequest) { r.NotBefore = half }, ErrBadRequest, "nbf"},
		"claim":            {func(r *JWTRequest) { r.Claims = []byte(`{"team":"x"}`) }, ErrClaimNotAllowed, "team"},
		"forbidden":        {func(r *JWTRequest) { r.Claims = []byte(`{"Admin":true}`) }, ErrClaimNotAllowed, "Admin"},
		"reserved":         {func(r *JWTRequest) { r.Claims = []byte(`{"exp":1}`) }, ErrClaimNotAllowed, "exp"},
		"reserved, case":   {func(r *JWTRequest) { r.Claims = []byte(`{"ISS":"x"}`) }, ErrClaimNotAllowed, "ISS"},
		"reserved, escape": {func(r *JWTRequest) { r.Claims = []byte(`{"\u0069ss":"x"}`) }, ErrClaimNotAllowed, "iss"},
		"no object":        {func(r *JWTRequest) { r.Claims = []byte(`[]`) }, ErrClaimNotAllowed, "claims"},
	} {
		req := subject("user:1")
		c.edit(&req)
		_, err := n.jwt("acme", req)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v that says %s", what, err, c.want, c.says)
		}
	}
	sign := func(issuer, profile string, reqs []JWTRequest, context map[string]string, batch bool) error {
		_, err := n.SignJWT(n.rootCall("jwt/sign/"+issuer+"/"+profile), issuer, profile, reqs, context, batch)
		return err
	}
	one, many := []JWTRequest{subject("user:1")}, map[string]string{}
	for i := range 17 {
		many[fmt.Sprint("k", i)] = ""
	}
	for what, c := range map[string]struct {
		err  error
		want *Error
	}{
		"no issuer":         {sign("other", "access", one, nil, false), ErrIssuerNotFound},
		"no profile":        {sign("acme", "other", one, nil, false), ErrProfileNotFound},
		"no key to encrypt": {sign("acme", "nested", one, nil, false), ErrKeyNotFound},
		"empty batch":       {sign("acme", "access", nil, nil, true), ErrBadRequest},
		"long batch":        {sign("acme", "access", make([]JWTRequest, MaxBatch+1), nil, true), ErrBadRequest},
		"much context":      {sign("acme", "access", one, many, false), ErrBadRequest},
		"long context":      {sign("acme", "access", one, map[string]string{"ip": strings.Repeat("x", 257)}, false), ErrBadRequest},
		"name of context":   {sign("acme", "access", one, map[string]string{"a b": ""}, false), ErrBadRequest},
		"no name":           {sign("acme", "access", one, map[string]string{"": ""}, false), ErrBadRequest},
		"long name":         {sign("acme", "access", one, map[string]string{strings.Repeat("x", 65): ""}, false), ErrBadRequest},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
}

func TestRefusalsOfVerifying(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"max_nbf":100,"scopes":["orders:read"]}`)
	n.profile("acme", "id", `{"typ":"JWT"}`)
	n.issuer("other", "", `{}`)
	got, err := n.jwt("acme", subject("user:1"))
	if err != nil {
		t.Fatal(err)
	}
	token := string(got.Token)
	later := subject("user:1")
	later.NotBefore = 90 * time.Second
	ahead, err := n.jwt("acme", later)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		token  string
		demand JWTDemand
		want   string
	}{
		"good":            {token, JWTDemand{Typ: "AT+JWT", Profile: "access", Audience: "api://orders", MaxAge: time.Hour}, ""},
		"media type":      {token, JWTDemand{Typ: "application/at+jwt"}, ""},
		"typ":             {token, JWTDemand{Typ: "JWT"}, "wrong_type"},
		"profile":         {token, JWTDemand{Profile: "id"}, "wrong_type"},
		"typ and profile": {token, JWTDemand{Typ: "at+jwt", Profile: "id"}, "wrong_type"},
		"audience":        {token, JWTDemand{Audience: "api://Orders"}, "wrong_audience"},
		"scope":           {token, JWTDemand{Scope: "orders:read"}, "insufficient_scope"},
		"nbf":             {string(ahead.Token), JWTDemand{}, "not_yet_valid"},
		"cut":             {token[:len(token)-1], JWTDemand{}, "malformed"},
		"two segments":    {token[:strings.LastIndexByte(token, '.')], JWTDemand{}, "malformed"},
		"no token":        {"x", JWTDemand{}, "malformed"},
		"first reason":    {token, JWTDemand{Typ: "JWT", Audience: "x", Scope: "y"}, "wrong_type"},
	} {
		if v := n.verdict("acme", c.token, c.demand); v.Reason != c.want || v.Active != (c.want == "") || v.Active != (v.Claims != nil) || v.Active != (v.Header != nil) {
			t.Errorf("%s: %+v, want %q", what, v, c.want)
		}
	}
	verify := func(issuer string, d JWTDemand, tokens []string, batch bool) error {
		_, err := n.VerifyJWT(n.rootCall("jwt/verify/"+issuer), issuer, d, tokens, batch)
		return err
	}
	for what, c := range map[string]struct {
		err  error
		want *Error
	}{
		"no issuer":     {verify("nobody", JWTDemand{}, []string{token}, false), ErrIssuerNotFound},
		"no profile":    {verify("acme", JWTDemand{Profile: "other"}, []string{token}, false), ErrProfileNotFound},
		"no token":      {verify("acme", JWTDemand{}, []string{""}, false), ErrBadRequest},
		"half a second": {verify("acme", JWTDemand{MaxAge: time.Millisecond}, []string{token}, false), ErrBadRequest},
		"empty batch":   {verify("acme", JWTDemand{}, nil, true), ErrBadRequest},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
}

// A token says which application asked for it, and templates are filled with what
// is known of that one; a blocked application is issued nothing.
func TestTokensOfAnApplication(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{"claims":{"forced":{"tenant":"{{application.metadata.tenant}}","by":"{{application.name}} of {{application.owner}}"}}}`)
	owner, meta := "team-orders", map[string]string{"tenant": "t-1"}
	n.application("web", ApplicationChange{Owner: &owner, Metadata: meta, Policies: []string{"minter"}})
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/minter"), "minter", `path "jwt/*" { capabilities = ["update"] }`); err != nil {
		t.Fatal(err)
	}
	app := "web"
	id := n.role("web", AppRoleChange{Application: &app})
	secret, _ := n.secretID("web", SecretIDRequest{})
	token, _, err := n.login(id, secret)
	if err != nil {
		t.Fatal(err)
	}
	c := n.call(token, "POST", "jwt/sign/acme/access")
	got, err := n.SignJWT(c, "acme", "access", []JWTRequest{subject("user:1")}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if claims := payload(t, got[0].Token); claims["client_id"] != "web" || claims["tenant"] != "t-1" || claims["by"] != "web of team-orders" {
		t.Errorf("%v", claims)
	}
	if r := n.recordsOf(c)[0]; r.Application != "web" {
		t.Errorf("record %+v", r)
	}
	// Without an application there is nothing to fill in.
	if _, err := n.jwt("acme", subject("user:1")); !errors.Is(err, ErrClaimNotAllowed) {
		t.Errorf("without an application: %v", err)
	}
	n.block("web", true)
	c, err = n.Begin(Origin{RequestID: newUUID(), Method: "POST", Path: "jwt/sign/acme/access", Remote: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Authenticate(c, token); !errors.Is(err, ErrApplicationBlocked) {
		t.Errorf("blocked: %v", err)
	}
}
