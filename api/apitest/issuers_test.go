package apitest_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// newIssuer makes an issuer with a URL of its own.
func newIssuer(t *testing.T, n *apitest.Node, name string, more object) apitest.Reply {
	t.Helper()
	body := object{"issuer": "https://" + name + ".example"}
	for k, v := range more {
		body[k] = v
	}
	return n.Must("jwt/issuers/"+name, body)
}

// versionOf is a version of an issuer's key, by its place in the answer.
func versionOf(r apitest.Reply, place int) map[string]any {
	list, _ := r.At("data", "versions").([]any)
	if place >= len(list) {
		return nil
	}
	v, _ := list[place].(map[string]any)
	return v
}

func TestAnIssuerHasItsDefaults(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	r := newIssuer(t, n, "acme", nil)
	for path, want := range map[string]any{
		"name": "acme", "issuer": "https://acme.example", "alg": "ES256", "key_type": "ecdsa-p256", "jwks_uri": "https://acme.example/jwks.json",
		"deletion_allowed": false, "documents.jwks": "/issuers/acme/jwks.json",
		"documents.openid_configuration":       "/issuers/acme/.well-known/openid-configuration",
		"documents.oauth_authorization_server": "/.well-known/oauth-authorization-server/issuers/acme",
	} {
		if got := r.At(append([]string{"data"}, strings.Split(path, ".")...)...); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string]int64{"jwks_max_age": 300, "leeway": 30, "rotation.period": 0, "rotation.lead_time": 600, "active_version": 1, "latest_version": 1, "revision": 1} {
		if got := number(t, r, append([]string{"data"}, strings.Split(path, ".")...)...); got != want {
			t.Errorf("%s is %d, want %d", path, got, want)
		}
	}
	if v := versionOf(r, 0); v["state"] != "active" || v["kid"] == "" || v["activation_time"] != v["creation_time"] || v["retirement_time"] != nil {
		t.Errorf("version %v", v)
	}
	if got := n.Get("jwt/issuers/acme", n.Root()); !reflect.DeepEqual(got.At("data"), r.At("data")) {
		t.Errorf("made as %s, read as %s", r, got)
	}
	rec := records(t, n, ofRequest(r))
	if len(rec) != 2 || rec[1].Operation != "jwt/issuers/write" || rec[1].Key != "acme" || rec[1].KID == "" || rec[1].Alg != "ES256" || rec[1].Fields["issuer"] != "https://acme.example" {
		t.Errorf("records %+v", rec)
	}
}

func TestEveryAlgMakesItsKey(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	for alg, typ := range map[string]string{
		"ES256": "ecdsa-p256", "ES384": "ecdsa-p384", "ES512": "ecdsa-p521", "RS256": "rsa-2048", "PS384": "rsa-2048",
		"EdDSA": "ed25519", "Ed25519": "ed25519", "HS256": "hmac", "HS384": "hmac", "HS512": "hmac",
	} {
		r := newIssuer(t, n, strings.ToLower(alg)+typ[:1], object{"alg": alg})
		if r.Text("data", "key_type") != typ {
			t.Errorf("%s: %s", alg, r)
		}
	}
	if r := newIssuer(t, n, "big", object{"alg": "RS512", "key_type": "rsa-3072"}); r.Text("data", "key_type") != "rsa-3072" {
		t.Errorf("%s", r)
	}
	for alg, size := range map[string]int64{"hs256h": 32, "hs384h": 48, "hs512h": 64} {
		if got := number(t, n.Get("transit/keys/"+alg, n.Root()), "data", "key_size"); got != size {
			t.Errorf("%s has a key of %d bytes", alg, got)
		}
	}
}

