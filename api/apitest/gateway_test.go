package apitest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// guarded makes the issuer acme, and a token that may ask about its tokens and do
// nothing else.
func guarded(t *testing.T, n *apitest.Node) (gateway string) {
	t.Helper()
	n.Must("jwt/issuers/acme", object{"issuer": "https://acme.example", "leeway": 0})
	n.Must("jwt/issuers/acme/profiles/access", object{"audience": []string{"api://orders", "api://other"}, "scopes": []string{"orders:read", "orders:write"}})
	n.Must("jwt/issuers/acme/profiles/id", object{"typ": "JWT"})
	n.Must("sys/policies/acl/gateway", object{"policy": `path "jwt/authorize/acme" { capabilities = ["update"] }`})
	return newToken(t, n, n.Root(), object{"policies": "gateway", "no_default_policy": true}).Text("auth", "client_token")
}

// minted makes a token of acme for api://orders with orders:read, but for what more says.
func minted(n *apitest.Node, profile string, more object) string {
	body := object{"sub": "user:1", "aud": "api://orders"}
	if profile == "access" {
		body["scope"] = "orders:read"
	}
	for k, v := range more {
		body[k] = v
	}
	return n.Must("jwt/sign/acme/"+profile, body).Text("data", "token")
}

// denied expects that a request does not pass, and that nobody is told why.
func denied(t *testing.T, what string, r apitest.Reply, status int, challenge string) {
	t.Helper()
	if r.Status != status || r.Header.Get("WWW-Authenticate") != challenge || len(r.Body) > 0 || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %d, %v: %s", what, r.Status, r.Header, r.Body)
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Signet-") {
			t.Errorf("%s: %s in a denial", what, name)
		}
	}
}

const (
	noToken  = `Bearer realm="acme"`
	badToken = `Bearer realm="acme", error="invalid_token"`
)

