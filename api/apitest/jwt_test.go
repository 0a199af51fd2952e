package apitest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// mintable makes an issuer with the profile "access".
func mintable(n *apitest.Node, name, alg string, profile object) {
	n.Must("jwt/issuers/"+name, object{"issuer": "https://" + name + ".example", "alg": alg})
	n.Must("jwt/issuers/"+name+"/profiles/access", profile)
}

func url64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// part decodes a segment of a compact token.
func part(t *testing.T, token string, at int) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.Split(token, ".")[at])
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Tokens of every asymmetric algorithm verify by the published keys alone, in a
// library that is not ours.
func TestTokensVerifyByThePublishedKeys(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	const numbers = `{"big":9007199254740993, "one":1.0,"huge":1e400,"neg":-0,"s":"\u00e9\/"}`
	for _, alg := range []string{"ES256", "ES384", "ES512", "RS256", "PS384", "EdDSA"} {
		mintable(n, "i-"+strings.ToLower(alg), alg, object{"audience": []string{"api://orders"}, "scopes": []string{"orders:read"}})
		path := "i-" + strings.ToLower(alg)
		before := time.Now()
		r := wantStatus(t, n.Do("POST", "jwt/sign/"+path+"/access", n.Root(), `{"sub":"user:1","aud":"api://orders","scope":"orders:read","ttl":"10m","claims":`+numbers+`}`), 200)
		data, _ := r.At("data").(map[string]any)
		token := r.Text("data", "token")
		if len(data) != 4 || r.Text("data", "jti") == "" || r.Text("data", "kid") == "" || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", alg, r)
		}
		expires, err := time.Parse(time.RFC3339, r.Text("data", "expires_at"))
		if err != nil || expires.Sub(before) < 9*time.Minute || expires.Sub(before) > 11*time.Minute {
			t.Errorf("%s expires at %v, %v", alg, expires, err)
		}
		published := n.Get("/issuers/"+path+"/jwks.json", "")
		var keys gojose.JSONWebKeySet
		if err := json.Unmarshal(published.Body, &keys); err != nil || len(keys.Keys) != 1 {
			t.Fatalf("%s: %v in %s", alg, err, published)
		}
		sig, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := sig.Verify(keys.Keys[0])
		if err != nil || sig.Signatures[0].Header.KeyID != r.Text("data", "kid") || sig.Signatures[0].Header.ExtraHeaders["typ"] != "at+jwt" {
			t.Errorf("%s: %v, header %+v", alg, err, sig.Signatures[0].Header)
		}
		if !bytes.HasSuffix(payload, []byte(`"big":9007199254740993,"one":1.0,"huge":1e400,"neg":-0,"s":"\u00e9\/"}`)) {
			t.Errorf("%s: %s", alg, payload)
		}
		v := n.Must("jwt/verify/"+path, object{"token": token, "audience": "api://orders", "scope": "orders:read", "profile": "access", "max_age": "1h"})
		if v.At("data", "active") != true || !bytes.Contains(v.Body, append([]byte(`"claims":`), payload...)) || !bytes.Contains(v.Body, append([]byte(`"header":`), part(t, token, 0)...)) {
			t.Errorf("%s: %s", alg, v)
		}
	}
}

