package keyring

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Attacks on a JWE before any key is touched: each is malformed, and none panics or
// does the work it asks for.
func TestAttacksOnEncryptedTokens(t *testing.T) {
	w := newBench(t)
	v := w.versionFor(t, state.RSA2048)
	good, err := EncryptTo(recipient(t, v, jose.RSAOAEP256), jose.RSAOAEP256, jose.A128GCM, "JWT", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	with := func(header string) string {
		return strings.Join(append([]string{encode([]byte(header))}, parts[1:]...), ".")
	}
	of := func(header string, key, iv, text, tag int) string {
		x := func(n int) string { return encode(make([]byte, n)) }
		return strings.Join([]string{encode([]byte(header)), x(key), x(iv), x(text), x(tag)}, ".")
	}
	const curve = `"epk":{"kty":"EC","crv":"P-256","x":"`
	for name, token := range map[string]string{
		"zip bomb":                        strings.Join([]string{encode([]byte(`{"alg":"RSA-OAEP-256","enc":"A128GCM","zip":"DEF"}`)), parts[1], parts[2], encode([]byte(bomb(t))), parts[4]}, "."),
		"billions of hashes by p2c":       of(`{"alg":"PBES2-HS512+A256KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAAAAAAAAA"}`, 24, 12, 1, 16),
		"p2c under another alg":           with(`{"alg":"RSA-OAEP-256","enc":"A128GCM","p2c":2147483647}`),
		"RSA1_5":                          with(`{"alg":"RSA1_5","enc":"A128GCM"}`),
		"alg none":                        with(`{"alg":"none","enc":"A128GCM"}`),
		"enc none":                        with(`{"alg":"RSA-OAEP-256","enc":"none"}`),
		"empty encrypted key":             strings.Join([]string{parts[0], "", parts[2], parts[3], parts[4]}, "."),
		"empty encrypted key of A128KW":   of(`{"alg":"A128KW","enc":"A128GCM"}`, 0, 12, 1, 16),
		"a key under dir":                 of(`{"alg":"dir","enc":"A128GCM"}`, 16, 12, 1, 16),
		"ECDH-ES without epk":             of(`{"alg":"ECDH-ES","enc":"A128GCM"}`, 0, 12, 1, 16),
		"ECDH-ES with epk null":           of(`{"alg":"ECDH-ES","enc":"A128GCM","epk":null}`, 0, 12, 1, 16),
		"invalid curve: off the curve":    of(`{"alg":"ECDH-ES","enc":"A128GCM",`+curve+strings.Repeat("A", 42)+`E","y":"`+strings.Repeat("A", 42)+`E"}}`, 0, 12, 1, 16),
		"invalid curve: at infinity":      of(`{"alg":"ECDH-ES","enc":"A128GCM",`+curve+`","y":""}}`, 0, 12, 1, 16),
		"invalid curve: one coordinate":   of(`{"alg":"ECDH-ES","enc":"A128GCM",`+curve+strings.Repeat("A", 43)+`"}}`, 0, 12, 1, 16),
		"truncated GCM tag":               strings.Join([]string{parts[0], parts[1], parts[2], parts[3], encode(unb64(t, parts[4])[:4])}, "."),
		"no tag":                          strings.Join([]string{parts[0], parts[1], parts[2], parts[3], ""}, "."),
		"no iv":                           strings.Join([]string{parts[0], parts[1], "", parts[3], parts[4]}, "."),
		"a signed token":                  parts[0] + "." + parts[1] + "." + parts[2],
		"crit":                            with(`{"alg":"RSA-OAEP-256","enc":"A128GCM","crit":["x"],"x":1}`),
		"alg twice":                       with(`{"alg":"RSA-OAEP-256","alg":"dir","enc":"A128GCM"}`),
		"JSON serialization":              `{"protected":"` + parts[0] + `","encrypted_key":"` + parts[1] + `","iv":"x","ciphertext":"x","tag":"x"}`,
		"thousands of segments":           strings.Repeat("A.", 30000),
		"CBC with less than a block":      of(`{"alg":"dir","enc":"A256CBC-HS512"}`, 0, 16, 1, 32),
		"CBC with the tag of another enc": of(`{"alg":"dir","enc":"A256CBC-HS512"}`, 0, 16, 16, 16),
		"header that is null":             with("null"),
		"header that is empty":            with(""),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := jose.ParseEncrypted(token); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A JWE is made with the public key by anybody: it is no signed token, and what is
// in it is none either unless it parses and verifies (CVE-2026-29000).
func TestAttackEncryptedIsNotSigned(t *testing.T) {
	i := newVictim(t)
	to := recipient(t, i.v, jose.RSAOAEP256)
	for name, inner := range map[string]string{
		"claims in clear":    claims,
		"nothing":            "",
		"null":               "null",
		"an unsigned token":  forge(`{"alg":"none"}`, claims, nil),
		"unsigned, with kid": forge(`{"alg":"none","kid":"`+i.v.KID+`"}`, claims, []byte("x")),
		"not by the issuer":  forge(`{"alg":"RS256","kid":"`+i.v.KID+`"}`, claims, make([]byte, 256)),
	} {
		t.Run(name, func(t *testing.T) {
			token, err := EncryptTo(to, jose.RSAOAEP256, jose.A256GCM, "JWT", []byte(inner))
			if err != nil {
				t.Fatal(err)
			}
			i.refuses(t, token)
			got, err := i.decrypt(t, i.v, jose.RSAOAEP256, token)
			if err != nil || string(got) != inner {
				t.Fatalf("%q, %v", got, err)
			}
			i.refuses(t, string(got))
		})
	}
	// And another JWE inside is none.
	inner, err := EncryptTo(to, jose.RSAOAEP256, jose.A256GCM, "JWT", []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	i.refuses(t, inner)
}

// An epk of a curve that the key does not have. go-jose refuses such a point too, by
// another check.
func TestAttackAnotherCurveInTheEPK(t *testing.T) {
	w := newBench(t)
	for _, c := range []struct{ key, sender state.KeyType }{{state.ECDSAP256, state.ECDSAP384}, {state.ECDSAP384, state.ECDSAP256}, {state.ECDSAP521, state.ECDSAP256}} {
		x, err := w.session.Load().secret(w.versionFor(t, c.key))
		if err != nil {
			t.Fatal(err)
		}
		token, err := EncryptTo(recipient(t, w.versionFor(t, c.sender), jose.ECDHES), jose.ECDHES, jose.A256GCM, "", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		e, err := jose.ParseEncrypted(token)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decryptJWE(x.ec, e); err != ErrJWE || got != nil {
			t.Errorf("%s with an epk of %s: %v", c.key, c.sender, err)
		}
	}
}

// A key that unwraps by one algorithm is not used with another.
func TestAttackKeyWrapConfusion(t *testing.T) {
	w := newBench(t)
	raw := []byte(`{"kty":"oct","use":"enc","alg":"A128KW","k":"AAAAAAAAAAAAAAAAAAAAAA"}`)
	header := `{"alg":"A128GCMKW","enc":"A128GCM","iv":"AAAAAAAAAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA"}`
	token := strings.Join([]string{encode([]byte(header)), encode(make([]byte, 16)), encode(make([]byte, 12)), "", encode(make([]byte, 16))}, ".")
	if _, err := w.decryptVector(t, raw, token); !errors.Is(err, jose.ErrKeyUse) {
		t.Errorf("%v", err)
	}
}

// A header that names another alg over what the AES key did encrypt: whoever may
// encrypt with chosen associated data can make it.
func TestAttackAnotherAlgOverDir(t *testing.T) {
	w := newBench(t)
	v := generated(t, w.Keyring, "aes", 1, state.AES256GCM)
	const point = `"epk":{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`
	for header, want := range map[string]error{
		`{"alg":"dir","enc":"A256GCM"}`:                   nil,
		`{"alg":"ECDH-ES","enc":"A256GCM",` + point + `}`: ErrJWE,
		`{"alg":"dir","enc":"A128GCM"}`:                   ErrJWE,
	} {
		protected := encode([]byte(header))
		sealed, err := w.use(t, pass.Encrypt, v).Encrypt(v, []byte("x"), []byte(protected))
		if err != nil {
			t.Fatal(err)
		}
		token := jose.CompactJWE([]byte(protected), nil, sealed[:12], sealed[12:len(sealed)-16], sealed[len(sealed)-16:])
		if got, err := w.decrypt(t, v, jose.Dir, token); err != want || (got == nil) != (want != nil) {
			t.Errorf("%s: %q, %v", header, got, err)
		}
	}
}
