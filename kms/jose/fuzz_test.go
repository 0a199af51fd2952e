package jose

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		jws(`{"alg":"ES256","kid":"k","typ":"JWT"}`, `{"sub":"x"}`, "s"), jws(`{"alg":"none"}`, "", ""), jws(`{"alg":"ES256","alg":"none"}`, "x", "s"),
		jws(`{"\u0061lg":"HS256","x":[{"a":{"b":[]}}]}`, "", "s"), "..", "a.b.c", jws(strings.Repeat("[", 100), "", "s"),
		jws(`{"alg":"ES256","crit":["b64"],"b64":false}`, "x", "s"), jws("\ufeff{}", "", "s"), `{"payload":"x","signatures":[]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || token != nil {
				t.Fatal(err)
			}
			return
		}
		// What parses has one spelling: the parts encode to the text again.
		again := b64.EncodeToString(token.Header.Raw) + "." + b64.EncodeToString(token.Payload) + "." + b64.EncodeToString(token.Signature)
		if again != text || string(token.SigningInput)+"."+b64.EncodeToString(token.Signature) != text || len(token.Signature) == 0 {
			t.Fatalf("%q parses, and encodes to %q", text, again)
		}
		// And one reading: what the standard library sees under the exact names.
		var members map[string]json.RawMessage
		if err := json.Unmarshal(token.Header.Raw, &members); err != nil {
			t.Fatalf("%q: %v", token.Header.Raw, err)
		}
		for name, want := range map[string]string{"alg": string(token.Header.Alg), "kid": token.Header.KID, "typ": token.Header.Typ, "cty": token.Header.Cty} {
			var got string
			if raw, ok := members[name]; ok && (json.Unmarshal(raw, &got) != nil || bytes.Equal(raw, []byte("null"))) || got != want {
				t.Fatalf("%s of %q is %q, here %q", name, token.Header.Raw, got, want)
			}
		}
		for _, name := range []string{"crit", "zip", "b64", "enc"} {
			if members[name] != nil {
				t.Fatalf("%q has %s", token.Header.Raw, name)
			}
		}
		if !token.Header.Alg.Known() {
			t.Fatalf("alg %q", token.Header.Alg)
		}
	})
}

func FuzzParseJWK(f *testing.F) {
	for _, kty := range []string{"EC", "RSA", "OKP", "oct"} {
		f.Add([]byte(jwkOf(f, kty, map[string]any{"kid": "k", "use": "sig"})))
		f.Add([]byte(jwkOf(f, kty, map[string]any{"d": "AQAB", "key_ops": []string{"verify"}})))
		f.Add([]byte(`{"keys":[` + jwkOf(f, kty, nil) + `]}`))
	}
	f.Add([]byte(`{"kty":"RSA","n":"","e":""}`))
	f.Add([]byte(`{"keys":[{"kty":"oct"},{"kty":"EC"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if set, err := ParseJWKS(raw); err == nil {
			kids := map[string]bool{}
			for _, k := range set.Keys {
				if k.KID != "" && kids[k.KID] {
					t.Fatalf("kid %q twice in %q", k.KID, raw)
				}
				kids[k.KID] = true
			}
		} else if !errors.Is(err, ErrJWK) && !errors.Is(err, ErrPrivateMember) {
			t.Fatal(err)
		}
		k, err := ParseJWK(raw)
		if err != nil {
			if !errors.Is(err, ErrJWK) && !errors.Is(err, ErrPrivateMember) && !errors.Is(err, ErrUnsupportedKey) || k != nil {
				t.Fatal(err)
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "seed"} {
			if members[name] != nil {
				t.Fatalf("%q has %s", raw, name)
			}
		}
		// What is published of a key that was read is the same key.
		spki, err := k.SPKI()
		if err != nil {
			t.Fatal(err)
		}
		alg := map[string]Alg{"P-256": ES256, "P-384": ES384, "P-521": ES512, "Ed25519": EdDSA, "": RS256}[k.Crv]
		if k.KTY == KtyRSA {
			alg = RS256 // whatever crv says there
		}
		written, err := PublicJWK(spki, alg, "k")
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseJWK(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		one, err1 := k.Thumbprint()
		two, err2 := again.Thumbprint()
		if err1 != nil || err2 != nil || one != two {
			t.Fatalf("%s, %v and %s, %v", one, err1, two, err2)
		}
	})
}

func FuzzParseEncrypted(f *testing.F) {
	for _, seed := range []string{
		jwe(`{"alg":"dir","enc":"A128GCM"}`, 0, 12, 5, 16), jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+epk+`}`, 0, 12, 5, 16),
		jwe(`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}`, 256, 16, 32, 32), jwe(`{"alg":"ECDH-ES+A256KW","enc":"A128GCM",`+epk+`}`, 24, 12, 5, 16),
		jwe(`{"alg":"PBES2-HS256+A128KW","p2c":1,"enc":"A128GCM"}`, 24, 12, 5, 16), jwe(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`, 0, 12, 5, 16), "....",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEncrypted(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again := CompactJWE(e.AAD, e.Key, e.IV, e.Ciphertext, e.Tag); again != text || b64.EncodeToString(e.Header.Raw) != string(e.AAD) {
			t.Fatalf("%q parses, and encodes to %q", text, again)
		}
		h := e.Header
		if (h.EPK != nil) != (h.Alg == ECDHES || h.Alg == ECDHESA256KW) || (len(e.Key) == 0) != (h.Alg == Dir || h.Alg == ECDHES) || len(e.IV) < 12 || len(e.Tag) < 16 {
			t.Fatalf("%+v", e)
		}
	})
}