func TestIssuersThatAreRefused(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", object{"issuer": "https://acme.example/a"})
	n.Must("transit/keys/web", object{"type": "ed25519"})
	secret := n.Root()
	for what, body := range map[string]object{
		"no URL":               {},
		"an empty URL":         {"issuer": ""},
		"a taken URL":          {"issuer": "https://acme.example/a"},
		"a taken URL, a slash": {"issuer": "https://acme.example/a/"},
		"http":                 {"issuer": "http://b.example"},
		"http, like loopback":  {"issuer": "http://127.0.0.1.example"},
		"another scheme":       {"issuer": "ftp://b.example"},
		"upper case scheme":    {"issuer": "HTTPS://b.example"},
		"upper case host":      {"issuer": "https://B.example"},
		"no scheme":            {"issuer": "b.example"},
		"no host":              {"issuer": "https:///x"},
		"a port alone":         {"issuer": "https://:8200"},
		"a user":               {"issuer": "https://u:p@b.example"},
		"a query":              {"issuer": "https://b.example/?x"},
		"an empty query":       {"issuer": "https://b.example?"},
		"a fragment":           {"issuer": "https://b.example/#x"},
		"an empty fragment":    {"issuer": "https://b.example#"},
		"a space":              {"issuer": "https://b.example/ x"},
		"a space around":       {"issuer": " https://b.example"},
		"not ASCII":            {"issuer": "https://käse.example"},
		"dots":                 {"issuer": "https://b.example/../x"},
		"a secret":             {"issuer": "https://b.example/" + secret},
		"too long":             {"issuer": "https://b.example/" + strings.Repeat("x", 1024)},
		"none":                 {"issuer": "https://b.example", "alg": "none"},
		"alg in lower case":    {"issuer": "https://b.example", "alg": "es256"},
		"no age":               {"issuer": "https://b.example", "jwks_max_age": 0},
		"half a second of age": {"issuer": "https://b.example", "jwks_max_age": "500ms"},
		"a second and a half":  {"issuer": "https://b.example", "jwks_max_age": "1500ms"},
		"a long age":           {"issuer": "https://b.example", "jwks_max_age": "25h"},
		"much leeway":          {"issuer": "https://b.example", "leeway": 61},
		"a short lead":         {"issuer": "https://b.example", "rotation": object{"lead_time": 599}},
		"a long lead":          {"issuer": "https://b.example", "rotation": object{"lead_time": "91d"}},
		"a short period":       {"issuer": "https://b.example", "rotation": object{"period": 899}},
		"a long period":        {"issuer": "https://b.example", "rotation": object{"period": "36500d"}},
		"a bad jwks_uri":       {"issuer": "https://b.example", "jwks_uri": "http://b.example/k"},
		"a relative jwks_uri":  {"issuer": "https://b.example", "jwks_uri": "/k"},
	} {
		if r := n.Do("PUT", "jwt/issuers/b", n.Root(), body); r.Status != 400 || r.Code() != "bad_request" || strings.Contains(string(r.Body), secret) {
			t.Errorf("%s: %s", what, r)
		}
	}
	for what, c := range map[string]struct {
		body object
		code string
	}{
		"a key of another sort":   {object{"issuer": "https://b.example", "alg": "RS256", "key_type": "ed25519"}, "unknown_key_type"},
		"another curve":           {object{"issuer": "https://b.example", "alg": "ES256", "key_type": "ecdsa-p384"}, "unknown_key_type"},
		"a key that encrypts":     {object{"issuer": "https://b.example", "alg": "HS256", "key_type": "aes256-gcm96"}, "unknown_key_type"},
		"a member that is none":   {object{"issuer": "https://b.example", "jwks_maxage": 1}, "unknown_field"},
		"one in rotation":         {object{"issuer": "https://b.example", "rotation": object{"lead": 1}}, "unknown_field"},
		"a duration that is none": {object{"issuer": "https://b.example", "leeway": "soon"}, "bad_request"},
		"rotation as a list":      {object{"issuer": "https://b.example", "rotation": []int{1}}, "bad_request"},
	} {
		if r := n.Do("PUT", "jwt/issuers/b", n.Root(), c.body); r.Status != 400 || r.Code() != c.code {
			t.Errorf("%s: %s", what, r)
		}
	}
	wantText(t, wantError(t, n.Do("PUT", "jwt/issuers/web", n.Root(), object{"issuer": "https://web.example"}), 400, "bad_request"), "transit key named web exists")
	wantError(t, n.Do("PUT", "jwt/issuers/-b", n.Root(), object{"issuer": "https://web.example"}), 400, "bad_path")
	wantError(t, n.Get("jwt/issuers/b", n.Root()), 404, "not_found")
	if names := strs(n.Do("LIST", "jwt/issuers", n.Root(), nil), "data", "keys"); !reflect.DeepEqual(names, []string{"acme"}) {
		t.Errorf("issuers %v", names)
	}
}

