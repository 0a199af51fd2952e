package jose

import (
	"errors"
	"strings"
	"testing"
)

// jwe is a compact token of a header in clear and parts of so many bytes.
func jwe(header string, key, iv, ciphertext, tag int) string {
	part := func(n int) string { return enc64(strings.Repeat("x", n)) }
	return strings.Join([]string{enc64(header), part(key), part(iv), part(ciphertext), part(tag)}, ".")
}

const epk = `"epk":{"kty":"EC","crv":"P-256","x":"` + ecX + `","y":"` + ecY + `"}`

func TestParseEncrypted(t *testing.T) {
	for _, token := range []string{
		jwe(`{"alg":"dir","enc":"A128GCM"}`, 0, 12, 0, 16),
		jwe(`{"alg":"dir","enc":"A256GCM","cty":"JWT"}`, 0, 12, 5, 16),
		jwe(`{"alg":"dir","enc":"A256CBC-HS512"}`, 0, 16, 32, 32),
		jwe(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"k1"}`, 256, 12, 5, 16),
		jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+epk+`,"apu":"QQ","apv":""}`, 0, 12, 5, 16),
		jwe(`{"alg":"ECDH-ES+A256KW","enc":"A128GCM",`+epk+`}`, 24, 12, 5, 16),
	} {
		e, err := ParseEncrypted(token)
		if err != nil {
			t.Errorf("%s: %v", token, err)
			continue
		}
		if string(e.AAD) != token[:strings.IndexByte(token, '.')] || e.Compact != token || (e.Header.EPK != nil) != strings.HasPrefix(string(e.Header.Alg), "ECDH") {
			t.Errorf("%+v", e)
		}
	}
}

func TestParseEncryptedRefuses(t *testing.T) {
	dir := `{"alg":"dir","enc":"A128GCM"}`
	if _, err := ParseEncrypted(jwe(dir, 0, 12, 5, 16)); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"nothing":                      "",
		"three segments":               jws(dir, "x", "x"),
		"four segments":                strings.Join(strings.Split(jwe(dir, 0, 12, 5, 16), ".")[:4], "."),
		"six segments":                 jwe(dir, 0, 12, 5, 16) + ".",
		"padding":                      jwe(dir, 0, 12, 5, 16) + "=",
		"JSON":                         `{"protected":"x","recipients":[]}`,
		"no alg":                       jwe(`{"enc":"A128GCM"}`, 0, 12, 5, 16),
		"no enc":                       jwe(`{"alg":"dir"}`, 0, 12, 5, 16),
		"alg a number":                 jwe(`{"alg":1,"enc":"A128GCM"}`, 0, 12, 5, 16),
		"enc in another case":          jwe(`{"alg":"dir","enc":"a128gcm"}`, 0, 12, 5, 16),
		"alg in another case":          jwe(`{"alg":"DIR","enc":"A128GCM"}`, 0, 12, 5, 16),
		"alg none":                     jwe(`{"alg":"none","enc":"A128GCM"}`, 0, 12, 5, 16),
		"enc none":                     jwe(`{"alg":"dir","enc":"none"}`, 0, 12, 5, 16),
		"a signing alg":                jwe(`{"alg":"RS256","enc":"A128GCM"}`, 256, 12, 5, 16),
		"RSA1_5":                       jwe(`{"alg":"RSA1_5","enc":"A128GCM"}`, 256, 12, 5, 16),
		"RSA-OAEP":                     jwe(`{"alg":"RSA-OAEP","enc":"A128GCM"}`, 256, 12, 5, 16),
		"PBES2":                        jwe(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000,"p2s":"AAAAAAAAAAA"}`, 24, 12, 5, 16),
		"p2c":                          jwe(`{"alg":"dir","enc":"A128GCM","p2c":2000000000}`, 0, 12, 5, 16),
		"p2s":                          jwe(`{"alg":"dir","enc":"A128GCM","p2s":"AAAAAAAAAAA"}`, 0, 12, 5, 16),
		"A128KW":                       jwe(`{"alg":"A128KW","enc":"A128GCM"}`, 24, 12, 5, 16),
		"A192GCM":                      jwe(`{"alg":"dir","enc":"A192GCM"}`, 0, 12, 5, 16),
		"A128CBC-HS256":                jwe(`{"alg":"dir","enc":"A128CBC-HS256"}`, 0, 16, 16, 16),
		"zip":                          jwe(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`, 0, 12, 5, 16),
		"zip null":                     jwe(`{"alg":"dir","enc":"A128GCM","zip":null}`, 0, 12, 5, 16),
		"crit":                         jwe(`{"alg":"dir","enc":"A128GCM","crit":["exp"],"exp":1}`, 0, 12, 5, 16),
		"enc twice":                    jwe(`{"alg":"dir","enc":"A128GCM","enc":"A256GCM"}`, 0, 12, 5, 16),
		"kid a number":                 jwe(`{"alg":"dir","enc":"A128GCM","kid":1}`, 0, 12, 5, 16),
		"dir with a key":               jwe(dir, 16, 12, 5, 16),
		"RSA without a key":            jwe(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`, 0, 12, 5, 16),
		"ECDH-ES with a key":           jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+epk+`}`, 40, 12, 5, 16),
		"ECDH-ES+A256KW without a key": jwe(`{"alg":"ECDH-ES+A256KW","enc":"A128GCM",`+epk+`}`, 0, 12, 5, 16),
		"a wrapped key too short":      jwe(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM",`+epk+`}`, 24, 12, 5, 16),
		"a wrapped key too long":       jwe(`{"alg":"ECDH-ES+A256KW","enc":"A128GCM",`+epk+`}`, 40, 12, 5, 16),
		"iv empty":                     jwe(dir, 0, 0, 5, 16),
		"iv of 8 bytes":                jwe(dir, 0, 8, 5, 16),
		"iv of 16 bytes for GCM":       jwe(dir, 0, 16, 5, 16),
		"iv of 12 bytes for CBC":       jwe(`{"alg":"dir","enc":"A256CBC-HS512"}`, 0, 12, 32, 32),
		"tag empty":                    jwe(dir, 0, 12, 5, 0),
		"tag of 4 bytes":               jwe(dir, 0, 12, 5, 4),
		"tag of 15 bytes":              jwe(dir, 0, 12, 5, 15),
		"tag of 17 bytes":              jwe(dir, 0, 12, 5, 17),
		"tag of 16 bytes for HS512":    jwe(`{"alg":"dir","enc":"A256CBC-HS512"}`, 0, 16, 32, 16),
		"half a block":                 jwe(`{"alg":"dir","enc":"A256CBC-HS512"}`, 0, 16, 24, 32),
		"no block":                     jwe(`{"alg":"dir","enc":"A256CBC-HS512"}`, 0, 16, 0, 32),
		"ECDH-ES without epk":          jwe(`{"alg":"ECDH-ES","enc":"A256GCM"}`, 0, 12, 5, 16),
		"epk null":                     jwe(`{"alg":"ECDH-ES","enc":"A256GCM","epk":null}`, 0, 12, 5, 16),
		"epk without ECDH-ES":          jwe(`{"alg":"dir","enc":"A256GCM",`+epk+`}`, 0, 12, 5, 16),
		"epk off its curve":            jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+strings.Replace(epk, ecY, ecX, 1)+`}`, 0, 12, 5, 16),
		"epk at zero":                  jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+strings.Replace(strings.Replace(epk, ecY, strings.Repeat("A", 43), 1), ecX, strings.Repeat("A", 43), 1)+`}`, 0, 12, 5, 16),
		"epk with its private half":    jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+strings.Replace(epk, `"kty"`, `"d":"`+ecX+`","kty"`, 1)+`}`, 0, 12, 5, 16),
		"epk of RSA":                   jwe(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"RSA","n":"`+rsaN+`","e":"AQAB"}}`, 0, 12, 5, 16),
		"epk of X25519":                jwe(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"OKP","crv":"X25519","x":"`+edX+`"}}`, 0, 12, 5, 16),
		"epk of another case":          jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+strings.Replace(epk, "epk", "EPK", 1)+`}`, 0, 12, 5, 16),
		"apu with padding":             jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+epk+`,"apu":"QQ=="}`, 0, 12, 5, 16),
		"apv a number":                 jwe(`{"alg":"ECDH-ES","enc":"A256GCM",`+epk+`,"apv":1}`, 0, 12, 5, 16),
		"iv in the header":             jwe(`{"alg":"dir","enc":"A128GCM","iv":"AAAAAAAAAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA"}`, 0, 12, 5, 16),
		"too long":                     jwe(dir, 0, 12, MaxToken, 16),
	} {
		if e, err := ParseEncrypted(token); !errors.Is(err, ErrMalformed) || err == nil {
			t.Errorf("%s: %v, %v", name, e != nil, err)
		}
	}
}

