package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// The issuer whose tokens are measured, as benchfloor has it, and the verbs.
const (
	issuerName = "jwt-es256"
	jwtSign    = "jwt/sign"
	jwtVerify  = "jwt/verify"
	audience   = "api://orders"

	jwtIntrospect = "jwt/introspect"
	jwks          = "issuers"
)

func (o *operation) jwt() bool {
	return o.verb == jwtSign || o.verb == jwtVerify || o.verb == jwtIntrospect || o.verb == jwks
}

func (o *operation) jwtPath() string {
	if o.verb == jwtSign {
		return jwtSign + "/" + o.key + "/access"
	}
	return o.verb + "/" + o.key
}

// jwtPolicy allows the operation, and what it takes to check it.
func (o *operation) jwtPolicy() string {
	var b strings.Builder
	fmt.Fprintf(&b, "path %q { capabilities = [\"update\"] }\n", o.jwtPath())
	if o.verb == jwtIntrospect {
		fmt.Fprintf(&b, "path %q { capabilities = [\"update\"] }\n", jwtSign+"/"+o.key+"/access")
	}
	fmt.Fprintf(&b, "path %q { capabilities = [\"read\"] }\n", "transit/keys/"+o.key)
	return b.String()
}

// makeIssuer makes the issuer and a profile with the usual rules; no error if they
// exist.
func (n *node) makeIssuer(ctx context.Context) error {
	err := n.root.call(ctx, http.MethodPost, "jwt/issuers/"+issuerName, map[string]string{"issuer": "https://" + issuerName + ".example", "alg": "ES256"}, nil)
	if err != nil {
		return err
	}
	return n.root.call(ctx, http.MethodPost, "jwt/issuers/"+issuerName+"/profiles/access", json.RawMessage(
		`{"audience":["`+audience+`"],"subject":"^user:","scopes":["orders:read","orders:write"],"claims":{"allowed":["role","tenant","groups"]},"audit_claims":["sub"]}`), nil)
}

// subjectOf is who a token of a run is about.
func subjectOf(n int) string { return fmt.Sprintf("user:%06d", n) }

func tokenBody(n int) []byte {
	return fmt.Appendf(nil, `{"sub":"%s","aud":"%s","scope":"orders:read","ttl":"10m","claims":{"role":"clerk","tenant":"t-%d","groups":["orders","stock"]}}`, subjectOf(n), audience, n)
}

// tokenAnswer is what sign and verify answer.
type tokenAnswer struct {
	Data struct {
		Token  string          `json:"token"`
		JTI    string          `json:"jti"`
		Active bool            `json:"active"`
		Claims json.RawMessage `json:"claims"`
	} `json:"data"`
}

// prepareJWT makes the requests of an operation on tokens. It returns errNotOffered if
// the server lacks it.
func prepareJWT(ctx context.Context, t target, o operation) ([]exchange, error) {
	a := newAPI(t.addr, t.token, 4)
	if o.verb == jwks {
		return []exchange{{
			request: newRequest(http.MethodGet, t.addr, "/issuers/"+o.key+"/jwks.json", t.token, nil), form: []byte(`"kty":"EC"`), items: 1,
			check: func([]byte) error { return nil },
		}}, nil
	}
	public, err := publicKeys(ctx, a, o.key, 0)
	if err != nil {
		return nil, notOffered(err)
	}
	var out []exchange
	for n := range poolSize {
		body, form, check := tokenBody(n), `"token":"eyJ`, func(got *tokenAnswer) error { return checkToken(got, public["1"], n) }
		if o.verb == jwtVerify {
			var made tokenAnswer
			if err := a.call(ctx, http.MethodPost, jwtSign+"/"+o.key+"/access", json.RawMessage(body), &made); err != nil {
				return nil, notOffered(err)
			}
			body = fmt.Appendf(nil, `{"token":"%s","audience":"%s"}`, made.Data.Token, audience)
			form = `"active":true`
			check = func(got *tokenAnswer) error { return checkVerdict(got, made.Data.Token) }
		}
		request := newRequest(http.MethodPost, t.addr, "/v1/"+o.jwtPath(), t.token, body)
		if o.verb == jwtIntrospect {
			var made tokenAnswer
			if err := a.call(ctx, http.MethodPost, jwtSign+"/"+o.key+"/access", json.RawMessage(body), &made); err != nil {
				return nil, notOffered(err)
			}
			request = newRequest(http.MethodPost, t.addr, "/v1/"+o.jwtPath(), t.token, []byte("token="+made.Data.Token))
			request = bytes.Replace(request, []byte("application/json"), []byte("application/x-www-form-urlencoded"), 1)
			out = append(out, exchange{
				request: request, form: []byte(`"active":true`), items: 1,
				check: func(answer []byte) error {
					if !bytes.Contains(answer, []byte(subjectOf(n))) {
						return fmt.Errorf("%w: the subject of token %d is not in the answer", errWrong, n)
					}
					return nil
				},
			})
			continue
		}
		out = append(out, exchange{
			request: request,
			form:    []byte(form), items: 1,
			check: func(answer []byte) error {
				var got tokenAnswer
				if err := json.Unmarshal(answer, &got); err != nil {
					return err
				}
				return check(&got)
			},
		})
	}
	if o.verb == jwtIntrospect {
		return out, nil
	}
	_, err = a.send(ctx, http.MethodPost, o.jwtPath(), bytes.Clone(bodyOf(out[0].request)))
	return out, notOffered(err)
}

func bodyOf(request []byte) []byte {
	_, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	return body
}

// checkToken verifies the token that was made for the nth request.
func checkToken(got *tokenAnswer, public string, n int) error {
	token := got.Data.Token
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%w: %.20q is no token", errWrong, token)
	}
	if err := checkSignature("ecdsa-p256", "", public, []byte(parts[0]+"."+parts[1]), parts[2]); err != nil {
		return err
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Subject string `json:"sub"`
		Tenant  string `json:"tenant"`
		JTI     string `json:"jti"`
		Expires int64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	if claims.Subject != subjectOf(n) || claims.Tenant != fmt.Sprintf("t-%d", n) || claims.JTI == "" || claims.JTI != got.Data.JTI || claims.Expires == 0 {
		return fmt.Errorf("%w: the claims of token %d are %s", errWrong, n, payload)
	}
	return nil
}

// checkVerdict holds the claims that are answered to those of the token.
func checkVerdict(got *tokenAnswer, token string) error {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		return err
	}
	if !got.Data.Active || !bytes.Equal(got.Data.Claims, payload) {
		return fmt.Errorf("%w: the claims of a token are not those that are answered", errWrong)
	}
	return nil
}