// What is refused to be signed, over the wire: the status, the code, and the name of
// what is wrong, but never what was sent there.
func TestWhatAProfileRefuses(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{
		"audience": []string{"api://orders"}, "subject": "^user:", "scopes": []string{"orders:read"}, "max_nbf": 0,
		"claims": object{"forced": object{"tenant": "t-1"}, "allowed": []string{"role", "nested"}, "forbidden": []string{"admin"}},
	})
	const canary = "canary-5d1f"
	for name, c := range map[string]struct{ body, code, says string }{
		"reserved":             {`{"sub":"user:1","claims":{"exp":"` + canary + `"}}`, "claim_not_allowed", "exp"},
		"forced":               {`{"sub":"user:1","claims":{"tenant":"` + canary + `"}}`, "claim_not_allowed", "tenant"},
		"forced in capitals":   {`{"sub":"user:1","claims":{"TENANT":"` + canary + `"}}`, "claim_not_allowed", "TENANT"},
		"forbidden":            {`{"sub":"user:1","claims":{"admin":"` + canary + `"}}`, "claim_not_allowed", "admin"},
		"not allowed":          {`{"sub":"user:1","claims":{"other":"` + canary + `"}}`, "claim_not_allowed", "other"},
		"look-alike":           {`{"sub":"user:1","claims":{"rolе":"` + canary + `"}}`, "claim_not_allowed", "rol"},
		"twice":                {`{"sub":"user:1","claims":{"role":"a","role":"` + canary + `"}}`, "invalid_json", "twice"},
		"twice, escaped":       {`{"sub":"user:1","claims":{"role":"a","\u0072ole":"` + canary + `"}}`, "invalid_json", "twice"},
		"twice inside":         {`{"sub":"user:1","claims":{"nested":{"a":1,"a":"` + canary + `"}}}`, "invalid_json", "twice"},
		"claims are no object": {`{"sub":"user:1","claims":["` + canary + `"]}`, "claim_not_allowed", "claims"},
		"audience":             {`{"sub":"user:1","aud":"` + canary + `"}`, "claim_not_allowed", canary},
		"second audience":      {`{"sub":"user:1","aud":["api://orders","` + canary + `"]}`, "claim_not_allowed", canary},
		"audience is a number": {`{"sub":"user:1","aud":1}`, "bad_request", "aud"},
		"subject":              {`{"sub":"` + canary + `"}`, "claim_not_allowed", "sub"},
		"subject is a number":  {`{"sub":1}`, "bad_request", "sub"},
		"scope":                {`{"sub":"user:1","scope":"` + canary + `"}`, "claim_not_allowed", canary},
		"ttl":                  {`{"sub":"user:1","ttl":"2h"}`, "claim_not_allowed", "ttl"},
		"ttl of nothing":       {`{"sub":"user:1","ttl":0}`, "claim_not_allowed", "ttl"},
		"ttl in milliseconds":  {`{"sub":"user:1","ttl":"1500ms"}`, "bad_request", "ttl"},
		"negative ttl":         {`{"sub":"user:1","ttl":-1}`, "bad_request", "ttl"},
		"nbf":                  {`{"sub":"user:1","nbf":60}`, "claim_not_allowed", "nbf"},
		"jti of the caller":    {`{"sub":"user:1","jti":"` + canary + `"}`, "unknown_field", "jti"},
		"iss of the caller":    {`{"sub":"user:1","iss":"` + canary + `"}`, "unknown_field", "iss"},
		"context":              {`{"sub":"user:1","context":{"ip":1}}`, "bad_request", "context"},
		"long context":         {`{"sub":"user:1","context":{"ip":"` + canary + strings.Repeat("x", 256) + `"}}`, "bad_request", "ip"},
		"sub beside a batch":   {`{"sub":"user:1","batch_input":[]}`, "bad_request", "batch_input"},
		"context in an item":   {`{"batch_input":[{"context":{}}]}`, "unknown_field", "context"},
		"empty batch":          {`{"batch_input":[]}`, "bad_request", "batch"},
		"no batch":             {`{"batch_input":{}}`, "bad_request", "batch_input"},
	} {
		r := wantError(t, n.Do("POST", "jwt/sign/acme/access", n.Root(), c.body), 400, c.code)
		// Audiences and scopes are named; what stands in a claim is not repeated.
		if !strings.Contains(r.Errors(), c.says) || c.says != canary && strings.Contains(string(r.Body), canary) {
			t.Errorf("%s: %s", name, r)
		}
	}
	wantError(t, n.Post("jwt/sign/other/access", n.Root(), object{}), 400, "issuer_not_found")
	wantError(t, n.Post("jwt/sign/acme/other", n.Root(), object{}), 400, "profile_not_found")
	wantError(t, n.Post("jwt/verify/other", n.Root(), object{"token": "x"}), 400, "issuer_not_found")
	wantError(t, n.Post("jwt/verify/acme", n.Root(), object{"token": "x", "profile": "other"}), 400, "profile_not_found")
	wantError(t, n.Post("jwt/verify/acme", n.Root(), object{}), 400, "bad_request")
	wantText(t, wantError(t, n.Post("jwt/verify/acme", n.Root(), object{"token": "x", "issuer": "y"}), 400, "unknown_field"), "issuer")
	if log := auditText(t, n); strings.Contains(log, canary) || strings.Contains(n.Log(), canary) {
		t.Error("what was refused is in a log")
	}
}