func TestWhatIssuersMayBe(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	for i, url := range []string{
		"https://signet.example/issuers/a", "https://b.example/", "https://b.example:8443", "https://[2001:db8::1]/x", "https://b.example/a%20b",
		"http://127.0.0.1:8200/issuers/l", "http://localhost", "http://[::1]:1",
	} {
		r := n.Must(fmt.Sprintf("jwt/issuers/i%d", i), object{"issuer": url, "jwks_max_age": 1, "leeway": 0})
		if r.Text("data", "issuer") != url || r.Text("data", "jwks_uri") != strings.TrimSuffix(url, "/")+"/jwks.json" {
			t.Errorf("%s: %s", url, r)
		}
		if number(t, r, "data", "leeway") != 0 || number(t, r, "data", "rotation", "lead_time") != 2 {
			t.Errorf("%s", r)
		}
	}
}

func TestIssuerSettingsChangeAlone(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	made := newIssuer(t, n, "acme", nil)
	put := func(body object) apitest.Reply { return n.Do("PUT", "jwt/issuers/acme", n.Root(), body) }
	for name, value := range map[string]string{"issuer": "https://other.example", "alg": "ES384", "key_type": "ed25519"} {
		wantText(t, wantError(t, put(object{name: value}), 400, "bad_request"), "for life")
	}
	// The same again changes nothing, and is no write.
	same := wantStatus(t, put(object{"issuer": "https://acme.example", "alg": "ES256", "key_type": "ecdsa-p256", "leeway": "30s"}), 200)
	if !reflect.DeepEqual(same.At("data"), made.At("data")) || len(records(t, n, ofRequest(same))) != 1 {
		t.Errorf("%s after %s", same, made)
	}
	want := func(r apitest.Reply, age, lead, period int64) {
		t.Helper()
		wantStatus(t, r, 200)
		if a, l, p := number(t, r, "data", "jwks_max_age"), number(t, r, "data", "rotation", "lead_time"), number(t, r, "data", "rotation", "period"); a != age || l != lead || p != period {
			t.Errorf("age %d, lead %d, period %d, want %d, %d, %d", a, l, p, age, lead, period)
		}
	}
	want(put(object{"jwks_max_age": "10m"}), 600, 1200, 0)                     // raises the lead that nobody chose
	want(put(object{"jwks_max_age": "1m"}), 60, 1200, 0)                       // and does not lower it
	wantError(t, put(object{"jwks_max_age": "11m"}), 400, "bad_request")       // nor raises one that it does not follow from
	want(put(object{"rotation": object{"period": "720h"}}), 60, 1200, 2592000) // alone
	want(put(object{"rotation": object{"lead_time": "2m"}, "deletion_allowed": true}), 60, 120, 2592000)
	r := put(object{"jwks_uri": "https://cdn.example/k?v=1", "rotation": object{"period": 0}})
	want(r, 60, 120, 0)
	if r.Text("data", "jwks_uri") != "https://cdn.example/k?v=1" || r.At("data", "deletion_allowed") != true {
		t.Errorf("%s", r)
	}
	if r = wantStatus(t, put(object{"jwks_uri": ""}), 200); r.Text("data", "jwks_uri") != "https://acme.example/jwks.json" || number(t, r, "data", "revision") != 7 {
		t.Errorf("%s", r)
	}
}

