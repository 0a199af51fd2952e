package apitest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

func TestAProfileIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	full := object{
		"typ": "JWT", "ttl": "10m", "max_ttl": 1200, "audience": []string{"api://b", "api://a"}, "subject": "^user:", "scopes": []string{"a:read"},
		"claims": object{
			"forced": object{"tenant": "{{application.metadata.tenant}}", "n": 1}, "required": []string{"role"}, "allowed": []string{"role"},
			"forbidden": []string{"admin"}, "schema": object{"type": "object"},
		},
		"max_nbf": "1m", "max_token_bytes": 4096, "audit_claims": []string{"sub"},
	}
	path := "jwt/issuers/acme/profiles/full"
	made := n.Must(path, full)
	want := fmt.Sprint(map[string]any{
		"typ": "JWT", "ttl": 600, "max_ttl": 1200, "audience": []any{"api://b", "api://a"}, "subject": "^user:", "scopes": []any{"a:read"},
		"claims": map[string]any{
			"forced": map[string]any{"tenant": "{{application.metadata.tenant}}", "n": 1}, "required": []any{"role"}, "allowed": []any{"role"},
			"forbidden": []any{"admin"}, "schema": map[string]any{"type": "object"},
		},
		"max_nbf": 60, "max_token_bytes": 4096, "audit_claims": []any{"sub"},
	})
	if got := fmt.Sprint(made.At("data", "profile")); got != want {
		t.Errorf("written as\n%s, answered as\n%s", want, got)
	}
	read := n.Get(path, n.Root())
	if !reflect.DeepEqual(lasting(read), lasting(made)) || made.Text("data", "issuer") != "acme" || made.Text("data", "name") != "full" {
		t.Errorf("%s after %s", read, made)
	}
	// What was read can be written.
	if again := n.Must(path, read.At("data", "profile")); fmt.Sprint(again.At("data", "profile")) != want || again.Text("data", "creation_time") != made.Text("data", "creation_time") {
		t.Errorf("%s after %s", again, made)
	}

	// Absent members have their defaults, and a PUT replaces the whole.
	bare := n.Must(path, object{})
	for name, want := range map[string]string{
		"typ": "at+jwt", "ttl": "900", "max_ttl": "3600", "audience": "[]", "subject": "", "max_nbf": "0", "max_token_bytes": "8192", "encrypt": "<nil>",
	} {
		if got := fmt.Sprint(bare.At("data", "profile", name)); got != want {
			t.Errorf("%s is %s by default, want %s", name, got, want)
		}
	}
	// No allow-list and an empty one are opposites.
	if bare.At("data", "profile", "claims", "allowed") != nil {
		t.Errorf("%s", bare)
	}
	for _, none := range []any{nil, []string{}} {
		r := n.Must(path, object{"claims": object{"allowed": none}})
		if got := r.At("data", "profile", "claims", "allowed"); (got == nil) != (none == nil) {
			t.Errorf("allowed %v is %v", none, got)
		}
	}
	if rec := records(t, n, ofRequest(made)); len(rec) != 2 || rec[1].Operation != "jwt/profiles/write" || rec[1].Key != "acme" || rec[1].Fields["profile"] != "full" || rec[1].Fields["definition"] == "" {
		t.Errorf("records %+v", rec)
	}
	n.Must("jwt/issuers/acme/profiles/b", object{})
	if names := strs(n.Do("LIST", "jwt/issuers/acme/profiles", n.Root(), nil), "data", "keys"); !reflect.DeepEqual(names, []string{"b", "full"}) {
		t.Errorf("profiles %v", names)
	}
	for range 2 {
		wantStatus(t, n.Do("DELETE", path, n.Root(), nil), 204)
	}
	wantError(t, n.Get(path, n.Root()), 404, "not_found")
	wantError(t, n.Do("LIST", "jwt/issuers/none/profiles", n.Root(), nil), 404, "not_found")
	wantError(t, n.Do("DELETE", "jwt/issuers/none/profiles/p", n.Root(), nil), 400, "issuer_not_found")
	wantError(t, n.Do("PUT", "jwt/issuers/none/profiles/p", n.Root(), object{}), 400, "issuer_not_found")
}