// What is allowed beyond the server's list is still held to its lengths.
func TestParseEncryptedAllowing(t *testing.T) {
	allow := Allowed{Algs: []KeyAlg{A128KW, A256GCMKW, RSAOAEP}, Encs: []Enc{A128CBCHS256, A192CBCHS384, A192GCM}}
	wrapped := `{"alg":"A256GCMKW","enc":"A192GCM","iv":"AAAAAAAAAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA"}`
	for token, want := range map[string]bool{
		jwe(`{"alg":"A128KW","enc":"A128CBC-HS256"}`, 40, 16, 16, 16):                            true,
		jwe(`{"alg":"A128KW","enc":"A192CBC-HS384"}`, 56, 16, 16, 24):                            true,
		jwe(`{"alg":"RSA-OAEP","enc":"A192GCM"}`, 256, 12, 1, 16):                                true,
		jwe(wrapped, 24, 12, 1, 16):                                                              true,
		jwe(wrapped, 0, 12, 1, 16):                                                               false,
		jwe(wrapped, 32, 12, 1, 16):                                                              false,
		jwe(strings.Replace(wrapped, `"tag"`, `"TAG"`, 1), 24, 12, 1, 16):                        false,
		jwe(strings.Replace(wrapped, "AAAAAAAAAAAAAAAA\"", "AAAAAAAAAAA\"", 1), 24, 12, 1, 16):   false,
		jwe(strings.Replace(wrapped, "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAA", 1), 24, 12, 1, 16): false,
		jwe(`{"alg":"A256GCMKW","enc":"A192GCM"}`, 24, 12, 1, 16):                                false,
		jwe(`{"alg":"A128KW","enc":"A192GCM"}`, 0, 12, 1, 16):                                    false,
		jwe(`{"alg":"dir","enc":"A192GCM"}`, 0, 12, 1, 16):                                       false,
		jwe(`{"alg":"A128KW","enc":"A128GCM"}`, 24, 12, 1, 16):                                   false,
	} {
		if _, err := ParseEncryptedAllowing(token, allow); (err == nil) != want {
			t.Errorf("%s: %v", token, err)
		}
	}
	if _, err := ParseEncryptedAllowing(jwe(`{"alg":"","enc":""}`, 8, 16, 16, 0), Allowed{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("nothing is allowed: %v", err)
	}
}

func TestEncProtected(t *testing.T) {
	want := enc64(`{"alg":"dir","cty":"JWT","enc":"A256GCM","kid":"k1"}`)
	if got := string(NewEncProtected(Dir, A256GCM, "k1", "JWT")); got != want {
		t.Errorf("%s", got)
	}
	if got := CompactJWE([]byte(want), nil, []byte("iv"), []byte("text"), []byte("tag")); got != want+".."+enc64("iv")+"."+enc64("text")+"."+enc64("tag") {
		t.Errorf("%s", got)
	}
}