func TestAGatewayIsToldWhoAsks(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	gateway := guarded(t, n)
	token := minted(n, "access", nil)
	for _, method := range []string{"GET", "POST"} {
		r := wantStatus(t, n.Do(method, "jwt/authorize/acme?audience=api%3A%2F%2Forders&scope=orders:read&profile=access&typ=application%2Fat%2Bjwt&max_age=1h", gateway, nil, "Authorization", "bearer "+token,
			"X-Forwarded-Method", "DELETE", "X-Forwarded-Uri", "/..%2f", "X-Signet-Scope", "orders:write", "X-Signet-Type", "JWT", "X_Signet_Audience", "api://other"), 200)
		claims := string(part(t, token, 1))
		jti := claims[strings.Index(claims, `"jti":"`)+7:]
		for name, want := range map[string]string{
			"X-Signet-Subject": "user:1", "X-Signet-Scope": "orders:read", "X-Signet-Jti": jti[:strings.IndexByte(jti, '"')],
			"X-Signet-Claims": url64(claims), "Cache-Control": "no-store", "Content-Length": "0", "Content-Type": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if !strings.HasPrefix(r.Header.Get("X-Signet-Client-Id"), "token:") || !strings.Contains(claims, `"exp":`+r.Header.Get("X-Signet-Expires")) || len(r.Body) > 0 {
			t.Errorf("%v for %s", r.Header, claims)
		}
	}
	// A header that has nothing to say is there, to replace a forged one.
	r := wantStatus(t, n.Do("GET", "jwt/authorize/acme", gateway, nil, "Authorization", "Bearer "+minted(n, "id", nil)), 200)
	if got, there := r.Header["X-Signet-Scope"]; !there || got[0] != "" {
		t.Errorf("headers %v", r.Header)
	}
	for _, rec := range records(t, n, func(rec audit.Parsed) bool { return rec.Operation == "jwt/authorize" }) {
		if rec.Outcome != "ok" || rec.Path != "jwt/authorize/acme" || rec.Issuer != "acme" || rec.JTI == "" || rec.KID == "" || rec.Input == "" || rec.Accessor == "" {
			t.Errorf("record %+v", rec)
		}
	}
}

// No claim breaks out of its header, and none looks like another.
func TestClaimsThatNoHeaderCarries(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	gateway := guarded(t, n)
	for _, sub := range []string{"a\r\nX-Signet-Scope: admin", "a\nb", "jürgen", "user:1 ", " user:1", "a\tb"} {
		made := n.Post("jwt/sign/acme/access", n.Root(), object{"sub": sub, "aud": "api://orders"})
		if made.Status != 200 {
			wantError(t, made, 400, "claim_not_allowed")
			continue
		}
		token := made.Text("data", "token")
		r := wantStatus(t, n.Do("GET", "jwt/authorize/acme", gateway, nil, "Authorization", "Bearer "+token), 200)
		if got := r.Header["X-Signet-Subject"]; len(got) != 1 || got[0] != "" || r.Header["X-Signet-Scope"][0] != "" || r.Header.Get("X-Signet-Claims") != strings.Split(token, ".")[1] {
			t.Errorf("%q: %v", sub, r.Header)
		}
	}
}

func TestAGatewayLetsNobodyElsePass(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	gateway := guarded(t, n)
	good := minted(n, "access", nil)
	short, revoked := minted(n, "access", object{"ttl": 1}), minted(n, "access", nil)
	n.Must("jwt/revoke/acme", object{"token": revoked})
	mintable(n, "other", "ES256", object{})
	foreign := n.Must("jwt/sign/other/access", object{"sub": "user:1", "aud": "api://orders"}).Text("data", "token")
	parts := strings.Split(good, ".")
	eventually(t, "a token of one second expires", func() bool {
		return n.Do("GET", "jwt/authorize/acme", gateway, nil, "Authorization", "Bearer "+short).Status == 401
	})
	const demand = "?audience=api%3A%2F%2Forders&profile=access"
	for what, c := range map[string]struct {
		query     string
		header    []string
		status    int
		challenge string
	}{
		"none":                  {demand, nil, 401, noToken},
		"another scheme":        {demand, []string{"Basic " + b64("a:b")}, 401, noToken},
		"no token":              {demand, []string{"Bearer "}, 401, badToken},
		"two headers":           {demand, []string{"Bearer " + good, "Bearer " + good}, 401, badToken},
		"another first":         {demand, []string{"Basic " + b64("a:b"), "Bearer " + good}, 401, badToken},
		"two in one header":     {demand, []string{"Bearer " + good + ", Bearer " + good}, 401, badToken},
		"malformed":             {demand, []string{"Bearer x"}, 401, badToken},
		"too long":              {demand, []string{"Bearer " + strings.Repeat("a.", 20<<10)}, 401, badToken},
		"not signed":            {demand, []string{"Bearer " + url64(`{"alg":"none"}`) + "." + parts[1] + "."}, 401, badToken},
		"changed":               {demand, []string{"Bearer " + parts[0] + "." + url64(`{"sub":"root"}`) + "." + parts[2]}, 401, badToken},
		"of another issuer":     {demand, []string{"Bearer " + foreign}, 401, badToken},
		"expired":               {demand, []string{"Bearer " + short}, 401, badToken},
		"revoked":               {demand, []string{"Bearer " + revoked}, 401, badToken},
		"another audience":      {"?audience=api://other", []string{"Bearer " + good}, 401, badToken},
		"another type":          {"?typ=JWT", []string{"Bearer " + good}, 401, badToken},
		"an id token":           {demand, []string{"Bearer " + minted(n, "id", nil)}, 401, badToken},
		"a scope is missing":    {demand + "&scope=orders:read+orders:write", []string{"Bearer " + good}, 403, `Bearer realm="acme", error="insufficient_scope", scope="orders:read orders:write"`},
		"expired, and no scope": {demand + "&scope=orders:write", []string{"Bearer " + short}, 401, badToken},
	} {
		var headers []string
		for _, h := range c.header {
			headers = append(headers, "Authorization", h)
		}
		denied(t, what, n.Do("GET", "jwt/authorize/acme"+c.query, gateway, nil, headers...), c.status, c.challenge)
	}
	reasons := map[string]bool{}
	for _, rec := range records(t, n, func(rec audit.Parsed) bool { return rec.Operation == "jwt/authorize" }) {
		reasons[rec.Fields["reason"]] = true
	}
	for _, reason := range []string{"no_token", "malformed", "bad_signature", "unknown_key", "expired", "revoked", "wrong_audience", "wrong_type", "insufficient_scope"} {
		if !reasons[reason] {
			t.Errorf("no record says %s: %v", reason, reasons)
		}
	}
	if text := auditText(t, n); strings.Contains(text, parts[1]) || strings.Contains(n.Log(), parts[1]) {
		t.Error("a token is in a log")
	}
}

// The gateway proves itself by X-Vault-Token alone, and may not ask without a policy.
// What is wrong with its configuration is no 2xx, and no 401, which would be the end
// user's fault.
func TestAGatewayHasToBeOne(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	gateway := guarded(t, n)
	token := "Bearer " + minted(n, "access", nil)
	ask := func(path, as string, headers ...string) apitest.Reply {
		return n.Do("GET", path, as, nil, append([]string{"Authorization", token}, headers...)...)
	}
	wantError(t, ask("jwt/authorize/acme", ""), 403, "invalid_token")
	wantError(t, ask("jwt/authorize/acme", "sgt.x"), 403, "invalid_token")
	wantError(t, ask("jwt/authorize/acme", gateway, "X-Vault-Token", gateway), 403, "invalid_token")
	wantError(t, n.Do("GET", "jwt/authorize/acme", "", nil, "Authorization", "Bearer "+gateway), 403, "invalid_token")
	wantError(t, ask("jwt/authorize/acme", "", "X_Vault_Token", gateway), 403, "invalid_token")
	none := newToken(t, n, n.Root(), object{"policies": "default"}).Text("auth", "client_token")
	for _, query := range []string{"", "?audience=", "?nonsense=1"} {
		wantError(t, ask("jwt/authorize/acme"+query, none), 403, "permission_denied")
	}
	wantError(t, ask("jwt/authorize/nothing", none), 403, "permission_denied")
	n.Must("sys/policies/acl/reader", object{"policy": `path "jwt/authorize/*" { capabilities = ["read"] }`})
	wantError(t, ask("jwt/authorize/acme", newToken(t, n, n.Root(), object{"policies": "reader"}).Text("auth", "client_token")), 403, "permission_denied")

	wantError(t, ask("jwt/authorize/nothing", n.Root()), 400, "issuer_not_found")
	wantError(t, ask("jwt/authorize/acme?profile=nothing", gateway), 400, "profile_not_found")
	for _, query := range []string{"?audience=", "?audience=a&audience=b", "?aud=a", "?typ=at+jwt", "?scope=%22", "?scope=a++b", "?max_age=soon", "?max_age=500ms"} {
		wantError(t, ask("jwt/authorize/acme"+query, gateway), 400, "bad_request")
	}
	wantError(t, ask("jwt/authorize/acme", gateway, "X-Signet-Audience", "api://orders"), 400, "bad_request")
	wantError(t, ask("jwt/authorize/acme", gateway, "X-Vault-Namespace", "x"), 400, "namespace_unsupported")
	wantError(t, ask("jwt/authorize/acme?list=true", gateway), 405, "method_not_allowed")
	n.Must("sys/seal", nil)
	wantError(t, ask("jwt/authorize/acme", gateway), 503, "sealed")
	n.Unseal()
	wantStatus(t, ask("jwt/authorize/acme", gateway), 200)
}

// envoy asks as the ext_authz filter does over HTTP: its own path with the end user's
// behind it, the end user's method and Host, no body, Authorization, and the headers
// that the configuration adds. It returns status and headers.
func envoy(t *testing.T, n *apitest.Node, method, asked string, headers ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", n.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	text := fmt.Sprintf("%s /v1/jwt/authorize/acme%s HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 0\r\nx-envoy-internal: true\r\n%s\r\n\r\n", method, asked, strings.Join(append(headers, "connection: close"), "\r\n"))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return readResponse(t, conn, method)
}

// readResponse reads an answer, and what becomes of its body is not looked at.
func readResponse(t *testing.T, conn net.Conn, method string) *http.Response {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	return r
}

func TestTheWireOfEnvoy(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	gateway := guarded(t, n)
	set := []string{"x-vault-token: " + gateway, "x-signet-audience: api://orders", "x-signet-scope: orders:read", "x-signet-type: at+jwt"}
	user := append([]string{"authorization: Bearer " + minted(n, "access", nil)}, set...)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "LIST", "CONNECT"} {
		for _, asked := range []string{"/", "//", "/orders/1", "/?audience=api://other&scope=orders:write&typ=JWT", "/?list=true", "/a%2Bb(c)~;v=1/%20/%c3%a4", "/v1/sys/seal", "/..."} {
			if r := envoy(t, n, method, asked, user...); r.StatusCode != 200 || r.Header.Get("X-Signet-Subject") != "user:1" {
				t.Errorf("%s %s: %d %v", method, asked, r.StatusCode, r.Header)
			}
		}
	}
	for _, rec := range records(t, n, func(rec audit.Parsed) bool { return rec.Operation == "jwt/authorize" }) {
		if rec.Path != "jwt/authorize/acme" || rec.Method != "POST" {
			t.Errorf("what an end user asks for is in the record: %+v", rec)
		}
	}
	// What another hop could take for a way to another endpoint, and what would take
	// the demands from where the end user reaches.
	for asked, want := range map[string]int{
		"/../../../sys/health": 400, "/%2e%2E/x": 400, "/..": 400, "/.": 400, "/a%2Fb": 400, `/a\b`: 400, "/a%5Cb": 400, "/%0d%0a": 400, "/%00": 400,
		"": 405, "?audience=api://orders": 405, "*": 400, "%2f": 400, "/../acme": 400,
	} {
		if r := envoy(t, n, "DELETE", asked, user...); r.StatusCode != want {
			t.Errorf("%s: %d", asked, r.StatusCode)
		}
	}
	for _, asked := range []string{"", "?audience=api://orders", "?x"} {
		if r := envoy(t, n, "GET", asked, user...); r.StatusCode != 400 {
			t.Errorf("without a path, %q: %d", asked, r.StatusCode)
		}
	}
	token := user[0]
	with := func(headers ...string) []string { return append([]string{token}, headers...) }
	for what, c := range map[string]struct {
		headers []string
		status  int
	}{
		"no token":                {set, 401},
		"another audience":        {with(set[0], "x-signet-audience: api://other"), 401},
		"an audience of the user": {with(append(set, "x-signet-audience: api://other")...), 400},
		"a scope of the user":     {with(append(set, "x-signet-scope: orders:read")...), 400},
		"scope missing":           {with(set[0], set[1], "x-signet-scope: orders:write"), 403},
		"another type":            {with(set[0], set[1], "x-signet-type: JWT"), 401},
		"no audience":             {with(set[0], set[2]), 400},
		"underscores":             {with(set[0], "x_signet_audience: api://orders"), 400},
		"no gateway":              {with(set[1:]...), 403},
		"two gateways":            {with(append(set, set[0])...), 403},
		"two tokens":              {with(append(set, token)...), 401},
		"a bad scope":             {with(set[0], set[1], `x-signet-scope: a", error="b`), 400},
	} {
		if r := envoy(t, n, "GET", "/?audience=api://orders&scope=orders:read", c.headers...); r.StatusCode != c.status || (r.Header.Get("X-Signet-Claims") != "") {
			t.Errorf("%s: %d %v", what, r.StatusCode, r.Header)
		}
	}
}