// many are n texts that differ.
func many(n int, text string) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(text, i))
	}
	return out
}

func TestProfilesThatAreRefused(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	put := func(body any) apitest.Reply { return n.Do("PUT", "jwt/issuers/acme/profiles/p", n.Root(), body) }
	for what, c := range map[string]struct {
		body any
		word string // in the text: what is wrong
	}{
		"a typ that is none":       {object{"typ": "a b"}, "typ"},
		"no time":                  {object{"max_ttl": "-1"}, "max_ttl"},
		"half a second":            {object{"ttl": "500ms"}, "ttl"},
		"a ttl above its most":     {object{"ttl": "2h", "max_ttl": "1h"}, "ttl"},
		"a ttl of ages":            {object{"max_ttl": "36500d"}, "max_ttl"},
		"a subject that is none":   {object{"subject": "("}, "subject"},
		"a scope with a space":     {object{"scopes": []string{"a b"}}, "scopes"},
		"a reserved claim, forced": {object{"claims": object{"forced": object{"iss": "x"}}}, "forced"},
		"a schema that is none":    {object{"claims": object{"schema": object{"type": 1}}}, "schema"},
		"a bad template":           {object{"claims": object{"forced": object{"a": "{{nothing}}"}}}, "forced"},
		"few bytes":                {object{"max_token_bytes": 1}, "max_token_bytes"},
		"a token of a megabyte":    {object{"max_token_bytes": 1 << 20}, "max_token_bytes"},
		"long":                     {object{"audience": many(200, strings.Repeat("x", 900))}, "bytes"},
	} {
		if r := put(c.body); r.Status != 400 || r.Code() != "bad_request" || !strings.Contains(r.Errors(), c.word) {
			t.Errorf("%s: %s", what, r)
		}
	}
	for what, c := range map[string][2]string{
		"a member that is none": {`{"tll":1}`, "unknown_field"},
		"one in claims":         {`{"claims":{"allow":[]}}`, "unknown_field"},
		"a member twice":        {`{"ttl":1,"ttl":2}`, "invalid_json"},
		"a claim forced twice":  {`{"claims":{"forced":{"a":1,"a":2}}}`, "invalid_json"},
		"a list":                {`[]`, "invalid_json"},
		"audience as a text":    {`{"audience":"a"}`, "bad_request"},
	} {
		wantError(t, put(c[0]), 400, c[1])
		_ = what
	}
	secretName := n.Do("PUT", "jwt/issuers/acme/profiles/"+strings.Repeat("ab", 48), n.Root(), object{})
	if secretName.Status != 400 {
		t.Errorf("a name like a share: %s", secretName)
	}
	wantError(t, n.Do("LIST", "jwt/issuers/acme/profiles", n.Root(), nil), 404, "not_found")
}