func auditText(t *testing.T, n *apitest.Node) string {
	t.Helper()
	var b strings.Builder
	for _, r := range records(t, n, func(audit.Parsed) bool { return true }) {
		fmt.Fprintf(&b, "%+v\n", r)
	}
	return b.String()
}

// A permission is to mint one profile, and to verify for one issuer.
func TestATokenIsMintedByPolicy(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	n.Must("jwt/issuers/acme/profiles/admin", object{})
	mintable(n, "other", "ES256", object{})
	minter := n.Allow("minter", "jwt/sign/acme/access", "update")
	checker := n.Allow("checker", "jwt/verify/acme", "update")
	body := object{"sub": "user:1", "aud": "a"}
	r := wantStatus(t, n.Post("jwt/sign/acme/access", minter, body), 200)
	for _, path := range []string{"jwt/sign/acme/admin", "jwt/sign/other/access", "jwt/sign/nobody/access", "jwt/sign/acme/nothing", "jwt/verify/acme", "jwt/verify/nobody"} {
		wantError(t, n.Post(path, minter, nil), 403, "permission_denied")
	}
	wantError(t, n.Post("jwt/sign/acme/access", checker, nil), 403, "permission_denied")
	token := r.Text("data", "token")
	if v := wantStatus(t, n.Post("jwt/verify/acme", checker, object{"token": token}), 200); v.At("data", "active") != true {
		t.Error(v)
	}
	wantError(t, n.Post("jwt/verify/other", checker, object{"token": token}), 403, "permission_denied")
	// Nobody signs bytes that look like a token with the issuer's key.
	wantError(t, n.Post("transit/sign/acme", n.Root(), object{"input": b64("x")}), 400, "key_bound_to_issuer")
}

