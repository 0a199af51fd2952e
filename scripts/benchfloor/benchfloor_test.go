package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func floor(t *testing.T) (*keys, func(path, body string) reply) {
	t.Helper()
	k, err := makeKeys()
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHandler(k)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return k, func(path, body string) reply {
		t.Helper()
		if !strings.HasPrefix(path, "/") {
			path = "/transit/" + path
		}
		resp, err := http.Post(s.URL+"/v1"+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return reply{resp.StatusCode, b}
	}
}

type reply struct {
	status int
	body   []byte
}

func parse[T any](t *testing.T, r reply) T {
	t.Helper()
	var a answer[T]
	if err := json.Unmarshal(r.body, &a); err != nil || r.status != 200 {
		t.Fatalf("status %d, %q: %v", r.status, r.body, err)
	}
	return a.Data
}

func TestEverySignatureIsOneOfThisRequest(t *testing.T) {
	k, post := floor(t)
	for _, input := range []string{"one", "two", ""} {
		digest := sha256.Sum256([]byte(input))
		for name, c := range map[string]struct {
			key, more string
			encoding  *base64.Encoding
			good      func(sig []byte) bool
		}{
			"ecdsa": {"ecdsa-p256", "", base64.RawURLEncoding, func(sig []byte) bool {
				return len(sig) == 64 && ecdsa.Verify(&k.ecdsa.PublicKey, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
			}},
			"ed25519": {"ed25519", "", base64.StdEncoding, func(sig []byte) bool {
				return ed25519.Verify(k.ed25519.Public().(ed25519.PublicKey), []byte(input), sig)
			}},
			"pss": {"rsa-2048", `"signature_algorithm":"pss",`, base64.StdEncoding, func(sig []byte) bool {
				return rsa.VerifyPSS(&k.rsa.PublicKey, crypto.SHA256, digest[:], sig, &rsa.PSSOptions{SaltLength: 32}) == nil
			}},
			"pkcs1": {"rsa-2048", `"signature_algorithm":"pkcs1v15",`, base64.StdEncoding, func(sig []byte) bool {
				return rsa.VerifyPKCS1v15(&k.rsa.PublicKey, crypto.SHA256, digest[:], sig) == nil
			}},
		} {
			one := `"input":"` + base64.StdEncoding.EncodeToString([]byte(input)) + `"`
			single := parse[result](t, post("sign/"+c.key, "{"+c.more+one+"}"))
			batch := parse[results](t, post("sign/"+c.key, "{"+c.more+`"batch_input":[{`+one+`},{`+one+`}]}`))
			if len(batch.Results) != 2 {
				t.Fatalf("%s: %d results", name, len(batch.Results))
			}
			for _, r := range append(batch.Results, single) {
				sig, err := c.encoding.DecodeString(strings.TrimPrefix(r.Signature, prefix))
				if err != nil || r.Version != 1 || !c.good(sig) {
					t.Errorf("%s over %q: %+v, %v", name, input, r, err)
				}
			}
		}
	}
}

func TestVerifyTellsGoodFromBad(t *testing.T) {
	k, post := floor(t)
	sig, err := k.sign("ecdsa-p256", "", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]bool{"aGVsbG8=": true, "aGVsbG9v": false} {
		r := parse[result](t, post("verify/ecdsa-p256", `{"input":"`+input+`","signature":"`+sig+`"}`))
		if r.Valid == nil || *r.Valid != want {
			t.Errorf("%s: %+v", input, r)
		}
	}
}

func TestCiphertextsOpenToTheirPlaintext(t *testing.T) {
	_, post := floor(t)
	a := parse[results](t, post("encrypt/aes256-gcm96", `{"batch_input":[{"plaintext":"aGVsbG8="},{"plaintext":"aGVsbG8="}]}`)).Results
	b := parse[result](t, post("encrypt/aes256-gcm96", `{"plaintext":"aGVsbG8="}`))
	if len(a) != 2 || a[0].Ciphertext == a[1].Ciphertext || a[0].Ciphertext == b.Ciphertext || len(b.Ciphertext) != len(prefix)+44 {
		t.Fatalf("%+v, %+v", a, b)
	}
	for _, c := range []string{a[0].Ciphertext, a[1].Ciphertext, b.Ciphertext} {
		if r := parse[result](t, post("decrypt/aes256-gcm96", `{"ciphertext":"`+c+`"}`)); !bytes.Equal(r.Plaintext, []byte("hello")) {
			t.Errorf("%s opens to %q", c, r.Plaintext)
		}
	}
}

func TestHMACDependsOnItsInputAlone(t *testing.T) {
	_, post := floor(t)
	mac := func(input string) string {
		return parse[result](t, post("hmac/aes256-gcm96", `{"input":"`+input+`"}`)).HMAC
	}
	if a := mac("aGVsbG8="); len(a) != len(prefix)+44 || a != mac("aGVsbG8=") || a == mac("aGVsbG9v") {
		t.Errorf("%q, %q, %q", a, mac("aGVsbG8="), mac("aGVsbG9v"))
	}
}

func TestWhatItCannotDoIsRefused(t *testing.T) {
	k, post := floor(t)
	good := k.encrypt([]byte("hello"))
	for name, c := range map[string][2]string{
		"no JSON":               {"sign/ecdsa-p256", "{"},
		"input is no base64":    {"sign/ecdsa-p256", `{"input":"%"}`},
		"unknown key":           {"sign/other", `{"input":""}`},
		"key that does not":     {"sign/aes256-gcm96", `{"input":""}`},
		"in a batch":            {"sign/other", `{"batch_input":[{"input":""}]}`},
		"unknown verb":          {"rewrap/aes256-gcm96", `{}`},
		"no signature":          {"verify/ecdsa-p256", `{"input":"","signature":"vault:v1:AAAA"}`},
		"no ciphertext":         {"decrypt/aes256-gcm96", `{"ciphertext":"vault:v1:AAAA"}`},
		"ciphertext of no key":  {"decrypt/aes256-gcm96", `{"ciphertext":"` + prefix + strings.Repeat("A", 64) + `"}`},
		"another prefix":        {"decrypt/aes256-gcm96", `{"ciphertext":"` + strings.Replace(good, "v1", "v2", 1) + `"}`},
		"signature, other form": {"verify/ecdsa-p256", `{"input":"","signature":"v1:` + strings.Repeat("A", 86) + `"}`},
	} {
		if r := post(c[0], c[1]); r.status != 400 {
			t.Errorf("%s: status %d, %s", name, r.status, r.body)
		}
	}
}

func TestRunEnds(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"-life", "1ms"}, &out); err != nil || !strings.HasPrefix(out.String(), "benchfloor ready addr=http://127.0.0.1:") {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	if err := run([]string{"-raw", "10"}, &out); err != nil || out.Len() != 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
	for _, args := range [][]string{{"x"}, {"-raw", "-1"}, {"-life", "0s"}} {
		if err := run(args, io.Discard); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