func TestADeletedIssuerComesBackWhole(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	made := newIssuer(t, n, "acme", nil)
	n.Must("jwt/issuers/acme/profiles/access", object{})
	jwks := n.Get("/issuers/acme/jwks.json", "")
	remove := func(query string) apitest.Reply { return n.Do("DELETE", "jwt/issuers/acme"+query, n.Root(), nil) }
	wantError(t, remove(""), 400, "deletion_not_allowed")
	wantError(t, n.Do("DELETE", "jwt/issuers/none", n.Root(), nil), 400, "issuer_not_found")
	wantError(t, n.Post("jwt/issuers/none/undelete", n.Root(), nil), 400, "issuer_not_found")
	wantError(t, n.Post("jwt/issuers/acme/undelete", n.Root(), nil), 400, "bad_request")
	n.Must("jwt/issuers/acme", object{"deletion_allowed": true})
	wantError(t, remove("?grace=400d"), 400, "bad_request")
	wantError(t, remove("?grace=x"), 400, "bad_request")
	weak := n.Allow("deleter", "jwt/issuers/acme", "delete")
	wantError(t, n.Do("DELETE", "jwt/issuers/acme?grace=1h", weak, nil), 403, "permission_denied")
	wantStatus(t, n.Do("DELETE", "jwt/issuers/acme", weak, nil), 204)
	wantStatus(t, remove(""), 204) // again changes nothing
	wantError(t, remove("?grace=8d"), 400, "bad_request")

	// Nothing of it is there.
	wantText(t, wantError(t, n.Get("jwt/issuers/acme", n.Root()), 404, "not_found"), "can be undeleted")
	wantError(t, n.Do("LIST", "jwt/issuers", n.Root(), nil), 404, "not_found")
	for _, path := range []string{"/issuers/acme/jwks.json", "/issuers/acme/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/issuers/acme"} {
		wantError(t, n.Get(path, ""), 404, "not_found")
	}
	wantError(t, n.Get("jwt/issuers/acme/profiles/access", n.Root()), 404, "not_found")
	wantError(t, n.Do("LIST", "jwt/issuers/acme/profiles", n.Root(), nil), 404, "not_found")
	wantError(t, n.Do("PUT", "jwt/issuers/acme", n.Root(), object{"leeway": 1}), 400, "key_deleted")
	wantError(t, n.Do("PUT", "jwt/issuers/acme/profiles/x", n.Root(), object{}), 400, "key_deleted")
	wantError(t, n.Do("DELETE", "jwt/issuers/acme/profiles/access", n.Root(), nil), 400, "key_deleted")
	wantError(t, n.Do("PUT", "jwt/issuers/b", n.Root(), object{"issuer": "https://acme.example"}), 400, "bad_request") // its URL stays its own
	wantError(t, n.Post("transit/keys/acme/undelete", n.Root(), nil), 400, "key_bound_to_issuer")
	wantError(t, n.Do("DELETE", "transit/keys/acme?grace=0", n.Root(), nil), 400, "key_bound_to_issuer")
	if r := wantStatus(t, n.Do("GET", "jwt/issuers?list=true&deleted=true", n.Root(), nil), 200); r.At("data", "key_info", "acme", "destroy_time") == nil {
		t.Errorf("%s", r)
	}

	back := wantStatus(t, n.Post("jwt/issuers/acme/undelete", n.Root(), nil), 200)
	if !reflect.DeepEqual(back.At("data", "versions"), made.At("data", "versions")) {
		t.Errorf("%s after %s", back, made)
	}
	if again := n.Get("/issuers/acme/jwks.json", ""); string(again.Body) != string(jwks.Body) || again.Header.Get("ETag") != jwks.Header.Get("ETag") {
		t.Errorf("%s after %s", again, jwks)
	}
	wantStatus(t, n.Get("jwt/issuers/acme/profiles/access", n.Root()), 200)
}

func TestADeletedIssuerIsDestroyedWithItsKey(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", object{"deletion_allowed": true})
	n.Must("jwt/issuers/acme/profiles/access", object{})
	wantStatus(t, n.Do("DELETE", "jwt/issuers/acme?grace=1s", n.Root(), nil), 204)
	eventually(t, "the issuer is destroyed", func() bool {
		return n.Do("GET", "jwt/issuers?list=true&deleted=true", n.Root(), nil).Status == 404
	})
	wantError(t, n.Post("jwt/issuers/acme/undelete", n.Root(), nil), 400, "issuer_not_found")
	wantError(t, n.Get("transit/keys/acme", n.Root()), 404, "not_found")
	r := newIssuer(t, n, "acme", nil) // whose versions go on above
	if v := versionOf(r, 0); fmt.Sprint(v["version"]) != "2" || number(t, r, "data", "active_version") != 2 {
		t.Errorf("%s", r)
	}
	wantError(t, n.Get("jwt/issuers/acme/profiles/access", n.Root()), 404, "not_found")
	if recs := records(t, n, func(r audit.Parsed) bool {
		return r.Operation == "transit/keys/destroy" && r.Outcome == audit.OutcomeOK
	}); len(recs) != 1 || recs[0].Key != "acme" {
		t.Errorf("records %+v", recs)
	}
}

