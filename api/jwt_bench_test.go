package api

import (
	"encoding/json"
	"testing"
)

// BenchmarkJWT is whole requests without the network: an access token with the usual
// rules, and its verification.
func BenchmarkJWT(b *testing.B) {
	s := newServer(b)
	do(s, "POST", "/v1/jwt/issuers/acme", rootToken, `{"issuer":"https://acme.example"}`)
	do(s, "POST", "/v1/jwt/issuers/acme/profiles/access", rootToken,
		`{"audience":["api://orders"],"subject":"^user:","scopes":["orders:read"],"claims":{"allowed":["role","tenant","groups"]},"audit_claims":["sub"]}`)
	body := `{"sub":"user:1","aud":"api://orders","scope":"orders:read","ttl":"10m","claims":{"role":"clerk","tenant":"t-1","groups":["orders","stock"]}}`
	w := do(s, "POST", "/v1/jwt/sign/acme/access", rootToken, body)
	var raw struct{ Data struct{ Token string } }
	if err := json.Unmarshal(w.Body.Bytes(), &raw); err != nil || raw.Data.Token == "" {
		b.Fatalf("%v: %s", err, w.Body)
	}
	b.Run("sign", func(b *testing.B) { serve(b, s, "/v1/jwt/sign/acme/access", body) })
	b.Run("verify", func(b *testing.B) {
		serve(b, s, "/v1/jwt/verify/acme", `{"token":"`+raw.Data.Token+`","audience":"api://orders"}`)
	})
}
