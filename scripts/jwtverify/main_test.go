package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

type object = map[string]any

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(key *ecdsa.PrivateKey, kid, alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: &key.PublicKey, KeyID: kid, Algorithm: alg, Use: "sig"}
}

// token signs claims; header members beside alg are those given.
func token(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims object) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	options := &jose.SignerOptions{}
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// goodClaims are what verify wants, but for the members of change; nil removes one.
func goodClaims(now time.Time, change object) object {
	c := object{"iss": "https://i.example", "sub": "user:1", "aud": []string{"api://a"}, "exp": now.Add(time.Minute).Unix()}
	for name, value := range change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func TestVerify(t *testing.T) {
	key, other, now := newKey(t), newKey(t), time.Now()
	keys := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		public(other, "k0", "ES256"), public(key, "k1", "ES256"),
		public(key, "twice", "ES256"), public(key, "twice", "ES256"), public(key, "384", "ES384"), public(key, "any", ""),
	}}
	es := func(kid string, change object) string {
		return token(t, jose.ES256, key, kid, goodClaims(now, change))
	}
	good := es("k1", nil)
	claims, alg, err := verify(good, keys, "https://i.example", "api://a", now)
	if err != nil || claims.Subject != "user:1" || alg != "ES256" {
		t.Fatalf("%v, %s, %v", claims, alg, err)
	}
	flip := []byte(good)
	flip[len(flip)-20] ^= 1
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + "."
	mac := token(t, jose.HS256, bytes.Repeat([]byte("s"), 32), "k1", goodClaims(now, nil))
	for name, bad := range map[string]string{
		"empty": "", "no token": "token", "cut": good[:len(good)-1], "two parts": parts[0] + "." + parts[1],
		"another key": token(t, jose.ES256, other, "k1", goodClaims(now, nil)), "flipped bit": string(flip), "none": none, "HS256": mac,
		"unknown kid": es("k2", nil), "no kid": es("", nil), "kid of two": es("twice", nil),
		"key of another algorithm": es("384", nil), "key of no algorithm": es("any", nil),
		"expired": es("k1", object{"exp": now.Add(-2 * time.Second).Unix()}), "no exp": es("k1", object{"exp": nil}),
		"not yet": es("k1", object{"nbf": now.Add(5 * time.Second).Unix()}), "another issuer": es("k1", object{"iss": "https://i.example/"}), "no issuer": es("k1", object{"iss": nil}),
		"another audience": es("k1", object{"aud": "api://b"}), "no audience": es("k1", object{"aud": nil}),
	} {
		if _, _, err := verify(bad, keys, "https://i.example", "api://a", now); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestRun(t *testing.T) {
	key, now := newKey(t), time.Now()
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(key, "k1", "ES256")}})
	if err != nil {
		t.Fatal(err)
	}
	answer, status := string(keys), http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer s.Close()
	good := token(t, jose.ES256, key, "k1", goodClaims(now, object{"sub": "a\x1b[2J"}))
	args := []string{s.URL, "https://i.example", "api://a"}
	var out bytes.Buffer
	if err := run(args, strings.NewReader(good+"\n"), &out); err != nil || !strings.HasPrefix(out.String(), `accepted: ES256, sub "a\x1b[2J", until 2`) {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := run([]string{s.URL, "https://i.example", "api://b"}, strings.NewReader(good), io.Discard); !errors.Is(err, errRefused) {
		t.Errorf("for another audience: %v", err)
	}
	// What is no verdict on a token must not look like one.
	for name, change := range map[string]func() []string{
		"no arguments": func() []string { return nil },
		"two":          func() []string { return args[:2] },
		"no server":    func() []string { return []string{"http://127.0.0.1:1/", args[1], args[2]} },
		"a refusal":    func() []string { status = http.StatusServiceUnavailable; return args },
		"no JWKS":      func() []string { answer, status = "<html>", http.StatusOK; return args },
	} {
		if err := run(change(), strings.NewReader(good), io.Discard); err == nil || errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
		answer, status = string(keys), http.StatusOK
	}
	if err := run(args, strings.NewReader(""), io.Discard); err == nil || errors.Is(err, errRefused) {
		t.Errorf("no token: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	keys := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(key, "k1", "ES256")}}
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.e30.AAAA")
	f.Add("eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := verify(token, keys, "https://i.example", "api://a", time.Unix(0, 0)); err == nil {
			t.Error("a token was found without the private key")
		}
	})
}
