package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
)

// The one issuer of a run.
const (
	issuerName = "jwt-es256" // its key is that of ecdsa-p256
	issuerURL  = "https://jwt-es256.example"
	issuerKID  = "floor"
	tokenType  = "at+jwt"
)

var errToken = errors.New("not a token of this issuer that is good now")

// tokenRequest is the body of jwt/sign and of jwt/verify.
type tokenRequest struct {
	Subject  string                     `json:"sub"`
	Audience string                     `json:"aud"`
	Scope    string                     `json:"scope"`
	TTL      string                     `json:"ttl"`
	Claims   map[string]json.RawMessage `json:"claims"`

	Token  string `json:"token"`
	Wanted string `json:"audience"`
}

type tokenHeader struct {
	Alg string `json:"alg"`
	KID string `json:"kid"`
	Typ string `json:"typ"`
}

type issued struct {
	Token   string    `json:"token"`
	JTI     string    `json:"jti"`
	KID     string    `json:"kid"`
	Expires time.Time `json:"expires_at"`
}

type checked struct {
	Active bool            `json:"active"`
	Claims json.RawMessage `json:"claims"`
	Header json.RawMessage `json:"header"`
}

// issue makes the token that a node would: the claims of the request among those
// that are the issuer's.
func (k *keys) issue(body []byte) (any, error) {
	var rq tokenRequest
	if err := json.Unmarshal(body, &rq); err != nil {
		return nil, err
	}
	ttl, err := time.ParseDuration(rq.TTL)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	now := time.Now()
	out := issued{JTI: base64.RawURLEncoding.EncodeToString(id), KID: issuerKID, Expires: now.Add(ttl).UTC().Truncate(time.Second)}
	claims := map[string]any{
		"iss": issuerURL, "sub": rq.Subject, "aud": rq.Audience, "scope": rq.Scope, "client_id": "floor", "jti": out.JTI,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": out.Expires.Unix(),
	}
	for name, value := range rq.Claims {
		if _, taken := claims[name]; taken {
			return nil, errToken
		}
		claims[name] = value
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	header, err := json.Marshal(tokenHeader{"ES256", issuerKID, tokenType})
	if err != nil {
		return nil, err
	}
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sig, err := k.sign("ecdsa-p256", "", []byte(input))
	out.Token = input + "." + strings.TrimPrefix(sig, prefix)
	return answer[issued]{out}, err
}

// introspect answers as RFC 7662 has it: the claims, and that the token is active.
func (k *keys) introspect(body []byte) (any, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	claims, err := k.verified(tokenRequest{Token: form.Get("token")})
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(claims.Data.Claims, &out); err != nil {
		return nil, err
	}
	out["active"] = json.RawMessage("true")
	return out, nil
}

// check verifies what issue has made, as a service would that receives it.
func (k *keys) check(body []byte) (any, error) {
	var rq tokenRequest
	if err := json.Unmarshal(body, &rq); err != nil {
		return nil, err
	}
	return k.verified(rq)
}

func (k *keys) verified(rq tokenRequest) (*answer[checked], error) {
	parts := strings.Split(rq.Token, ".")
	if len(parts) != 3 {
		return nil, errToken
	}
	var raw [2][]byte // header and claims
	for i, part := range parts[:2] {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, err
		}
	}
	var header tokenHeader
	if err := json.Unmarshal(raw[0], &header); err != nil {
		return nil, err
	}
	if header != (tokenHeader{"ES256", issuerKID, tokenType}) {
		return nil, errToken
	}
	if good, err := k.verify([]byte(parts[0]+"."+parts[1]), prefix+parts[2]); err != nil || !good {
		return nil, errToken
	}
	var claims struct {
		Issuer    string `json:"iss"`
		Audience  string `json:"aud"`
		Expires   int64  `json:"exp"`
		NotBefore int64  `json:"nbf"`
	}
	if err := json.Unmarshal(raw[1], &claims); err != nil {
		return nil, err
	}
	now := time.Now().Unix()
	if claims.Issuer != issuerURL || rq.Wanted != "" && claims.Audience != rq.Wanted || now >= claims.Expires || now < claims.NotBefore {
		return nil, errToken
	}
	return &answer[checked]{checked{true, raw[1], raw[0]}}, nil
}
