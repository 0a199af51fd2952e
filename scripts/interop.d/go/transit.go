package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

type object = map[string]any

// issue makes a key for every algorithm and puts tokens together of its signatures.
func (s *server) issue(ctx context.Context) (*samples, error) {
	out := &samples{Audience: "api://interop", Subject: "user:1"}
	for _, alg := range algs() {
		of := sample{Alg: alg, Issuer: "https://issuer.example/" + alg}
		if strings.HasPrefix(alg, "HS") {
			of.Kept, of.JWKS = true, json.RawMessage(`{"keys":[]}`)
			out.Issuers = append(out.Issuers, of)
			continue
		}
		kid, err := s.makeKey(ctx, &of)
		if err != nil {
			return nil, err
		}
		now, day := time.Now().Unix(), int64(86400)
		claims := func(audience string, from, until int64) object {
			return object{"iss": of.Issuer, "sub": out.Subject, "aud": []string{audience}, "iat": from, "nbf": from, "exp": until}
		}
		of.Tokens = map[string]string{}
		for kind, c := range map[string]object{
			good:          claims(out.Audience, now, now+day),
			expired:       claims(out.Audience, now-day, now-5),
			wrongAudience: claims("api://another", now, now+day),
		} {
			if of.Tokens[kind], err = s.sign(ctx, alg, kid, c); err != nil {
				return nil, err
			}
		}
		if err := of.spoil(out.Subject); err != nil {
			return nil, err
		}
		out.Issuers = append(out.Issuers, of)
	}
	return out, nil
}

// makeKey makes the key with the algorithm's name, sets the JWKS and returns the kid.
func (s *server) makeKey(ctx context.Context, of *sample) (kid string, err error) {
	typ := map[string]string{
		"ES256": "ecdsa-p256", "ES384": "ecdsa-p384", "ES512": "ecdsa-p521", "EdDSA": "ed25519", "Ed25519": "ed25519",
	}[of.Alg]
	if typ == "" {
		typ = "rsa-2048"
	}
	if err := s.call(ctx, "PUT", "transit/keys/"+of.Alg, object{"type": typ}, nil); err != nil {
		return "", err
	}
	var key struct {
		Keys map[string]struct {
			PublicKey string `json:"public_key"`
			KID       string `json:"kid"`
		} `json:"keys"`
	}
	if err := s.call(ctx, "GET", "transit/keys/"+of.Alg, nil, &key); err != nil {
		return "", err
	}
	first := key.Keys["1"]
	public, err := parsePublic(first.PublicKey)
	if err != nil {
		return "", err
	}
	of.JWKS, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: first.KID, Algorithm: of.Alg, Use: "sig"}}})
	return first.KID, err
}

// parsePublic reads a public key in PEM, or one of Ed25519 as its bytes in base64.
func parsePublic(text string) (any, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return x509.ParsePKIXPublicKey(block.Bytes)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err == nil && len(raw) != ed25519.PublicKeySize {
		err = errors.New("the public key is neither PEM nor one of Ed25519")
	}
	return ed25519.PublicKey(raw), err
}

func (s *server) sign(ctx context.Context, alg, kid string, claims object) (string, error) {
	header, err := json.Marshal(object{"alg": alg, "kid": kid, "typ": "JWT"})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	body := object{"input": []byte(input), "marshaling_algorithm": "jws"}
	switch alg[:2] {
	case "RS":
		maps.Copy(body, object{"signature_algorithm": "pkcs1v15", "hash_algorithm": "sha2-" + alg[2:]})
	case "PS":
		maps.Copy(body, object{"signature_algorithm": "pss", "salt_length": "hash", "hash_algorithm": "sha2-" + alg[2:]})
	case "ES":
		body["hash_algorithm"] = "sha2-" + alg[2:]
	}
	var signed struct {
		Signature string `json:"signature"`
	}
	err = s.call(ctx, "POST", "transit/sign/"+alg, body, &signed)
	return input + "." + strings.TrimPrefix(signed.Signature, "vault:v1:"), err
}
