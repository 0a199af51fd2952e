package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
)

// The key of RFC 7638, section 3.1; P-256 of RFC 7517, appendix A.1; Ed25519 of RFC
// 8037, appendix A.2.
const (
	rsaN = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	ecX  = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
	ecY  = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
	edX  = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
)

// jwkOf is a JWK of the base key for kty, with members replaced, added, or taken
// away by nil.
func jwkOf(t testing.TB, kty string, change map[string]any) string {
	t.Helper()
	m := map[string]map[string]any{
		"RSA": {"kty": "RSA", "n": rsaN, "e": "AQAB"},
		"EC":  {"kty": "EC", "crv": "P-256", "x": ecX, "y": ecY},
		"OKP": {"kty": "OKP", "crv": "Ed25519", "x": edX},
		"oct": {"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
	}[kty]
	for name, value := range change {
		if value == nil {
			delete(m, name)
		} else {
			m[name] = value
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestParseJWK(t *testing.T) {
	for kty, is := range map[string]func(any) bool{
		"RSA": func(k any) bool { r, ok := k.(*rsa.PublicKey); return ok && r.N.BitLen() == 2048 && r.E == 65537 },
		"EC":  func(k any) bool { e, ok := k.(*ecdsa.PublicKey); return ok && e.Params().Name == "P-256" },
		"OKP": func(k any) bool {
			e, ok := k.(ed25519.PublicKey)
			return ok && base64.RawURLEncoding.EncodeToString(e) == edX
		},
	} {
		k, err := ParseJWK([]byte(jwkOf(t, kty, map[string]any{"kid": "k1", "use": "sig", "x5c": []string{"x"}, "ext": true})))
		if err != nil || !is(k.Key()) || k.KID != "k1" || k.Use != "sig" {
			t.Errorf("%s: %+v, %v", kty, k, err)
		}
	}
}

func TestParseJWKRefuses(t *testing.T) {
	short := base64.RawURLEncoding.EncodeToString(make([]byte, 31))
	point := append(num(t, ecX).FillBytes(make([]byte, 32)), num(t, ecY).Bytes()...)
	long := "AA" + ecX // one byte more, as a number the same
	for name, c := range map[string]struct {
		kty    string
		change map[string]any
		want   error
	}{
		"no kty":                     {"EC", map[string]any{"kty": nil}, ErrJWK},
		"kty in another case":        {"EC", map[string]any{"kty": "ec"}, ErrUnsupportedKey},
		"kty of tomorrow":            {"EC", map[string]any{"kty": "AKP"}, ErrUnsupportedKey},
		"kty a number":               {"EC", map[string]any{"kty": 1}, ErrJWK},
		"another kty":                {"EC", map[string]any{"kty": "RSA"}, ErrJWK},
		"no crv":                     {"EC", map[string]any{"crv": nil}, ErrUnsupportedKey},
		"secp256k1":                  {"EC", map[string]any{"crv": "secp256k1"}, ErrUnsupportedKey},
		"P-224":                      {"EC", map[string]any{"crv": "P-224"}, ErrUnsupportedKey},
		"another curve":              {"EC", map[string]any{"crv": "P-384"}, ErrJWK},
		"no y":                       {"EC", map[string]any{"y": nil}, ErrJWK},
		"x too short":                {"EC", map[string]any{"x": short}, ErrJWK},
		"x with a zero byte before":  {"EC", map[string]any{"x": long}, ErrJWK},
		"x and y cut elsewhere":      {"EC", map[string]any{"x": base64.RawURLEncoding.EncodeToString(point[:31]), "y": base64.RawURLEncoding.EncodeToString(point[31:])}, ErrJWK},
		"x padded":                   {"EC", map[string]any{"x": ecX + "="}, ErrJWK},
		"x with a line break":        {"EC", map[string]any{"x": ecX[:8] + "\n" + ecX[8:]}, ErrJWK},
		"x in standard base64":       {"EC", map[string]any{"y": strings.ReplaceAll(ecY, "_", "/") + "+"}, ErrJWK},
		"x empty":                    {"EC", map[string]any{"x": ""}, ErrJWK},
		"x a number":                 {"EC", map[string]any{"x": 5}, ErrJWK},
		"not on the curve":           {"EC", map[string]any{"x": ecY, "y": ecX}, ErrJWK},
		"zero point":                 {"EC", map[string]any{"x": base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "y": base64.RawURLEncoding.EncodeToString(make([]byte, 32))}, ErrJWK},
		"d of an EC key":             {"EC", map[string]any{"d": ecX}, ErrPrivateMember},
		"d null":                     {"EC", map[string]any{"d": false}, ErrPrivateMember},
		"k in an EC key":             {"EC", map[string]any{"k": ecX}, ErrPrivateMember},
		"symmetric":                  {"oct", nil, ErrPrivateMember},
		"symmetric without a key":    {"oct", map[string]any{"k": nil}, ErrPrivateMember},
		"d of an RSA key":            {"RSA", map[string]any{"d": "AQAB"}, ErrPrivateMember},
		"a prime alone":              {"RSA", map[string]any{"p": "AQAB"}, ErrPrivateMember},
		"oth":                        {"RSA", map[string]any{"oth": []any{}}, ErrPrivateMember},
		"qi":                         {"RSA", map[string]any{"qi": "AQAB"}, ErrPrivateMember},
		"d of an Ed25519 key":        {"OKP", map[string]any{"d": edX}, ErrPrivateMember},
		"seed":                       {"OKP", map[string]any{"seed": edX}, ErrPrivateMember},
		"priv":                       {"OKP", map[string]any{"priv": edX}, ErrPrivateMember},
		"no n":                       {"RSA", map[string]any{"n": nil}, ErrJWK},
		"no e":                       {"RSA", map[string]any{"e": nil}, ErrJWK},
		"n with a zero byte before":  {"RSA", map[string]any{"n": base64.RawURLEncoding.EncodeToString(append([]byte{0}, num(t, rsaN).Bytes()...))}, ErrJWK},
		"n even":                     {"RSA", map[string]any{"n": enc(new(big.Int).Sub(num(t, rsaN), big.NewInt(1)))}, ErrJWK},
		"1024 bits":                  {"RSA", map[string]any{"n": enc(new(big.Int).Rsh(num(t, rsaN), 1024))}, ErrJWK},
		"2047 bits":                  {"RSA", map[string]any{"n": enc(new(big.Int).SetBit(new(big.Int).Rsh(num(t, rsaN), 1), 0, 1))}, ErrJWK},
		"8193 bits":                  {"RSA", map[string]any{"n": enc(new(big.Int).SetBit(big.NewInt(1), 8192, 1))}, ErrJWK},
		"e is 1":                     {"RSA", map[string]any{"e": "AQ"}, ErrJWK},
		"e is 3":                     {"RSA", map[string]any{"e": "Aw"}, ErrJWK},
		"e is 65535":                 {"RSA", map[string]any{"e": enc(big.NewInt(65535))}, ErrJWK},
		"e even":                     {"RSA", map[string]any{"e": enc(big.NewInt(65538))}, ErrJWK},
		"e with a zero byte before":  {"RSA", map[string]any{"e": "AAEAAQ"}, ErrJWK},
		"e beyond 31 bits":           {"RSA", map[string]any{"e": enc(big.NewInt(1<<32 + 1))}, ErrJWK},
		"e of 32 bits":               {"RSA", map[string]any{"e": enc(big.NewInt(1<<32 - 1))}, ErrJWK},
		"X25519":                     {"OKP", map[string]any{"crv": "X25519"}, ErrUnsupportedKey},
		"Ed25519 too short":          {"OKP", map[string]any{"x": short}, ErrJWK},
		"Ed25519 without x":          {"OKP", map[string]any{"x": nil}, ErrJWK},
		"Ed25519 of small order":     {"OKP", map[string]any{"x": "AQ" + strings.Repeat("A", 41)}, ErrJWK},
		"alg of another curve":       {"EC", map[string]any{"alg": "ES384"}, ErrJWK},
		"alg of another type":        {"EC", map[string]any{"alg": "RS256"}, ErrJWK},
		"alg of a secret key":        {"RSA", map[string]any{"alg": "HS256"}, ErrJWK},
		"alg of secret encryption":   {"RSA", map[string]any{"alg": "A128KW"}, ErrJWK},
		"alg of content encryption":  {"RSA", map[string]any{"alg": "A128GCM"}, ErrJWK},
		"alg unknown":                {"EC", map[string]any{"alg": "ES521"}, ErrUnsupportedKey},
		"alg RSA1_5":                 {"RSA", map[string]any{"alg": "RSA1_5"}, ErrUnsupportedKey},
		"alg none":                   {"RSA", map[string]any{"alg": "none"}, ErrUnsupportedKey},
		"alg empty":                  {"RSA", map[string]any{"alg": ""}, ErrJWK},
		"use enc with a signing alg": {"EC", map[string]any{"alg": "ES256", "use": "enc"}, ErrJWK},
		"use sig with RSA-OAEP-256":  {"RSA", map[string]any{"alg": "RSA-OAEP-256", "use": "sig"}, ErrJWK},
		"use a number":               {"EC", map[string]any{"use": 1}, ErrJWK},
		"use with other key_ops":     {"EC", map[string]any{"use": "sig", "key_ops": []string{"deriveKey"}}, ErrJWK},
		"use enc with verify":        {"EC", map[string]any{"use": "enc", "key_ops": []string{"verify"}}, ErrJWK},
		"alg with other key_ops":     {"RSA", map[string]any{"alg": "RS256", "key_ops": []string{"encrypt"}}, ErrJWK},
		"key_ops twice the same":     {"EC", map[string]any{"key_ops": []string{"verify", "verify"}}, ErrJWK},
		"key_ops a string":           {"EC", map[string]any{"key_ops": "verify"}, ErrJWK},
		"key_ops empty":              {"EC", map[string]any{"key_ops": []string{}}, ErrJWK},
		"key_ops of numbers":         {"EC", map[string]any{"key_ops": []int{1}}, ErrJWK},
		"kid a number":               {"EC", map[string]any{"kid": 7}, ErrJWK},
		"kid empty":                  {"EC", map[string]any{"kid": ""}, ErrJWK},
		"kid with a line break":      {"EC", map[string]any{"kid": "a\nb"}, ErrJWK},
		"kid too long":               {"EC", map[string]any{"kid": strings.Repeat("k", MaxKID+1)}, ErrJWK},
		"too long":                   {"EC", map[string]any{"note": strings.Repeat("k", MaxJWK)}, ErrJWK},
	} {
		k, err := ParseJWK([]byte(jwkOf(t, c.kty, c.change)))
		if !errors.Is(err, c.want) || k != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, raw := range []string{"", "null", "[]", `"x"`, "{}", `{"kty":"EC","kty":"EC"}`, `{"kty":"EC"} x`, jwkOf(t, "EC", nil) + jwkOf(t, "EC", nil),
		strings.Replace(jwkOf(t, "EC", nil), `"x"`, `"X"`, 1), `{"kty":"EC","x":{"a":1,"a":2}}`, "\ufeff" + jwkOf(t, "EC", nil)} {
		if _, err := ParseJWK([]byte(raw)); !errors.Is(err, ErrJWK) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func num(t testing.TB, s string) *big.Int {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(b)
}

func enc(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// A modulus made as the generator of CVE-2017-15361 made its primes, and ones with
// a factor that breaks the mark.
func TestROCA(t *testing.T) {
	m := big.NewInt(1)
	for _, p := range []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167} {
		m.Mul(m, big.NewInt(p))
	}
	prime := func(a, k int64) *big.Int {
		p := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), m)
		return p.Add(p, new(big.Int).Mul(new(big.Int).Lsh(big.NewInt(k), 800), m))
	}
	n := new(big.Int).Mul(prime(123456, 987654321), prime(654321, 123456789))
	if !roca(n) {
		t.Error("the mark is not seen")
	}
	if n.BitLen() < 2048 {
		t.Fatal(n.BitLen())
	}
	if _, err := ParseJWK([]byte(jwkOf(t, "RSA", map[string]any{"n": enc(n)}))); !errors.Is(err, ErrJWK) {
		t.Errorf("%v", err)
	}
	if roca(num(t, rsaN)) || roca(new(big.Int).Add(n, big.NewInt(2))) {
		t.Error("the mark is seen where there is none")
	}
}

func TestWhatAKeyIsFor(t *testing.T) {
	for name, c := range map[string]struct {
		kty             string
		change          map[string]any
		verify, encrypt bool
	}{
		"nothing said":           {"RSA", nil, true, true},
		"sig":                    {"RSA", map[string]any{"use": "sig"}, true, false},
		"enc":                    {"RSA", map[string]any{"use": "enc"}, false, true},
		"another use":            {"RSA", map[string]any{"use": "tls"}, false, false},
		"its alg":                {"RSA", map[string]any{"alg": "RS256"}, true, false},
		"another alg":            {"RSA", map[string]any{"alg": "RS384"}, false, false},
		"PSS":                    {"RSA", map[string]any{"alg": "PS256"}, false, false},
		"RSA-OAEP-256":           {"RSA", map[string]any{"alg": "RSA-OAEP-256"}, false, true},
		"RSA-OAEP":               {"RSA", map[string]any{"alg": "RSA-OAEP"}, false, false},
		"verify":                 {"RSA", map[string]any{"key_ops": []string{"verify"}}, true, false},
		"sign alone":             {"RSA", map[string]any{"key_ops": []string{"sign"}}, false, false},
		"encrypt":                {"RSA", map[string]any{"key_ops": []string{"encrypt"}}, false, true},
		"wrapKey":                {"RSA", map[string]any{"key_ops": []string{"wrapKey"}}, false, true},
		"decrypt alone":          {"RSA", map[string]any{"key_ops": []string{"decrypt"}}, false, false},
		"an operation of others": {"RSA", map[string]any{"key_ops": []string{"frobnicate"}}, false, false},
		"another type":           {"EC", nil, false, false},
	} {
		k, err := ParseJWK([]byte(jwkOf(t, c.kty, c.change)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := k.CheckVerify(RS256); errors.Is(err, ErrKeyUse) == c.verify {
			t.Errorf("%s: verify: %v", name, err)
		}
		if err := k.CheckEncrypt(RSAOAEP256); errors.Is(err, ErrKeyUse) == c.encrypt {
			t.Errorf("%s: encrypt: %v", name, err)
		}
	}
	ec, err := ParseJWK([]byte(jwkOf(t, "EC", nil)))
	if err != nil {
		t.Fatal(err)
	}
	for alg, want := range map[Alg]bool{ES256: true, ES384: false, ES512: false, RS256: false, EdDSA: false, HS256: false, "none": false, "": false} {
		if err := ec.CheckVerify(alg); (err == nil) != want {
			t.Errorf("P-256 for %q: %v", alg, err)
		}
	}
	for alg, want := range map[KeyAlg]bool{ECDHES: true, ECDHESA256KW: true, RSAOAEP256: false, Dir: false, "": false, "RSA1_5": false} {
		if err := ec.CheckEncrypt(alg); (err == nil) != want {
			t.Errorf("P-256 for %q: %v", alg, err)
		}
	}
	// A key for dir may be bound to dir, or to what it encrypts with.
	for alg, want := range map[string]bool{"": true, "dir": true, "A128GCM": true, "A256GCM": false, "A128KW": false} {
		p, err := ReadJWK([]byte(jwkOf(t, "oct", map[string]any{"alg": orNil(alg)})))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.CheckDecrypt(Dir, A128GCM); (err == nil) != want {
			t.Errorf("dir with a key for %q: %v", alg, err)
		}
	}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func TestParseJWKS(t *testing.T) {
	set := func(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `],"note":{}}`) }
	named := func(kty, kid string, change map[string]any) string {
		if change == nil {
			change = map[string]any{}
		}
		change["kid"] = kid
		return jwkOf(t, kty, change)
	}
	got, err := ParseJWKS(set(named("EC", "a", nil), named("RSA", "b", nil), `{"kty":"AKP","alg":"ML-DSA-44","pub":"x"}`, named("EC", "c", map[string]any{"crv": "secp256k1"}),
		named("RSA", "d", map[string]any{"alg": "RSA1_5"}), jwkOf(t, "OKP", nil), jwkOf(t, "EC", nil)))
	if err != nil || len(got.Keys) != 4 || got.Find("a") == nil || got.Find("b").KTY != "RSA" || got.Find("c") != nil || got.Find("") != nil || got.Find("A") != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseJWKS([]byte(`{"keys":[]}`)); err != nil || len(got.Keys) != 0 {
		t.Errorf("an empty set: %v", err)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"one kid twice":           {set(named("EC", "a", nil), named("RSA", "a", nil)), ErrJWK},
		"mixed":                   {set(named("EC", "a", nil), named("oct", "b", nil)), ErrJWK},
		"mixed the other way":     {set(named("oct", "a", nil), named("OKP", "b", nil)), ErrJWK},
		"symmetric alone":         {set(named("oct", "a", nil)), ErrPrivateMember},
		"a private key":           {set(named("EC", "a", nil), named("EC", "b", map[string]any{"d": ecX})), ErrPrivateMember},
		"a key off its curve":     {set(named("EC", "a", map[string]any{"y": ecX})), ErrJWK},
		"a key that contradicts":  {set(named("EC", "a", map[string]any{"alg": "RS256"})), ErrJWK},
		"a key that is no object": {set("1"), ErrJWK},
		"a key with a name twice": {set(`{"kty":"EC","kty":"RSA"}`), ErrJWK},
		"no keys":                 {[]byte(`{"Keys":[]}`), ErrJWK},
		"keys twice":              {[]byte(`{"keys":[],"keys":[]}`), ErrJWK},
		"keys an object":          {[]byte(`{"keys":{}}`), ErrJWK},
		"keys null":               {[]byte(`{"keys":null}`), ErrJWK},
		"an array":                {[]byte(`[]`), ErrJWK},
		"text behind":             {[]byte(`{"keys":[]}x`), ErrJWK},
		"101 keys":                {set(strings.Split(strings.Repeat(jwkOf(t, "OKP", nil)+";", 100)+jwkOf(t, "OKP", nil), ";")...), ErrJWK},
		"too long":                {[]byte(`{"keys":[],"x":"` + strings.Repeat("x", MaxJWKS) + `"}`), ErrJWK},
	} {
		if got, err := ParseJWKS(c.raw); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestPublicJWKIsCanonical(t *testing.T) {
	for _, c := range []struct {
		kty  string
		alg  Alg
		want string
	}{
		{"EC", ES256, `{"alg":"ES256","crv":"P-256","kid":"k\"1","kty":"EC","use":"sig","x":"` + ecX + `","y":"` + ecY + `"}`},
		{"RSA", PS256, `{"alg":"PS256","e":"AQAB","kid":"k\"1","kty":"RSA","n":"` + rsaN + `","use":"sig"}`},
		{"OKP", EdDSA, `{"alg":"EdDSA","crv":"Ed25519","kid":"k\"1","kty":"OKP","use":"sig","x":"` + edX + `"}`},
		{"OKP", Ed25519, `{"alg":"Ed25519","crv":"Ed25519","kid":"k\"1","kty":"OKP","use":"sig","x":"` + edX + `"}`},
	} {
		k, err := ParseJWK([]byte(jwkOf(t, c.kty, nil)))
		if err != nil {
			t.Fatal(err)
		}
		spki, err := k.SPKI()
		if err != nil {
			t.Fatal(err)
		}
		got, err := PublicJWK(spki, c.alg, `k"1`)
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v\nwant %s", got, err, c.want)
		}
		again, err := ParseJWK(got)
		if err != nil || again.CheckVerify(c.alg) != nil || again.KID != `k"1` {
			t.Errorf("%+v, %v", again, err)
		}
		for _, alg := range Algs() {
			if alg.Kty() != c.kty {
				if _, err := PublicJWK(spki, alg, "k"); !errors.Is(err, ErrKeyUse) {
					t.Errorf("%s as %s: %v", c.kty, alg, err)
				}
			}
		}
		set, err := ParseJWKS(AppendJWKS(nil, got))
		if err != nil || len(set.Keys) != 1 {
			t.Errorf("%v", err)
		}
	}
	if _, err := PublicJWK([]byte("x"), ES256, "k"); !errors.Is(err, ErrUnsupportedKey) {
		t.Errorf("no SPKI: %v", err)
	}
	if string(AppendJWKS(nil)) != `{"keys":[]}` {
		t.Error("the empty set")
	}
	rsaKey, err := ParseJWK([]byte(jwkOf(t, "RSA", nil)))
	if err != nil {
		t.Fatal(err)
	}
	spki, err := rsaKey.SPKI()
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := RecipientJWK(spki, RSAOAEP256, "k")
	if err != nil || string(recipient) != `{"alg":"RSA-OAEP-256","e":"AQAB","kid":"k","kty":"RSA","n":"`+rsaN+`","use":"enc"}` {
		t.Errorf("%s, %v", recipient, err)
	}
	for _, alg := range []KeyAlg{ECDHES, Dir, A128KW, "", "RSA1_5"} {
		if _, err := RecipientJWK(spki, alg, "k"); !errors.Is(err, ErrKeyUse) {
			t.Errorf("a recipient for %s: %v", alg, err)
		}
	}
}

// RFC 7638, section 3.1, and RFC 8037, appendix A.3. What else stands in the JWK
// does not count.
func TestThumbprint(t *testing.T) {
	for kty, want := range map[string]string{"RSA": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "OKP": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "EC": "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"} {
		k, err := ParseJWK([]byte(jwkOf(t, kty, map[string]any{"kid": "2011-04-29", "use": "sig"})))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Thumbprint(); err != nil || got != want {
			t.Errorf("%s: %s, %v", kty, got, err)
		}
	}
}
