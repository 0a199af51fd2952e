package jose

import "testing"

const benchPayload = `{"aud":["api://orders"],"client_id":"web","exp":1790000900,"iat":1790000000,"iss":"https://acme.example","jti":"AAAAAAAAAAAAAAAAAAAAAA","nbf":1790000000,"role":"clerk","scope":"orders:read","sub":"user:1"}`

func benchToken() (Protected, string) {
	p := NewProtected(ES256, "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s", "at+jwt", "")
	return p, string(AppendSignature(p.AppendSigningInput(nil, []byte(benchPayload)), make([]byte, 64)))
}

func BenchmarkParse(b *testing.B) {
	_, token := benchToken()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(token); err != nil {
			b.Fatal(err)
		}
	}
}

// The header is one that this verifier wrote.
func BenchmarkParseKnown(b *testing.B) {
	p, token := benchToken()
	headers := map[string]*Header{p.Segment(): p.Header()}
	known := func(segment string) *Header { return headers[segment] }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseKnown(token, known); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProtected(b *testing.B) {
	p, _ := benchToken()
	payload, sig, buf := []byte(benchPayload), make([]byte, 64), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendSignature(p.AppendSigningInput(buf[:0], payload), sig)
	}
}

func BenchmarkParseJWK(b *testing.B) {
	raw := []byte(jwkOf(b, "EC", map[string]any{"alg": "ES256", "kid": "k", "use": "sig"}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJWK(raw); err != nil {
			b.Fatal(err)
		}
	}
}
