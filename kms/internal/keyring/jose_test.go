package keyring

import (
	"crypto"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/kms/state"
)

// Every JOSE algorithm that transit keys can make is read by go-jose.
func TestJWSVerifiesInGoJose(t *testing.T) {
	w := shared(t)
	for alg, c := range map[jose.SignatureAlgorithm]struct {
		typ state.KeyType
		o   Options
	}{
		jose.ES256: {state.ECDSAP256, Options{JWS: true}},
		jose.ES384: {state.ECDSAP384, Options{JWS: true, Hash: SHA384}},
		jose.ES512: {state.ECDSAP521, Options{JWS: true, Hash: SHA512}},
		jose.EdDSA: {state.Ed25519, Options{JWS: true}},
		jose.RS256: {state.RSA2048, Options{JWS: true, PKCS1v15: true}},
		jose.RS384: {state.RSA3072, Options{JWS: true, PKCS1v15: true, Hash: SHA384}},
		jose.RS512: {state.RSA4096, Options{JWS: true, PKCS1v15: true, Hash: SHA512}},
		jose.PS256: {state.RSA2048, Options{JWS: true, Salt: SaltHash}},
		jose.PS384: {state.RSA3072, Options{JWS: true, Salt: SaltHash, Hash: SHA384}},
		jose.PS512: {state.RSA4096, Options{JWS: true, Salt: SaltHash, Hash: SHA512}},
	} {
		t.Run(string(alg), func(t *testing.T) {
			v := w.version(c.typ)
			header, err := json.Marshal(map[string]string{"alg": string(alg), "kid": v.KID})
			if err != nil {
				t.Fatal(err)
			}
			input := encode(header) + "." + encode([]byte(`{"sub":"x"}`))
			token := input + "." + encode(signed(t, w.Keyring, v, c.o, []byte(input)))
			parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{alg})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parsed.Verify(w.public(t, c.typ)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKIDIsTheThumbprintOfGoJose(t *testing.T) {
	w := shared(t)
	for _, typ := range signing() {
		jwk := jose.JSONWebKey{Key: w.public(t, typ)}
		want, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.versions[typ].KID; got != encode(want) {
			t.Errorf("%s: kid %s, go-jose has %s", typ, got, encode(want))
		}
	}
}

// The values that RFC 7638, section 3.1, and RFC 8037, appendix A.3, give.
func TestThumbprintVectors(t *testing.T) {
	for _, c := range []struct {
		typ       state.KeyType
		jwk, want string
	}{
		{state.RSA2048, `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}`,
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		{state.Ed25519, `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	} {
		var jwk jose.JSONWebKey
		if err := json.Unmarshal([]byte(c.jwk), &jwk); err != nil {
			t.Fatal(err)
		}
		got, err := kid(&state.KeyVersion{Type: c.typ, Public: spkiOf(t, jwk.Key)})
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.typ, got, err, c.want)
		}
	}
}
