package keyring

import (
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// BenchmarkJOSE signs a token, and checks one from its text on.
func BenchmarkJOSE(b *testing.B) {
	w := &bench{Keyring: shared(b).Keyring}
	for _, c := range []struct {
		typ state.KeyType
		alg jose.Alg
	}{{state.ECDSAP256, jose.ES256}, {state.Ed25519, jose.EdDSA}, {state.RSA2048, jose.RS256}, {state.RSA2048, jose.PS256}, {state.HMAC, jose.HS256}} {
		v := shared(b).versions[c.typ]
		p := jose.NewProtected(c.alg, v.KID, "at+jwt", "")
		payload := []byte(`{"aud":["api://orders"],"client_id":"web","exp":1790000900,"iat":1790000000,"iss":"https://acme.example","jti":"AAAAAAAAAAAAAAAAAAAAAA","sub":"user:1"}`)
		b.Run("sign/"+string(c.alg), func(b *testing.B) {
			u := w.use(b, pass.Sign, v)
			b.ReportAllocs()
			for b.Loop() {
				input := p.AppendSigningInput(nil, payload)
				sig, err := u.SignJOSE(v, c.alg, input)
				if err != nil {
					b.Fatal(err)
				}
				_ = jose.AppendSignature(input, sig)
			}
		})
		b.Run("verify/"+string(c.alg), func(b *testing.B) {
			token := w.token(b, v, c.alg, string(payload))
			u := w.use(b, pass.Verify, v)
			b.ReportAllocs()
			for b.Loop() {
				t, err := jose.Parse(token)
				if err != nil {
					b.Fatal(err)
				}
				if err := c.alg.Check(&t.Header); err != nil {
					b.Fatal(err)
				}
				if ok, err := u.VerifyJOSE(v, c.alg, t.SigningInput, t.Signature); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