// A recipient's key is public, or it is refused, and never told, logged or kept.
func TestRecipientsOfEncryptedTokens(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, _ := key.PublicKey.Bytes()
	private, _ := key.Bytes()
	enc := base64.RawURLEncoding.EncodeToString
	d := enc(private)
	public := func() object {
		return object{"kty": "EC", "crv": "P-256", "x": enc(point[1:33]), "y": enc(point[33:]), "kid": "r1"}
	}
	with := func(member string, value any) object {
		k := public()
		k[member] = value
		return k
	}
	path := "jwt/issuers/acme/profiles/nested"
	put := func(e object) apitest.Reply { return n.Do("PUT", path, n.Root(), object{"encrypt": e}) }
	ecdh := func(recipient object) object {
		return object{"recipient": recipient, "alg": "ECDH-ES", "enc": "A256GCM"}
	}

	made := wantStatus(t, put(ecdh(with("note", "kept by nobody"))), 200)
	if got := made.At("data", "profile", "encrypt", "recipient"); fmt.Sprint(got) != fmt.Sprint(map[string]any{
		"alg": "ECDH-ES", "crv": "P-256", "kid": "r1", "kty": "EC", "use": "enc", "x": public()["x"], "y": public()["y"],
	}) {
		t.Errorf("kept as %v", got)
	}
	n.Must("transit/keys/aes", object{"type": "aes256-gcm96"})
	n.Must("transit/keys/ec", object{"type": "ecdsa-p256"})
	n.Must("transit/keys/gone", object{"type": "aes256-gcm96"})
	n.Must("transit/keys/gone/config", object{"deletion_allowed": true})
	wantStatus(t, n.Do("DELETE", "transit/keys/gone", n.Root(), nil), 204)
	wantStatus(t, put(object{"transit_key": "aes", "alg": "dir", "enc": "A256GCM"}), 200)

	for what, c := range map[string]struct {
		encrypt object
		code    string
	}{
		"a private member":          {ecdh(with("d", d)), "bad_request"},
		"a private member, no text": {ecdh(with("d", 1)), "bad_request"},
		"a symmetric key":           {ecdh(object{"kty": "oct", "k": d}), "bad_request"},
		"a point off the curve":     {ecdh(with("y", public()["x"])), "bad_request"},
		"a key to sign with":        {ecdh(with("use", "sig")), "bad_request"},
		"a key of another alg":      {ecdh(with("alg", "ECDH-ES+A256KW")), "bad_request"},
		"RSA with an EC key":        {object{"recipient": public(), "alg": "RSA-OAEP-256", "enc": "A256GCM"}, "bad_request"},
		"an alg that is none":       {object{"recipient": public(), "alg": "RSA1_5", "enc": "A256GCM"}, "bad_request"},
		"both":                      {object{"recipient": public(), "transit_key": "aes", "alg": "ECDH-ES", "enc": "A256GCM"}, "bad_request"},
		"neither":                   {object{"alg": "ECDH-ES", "enc": "A256GCM"}, "bad_request"},
		"no such transit key":       {object{"transit_key": "none", "alg": "dir", "enc": "A256GCM"}, "bad_request"},
		"a deleted transit key":     {object{"transit_key": "gone", "alg": "dir", "enc": "A256GCM"}, "key_deleted"},
		"an issuer's key":           {object{"transit_key": "acme", "alg": "dir", "enc": "A256GCM"}, "key_bound_to_issuer"},
		"a key that signs":          {object{"transit_key": "ec", "alg": "dir", "enc": "A256GCM"}, "bad_request"},
		"another length":            {object{"transit_key": "aes", "alg": "dir", "enc": "A128GCM"}, "bad_request"},
	} {
		if r := put(c.encrypt); r.Status != 400 || r.Code() != c.code || strings.Contains(string(r.Body), d) {
			t.Errorf("%s: %s", what, r)
		}
	}
	if r := n.Get(path, n.Root()); r.Text("data", "profile", "encrypt", "transit_key") != "aes" {
		t.Errorf("a refused profile replaced one: %s", r)
	}
	var s apitest.Scanner
	s.Add("a recipient's private member", []byte(d))
	log, err := os.ReadFile(n.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	if found := append(s.Find(log), s.Find([]byte(n.Log()))...); len(found) > 0 {
		t.Errorf("the logs hold %v", found)
	}
}

func TestAnIssuerHasUpTo256Profiles(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	for i := range 256 {
		n.Must(fmt.Sprintf("jwt/issuers/acme/profiles/p%d", i), object{})
	}
	wantText(t, wantError(t, n.Post("jwt/issuers/acme/profiles/more", n.Root(), object{}), 400, "bad_request"), "limit")
	n.Must("jwt/issuers/acme/profiles/p0", object{"ttl": 60}) // one that is there can be written
	wantStatus(t, n.Do("DELETE", "jwt/issuers/acme/profiles/p0", n.Root(), nil), 204)
	n.Must("jwt/issuers/acme/profiles/more", object{})
}