func TestIssuersSurviveARestartAndAKill(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	made := newIssuer(t, n, "acme", object{"rotation": object{"period": "720h"}})
	profile := n.Must("jwt/issuers/acme/profiles/access", object{"audience": []string{"api://x"}})
	newIssuer(t, n, "gone", object{"deletion_allowed": true})
	wantStatus(t, n.Do("DELETE", "jwt/issuers/gone", n.Root(), nil), 204)
	jwks := n.Get("/issuers/acme/jwks.json", "")
	for _, ending := range []func(){n.Restart, func() { n.Kill(); n.Start() }} {
		ending()
		wantError(t, n.Get("/issuers/acme/jwks.json", ""), 503, "sealed")
		n.Unseal()
		after := n.Get("jwt/issuers/acme", n.Root())
		// The profile was written after.
		if !reflect.DeepEqual(after.At("data", "versions"), made.At("data", "versions")) || number(t, after, "data", "revision") != 2 {
			t.Errorf("%s after %s", after, made)
		}
		if r := n.Get("jwt/issuers/acme/profiles/access", n.Root()); !reflect.DeepEqual(lasting(r), lasting(profile)) {
			t.Errorf("%s after %s", r, profile)
		}
		if r := n.Get("/issuers/acme/jwks.json", ""); string(r.Body) != string(jwks.Body) || r.Header.Get("ETag") != jwks.Header.Get("ETag") {
			t.Errorf("%s after %s", r, jwks)
		}
		wantError(t, n.Get("/issuers/gone/jwks.json", ""), 404, "not_found")
	}
	wantStatus(t, n.Post("jwt/issuers/gone/undelete", n.Root(), nil), 200)
}

// Policies go by the path. Nobody learns without one what there is.
func TestPoliciesOnIssuers(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	n.Must("jwt/issuers/acme/profiles/access", object{})
	stranger := n.Allow("stranger", "jwt/issuers/other", "read")
	for _, c := range [][2]string{
		{"GET", "jwt/issuers/acme"}, {"GET", "jwt/issuers/none"}, {"PUT", "jwt/issuers/acme"}, {"PUT", "jwt/issuers/none"}, {"DELETE", "jwt/issuers/acme"},
		{"POST", "jwt/issuers/acme/undelete"}, {"LIST", "jwt/issuers"}, {"LIST", "jwt/issuers/acme/profiles"},
		{"GET", "jwt/issuers/acme/profiles/access"}, {"PUT", "jwt/issuers/acme/profiles/access"}, {"DELETE", "jwt/issuers/acme/profiles/access"},
	} {
		wantError(t, n.Do(c[0], c[1], stranger, nil), 403, "permission_denied")
	}
	reader := n.Allow("reader", "jwt/issuers/*", "read")
	wantStatus(t, n.Get("jwt/issuers/acme", reader), 200)
	wantStatus(t, n.Get("jwt/issuers/acme/profiles/access", reader), 200)
	wantError(t, n.Do("LIST", "jwt/issuers/acme/profiles", reader, nil), 403, "permission_denied")
	wantError(t, n.Do("PUT", "jwt/issuers/acme", reader, object{"leeway": 1}), 403, "permission_denied")
	lister := n.Allow("lister", "jwt/issuers*", "list")
	wantStatus(t, n.Do("LIST", "jwt/issuers", lister, nil), 200)
	wantStatus(t, n.Do("LIST", "jwt/issuers/acme/profiles", lister, nil), 200)
	wantError(t, n.Get("jwt/issuers/acme", lister), 403, "permission_denied")
	wantError(t, n.Get("jwt/issuers/acme/profiles/access", lister), 403, "permission_denied")
	// create makes, and changes nothing that is there; update does both.
	maker := n.Allow("maker", "jwt/issuers/*", "create")
	wantStatus(t, n.Do("PUT", "jwt/issuers/b", maker, object{"issuer": "https://b.example"}), 200)
	wantError(t, n.Do("PUT", "jwt/issuers/b", maker, object{"leeway": 1}), 403, "permission_denied")
	wantStatus(t, n.Do("PUT", "jwt/issuers/b/profiles/p", maker, object{}), 200)
	wantError(t, n.Do("PUT", "jwt/issuers/b/profiles/p", maker, object{}), 403, "permission_denied")
	// Rights on transit are none here, and the other way round.
	transit := n.Allow("transit-all", "transit/*", "create", "read", "update", "delete", "list", "sudo")
	wantError(t, n.Do("PUT", "jwt/issuers/c", transit, object{"issuer": "https://c.example"}), 403, "permission_denied")
	owner := n.Allow("owner", "jwt/*", "create", "read", "update", "delete", "list", "sudo")
	wantError(t, n.Get("transit/keys/acme", owner), 403, "permission_denied")
	wantError(t, n.Post("transit/sign/acme", transit, object{"input": "aGk="}), 400, "key_bound_to_issuer")
}