// Tokens that an attacker makes out of what is public, or out of a good token.
func TestForgedTokensAreNotActive(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "RS256", object{})
	mintable(n, "other", "RS256", object{})
	mintable(n, "shared", "HS256", object{})
	good := n.Must("jwt/sign/acme/access", object{"sub": "user:1", "aud": "a"}).Text("data", "token")
	foreign := n.Must("jwt/sign/other/access", object{"sub": "user:1", "aud": "a"}).Text("data", "token")
	shared := n.Must("jwt/sign/shared/access", object{"sub": "user:1", "aud": "a"}).Text("data", "token")
	var keys gojose.JSONWebKeySet
	if err := json.Unmarshal(n.Get("/issuers/acme/jwks.json", "").Body, &keys); err != nil {
		t.Fatal(err)
	}
	kid := keys.Keys[0].KeyID
	der, err := x509.MarshalPKIXPublicKey(keys.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mac := func(key []byte, header, payload string) string {
		input := url64(header) + "." + url64(payload)
		m := hmac.New(sha256.New, key)
		m.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	payload := string(part(t, good, 1))
	segments := strings.Split(good, ".")
	with := func(header string) string { return url64(header) + "." + segments[1] + "." + segments[2] }
	head := func(members string) string {
		return `{"alg":"RS256","kid":"` + kid + `","typ":"at+jwt"` + members + `}`
	}
	for name, c := range map[string]struct{ token, reason string }{
		"good":                      {good, ""},
		"alg none":                  {url64(`{"alg":"none","typ":"at+jwt","kid":"`+kid+`"}`) + "." + segments[1] + ".", "malformed"},
		"alg nOnE":                  {with(`{"alg":"nOnE","typ":"at+jwt","kid":"` + kid + `"}`), "malformed"},
		"HS256 with the PEM":        {mac(public, `{"alg":"HS256","kid":"`+kid+`","typ":"at+jwt"}`, payload), "bad_signature"},
		"HS256 with the DER":        {mac(der, `{"alg":"HS256","kid":"`+kid+`","typ":"at+jwt"}`, payload), "bad_signature"},
		"HS256 with trimmed PEM":    {mac(bytes.TrimSpace(public), `{"alg":"HS256","kid":"`+kid+`","typ":"at+jwt"}`, payload), "bad_signature"},
		"PS256 for RS256":           {with(`{"alg":"PS256","kid":"` + kid + `","typ":"at+jwt"}`), "bad_signature"},
		"another issuer's":          {foreign, "unknown_key"},
		"the HMAC issuer's":         {shared, "unknown_key"},
		"no kid":                    {with(`{"alg":"RS256","typ":"at+jwt"}`), "unknown_key"},
		"kid of nobody":             {with(`{"alg":"RS256","kid":"../../etc/passwd","typ":"at+jwt"}`), "unknown_key"},
		"kid is a number":           {with(`{"alg":"RS256","kid":1,"typ":"at+jwt"}`), "malformed"},
		"header with jku":           {with(head(`,"jku":"http://127.0.0.1:1/"`)), "bad_signature"},
		"crit":                      {with(head(`,"crit":["exp"]`)), "malformed"},
		"alg twice":                 {with(head(`,"alg":"RS256"`)), "malformed"},
		"payload changed":           {segments[0] + "." + url64(strings.Replace(payload, "user:1", "user:2", 1)) + "." + segments[2], "bad_signature"},
		"signature of another":      {segments[0] + "." + segments[1] + "." + strings.Split(foreign, ".")[2], "bad_signature"},
		"no signature":              {segments[0] + "." + segments[1] + ".", "malformed"},
		"padding":                   {good + "=", "malformed"},
		"line break":                {good + "\n", "malformed"},
		"four segments":             {good + ".AAAA", "malformed"},
		"JSON serialization":        {`{"payload":"` + segments[1] + `"}`, "malformed"},
		"thousands of dots":         {strings.Repeat(".", 60000), "malformed"},
		"too long":                  {strings.Repeat("A", 70000), "malformed"},
		"a token of this server":    {n.Root(), "malformed"},
		"header in another spacing": {with(`{ "alg":"RS256","kid":"` + kid + `","typ":"at+jwt"}`), "bad_signature"},
	} {
		r := wantStatus(t, n.Post("jwt/verify/acme", n.Root(), object{"token": c.token}), 200)
		data, _ := r.At("data").(map[string]any)
		if c.reason == "" {
			if r.At("data", "active") != true {
				t.Errorf("%s: %s", name, r)
			}
			continue
		}
		if len(data) != 2 || data["active"] != false || data["reason"] != c.reason {
			t.Errorf("%s: %s, want %s", name, r, c.reason)
		}
	}
	if r := n.Must("jwt/verify/shared", object{"token": shared}); r.At("data", "active") != true {
		t.Error(r)
	}
}

func TestABatchOfTokensOverTheWire(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{"audit_claims": []string{"sub"}})
	var items []object
	for i := range 1000 {
		item := object{"sub": fmt.Sprint("user:", i), "aud": []string{"a"}, "reference": fmt.Sprint(i)}
		if i%100 == 7 {
			item["claims"] = object{"iss": "x"}
		}
		items = append(items, item)
	}
	r := n.Must("jwt/sign/acme/access", object{"batch_input": items, "context": object{"ip": "203.0.113.7"}})
	results, _ := r.At("data", "batch_results").([]any)
	if len(results) != 1000 {
		t.Fatalf("%d results", len(results))
	}
	var check []object
	seen := map[string]bool{}
	for i, one := range results {
		result := one.(map[string]any)
		if result["reference"] != fmt.Sprint(i) {
			t.Fatalf("item %d is %v", i, result)
		}
		if i%100 == 7 {
			if result["code"] != "claim_not_allowed" || !strings.Contains(fmt.Sprint(result["error"]), "iss") || result["token"] != nil {
				t.Errorf("item %d is %v", i, result)
			}
			continue
		}
		jti, _ := result["jti"].(string)
		if seen[jti] || jti == "" {
			t.Errorf("item %d has jti %q", i, jti)
		}
		seen[jti] = true
		check = append(check, object{"token": result["token"], "reference": jti})
	}
	check[3]["token"] = "x"
	delete(check[4], "token")
	v := n.Must("jwt/verify/acme", object{"batch_input": check, "audience": "a"})
	verdicts, _ := v.At("data", "batch_results").([]any)
	if len(verdicts) != len(check) {
		t.Fatalf("%d verdicts", len(verdicts))
	}
	for i, one := range verdicts {
		verdict := one.(map[string]any)
		claims, _ := verdict["claims"].(map[string]any)
		switch {
		case i == 3 && verdict["reason"] == "malformed", i == 4 && verdict["code"] == "bad_request" && verdict["active"] == false:
		case verdict["active"] != true || claims["jti"] != check[i]["reference"] || verdict["reference"] != check[i]["reference"]:
			t.Errorf("verdict %d is %v", i, verdict)
		}
	}
	jtis := 0
	for _, rec := range records(t, n, ofRequest(r)) {
		if rec.Type == audit.TypeRequest && (rec.Issuer != "acme" || rec.Profile != "access" || rec.Items != 1000 || rec.Fields["context.ip"] != "203.0.113.7") {
			t.Errorf("record %+v", rec)
		}
		for _, h := range rec.Hashes {
			if seen[h.JTI] && h.Claims[0] == (audit.Claim{Name: "sub", Value: fmt.Sprint("user:", h.Index)}) {
				jtis++
			}
		}
	}
	if jtis != 990 {
		t.Errorf("%d of 990 tokens are recorded", jtis)
	}
	wantError(t, n.Post("jwt/sign/acme/access", n.Root(), object{"batch_input": make([]object, 1001)}), 400, "bad_request")
}

// Tokens live on through a kill and a restart; no token is in any file or log.
func TestTokensOutliveTheNode(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	mintable(n, "acme", "EdDSA", object{"audit_claims": []string{"sub"}})
	n.Must("jwt/issuers/acme", object{"leeway": 0})
	body := object{"sub": "user:1", "aud": "a", "ttl": 2, "claims": object{"note": "a-private-note"}, "context": object{"agent": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyOjEifQ.c2lnbmF0dXJl"}}
	short := n.Must("jwt/sign/acme/access", body).Text("data", "token")
	delete(body, "ttl")
	r := n.Must("jwt/sign/acme/access", body)
	token := r.Text("data", "token")
	n.HandedOut("a token of an issuer", token)
	n.Kill()
	n.Start()
	n.Unseal()
	if v := n.Must("jwt/verify/acme", object{"token": token}); v.At("data", "active") != true {
		t.Error(v)
	}
	eventually(t, "a token of 2 seconds expires", func() bool {
		return n.Must("jwt/verify/acme", object{"token": short}).Text("data", "reason") == "expired"
	})
	rec := records(t, n, ofRequest(r))
	if len(rec) != 1 || rec[0].JTI != r.Text("data", "jti") || rec[0].Claims[0] != (audit.Claim{Name: "sub", Value: "user:1"}) {
		t.Errorf("records %+v", rec)
	}
	log := auditText(t, n)
	for _, hidden := range []string{"a-private-note", "eyJhbGciOi", strings.Split(token, ".")[1], strings.Split(token, ".")[2]} {
		if strings.Contains(log, hidden) || strings.Contains(n.Log(), hidden) {
			t.Errorf("%s is in a log", hidden)
		}
	}
}

// tokensOfIssuers has issuers of both kinds of keys sign and verify.
func (w *watcher) tokensOfIssuers(ok func(apitest.Reply) apitest.Reply) {
	root := w.n.Root()
	for _, alg := range []string{"HS256", "ES256"} {
		name := "i-" + strings.ToLower(alg)
		ok(w.do("POST", "jwt/issuers/"+name, root, object{"issuer": "https://" + name + ".example", "alg": alg}))
		ok(w.do("POST", "jwt/issuers/"+name+"/profiles/access", root, object{"audit_claims": []string{"sub"}}))
		ok(w.do("GET", "/issuers/"+name+"/jwks.json", "", nil))
		w.jwt = ok(w.do("POST", "jwt/sign/"+name+"/access", root, object{"sub": "user:1", "aud": "a"})).Text("data", "token")
		ok(w.do("POST", "jwt/verify/"+name, root, object{"token": w.jwt}))
		ok(w.do("POST", "jwt/verify/"+name, root, object{"batch_input": []object{{"token": w.jwt}, {"token": w.jwt + "A"}}}))
	}
}
