package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
)

func TestTokensOfIssuers(t *testing.T) {
	ctx, user := context.Background(), "user:1"
	s := serve(t,
		data(`{"token":"a.b.c","jti":"j","kid":"k","expires_at":"2026-11-22T07:00:00Z"}`),
		data(`{"batch_results":[{"token":"a.b.c","jti":"j","kid":"k","expires_at":"2026-11-22T07:00:00Z","reference":"x"},{"error":"no","code":"claim_not_allowed","reference":""}]}`),
		data(`{"active":true,"claims":{"n":9007199254740993 , "f":1.0},"header":{"alg":"ES256"}}`),
		data(`{"active":false,"reason":"expired"}`),
		data(`{"batch_results":[{"active":false,"reason":"malformed","reference":"r"},{"active":false,"error":"missing","code":"bad_request","reference":""}]}`),
	)
	c, _ := connect(t, Config{}, s)
	j := c.JWT()
	one := wire.JWTSignInput{Subject: &user, Audience: wire.Audience{"a", "b"}, Scope: "s", TTL: wire.DurationOf(time.Minute), Claims: jsontext.Value(`{"n":1.0}`)}
	got, err := j.Sign(ctx, "acme", "access", wire.JWTSignRequest{JWTSignInput: one, Context: map[string]string{"ip": "::1"}})
	if err != nil || got.Token.Reveal() != "a.b.c" || got.JTI != "j" || got.ExpiresAt.Unix() != 1795330800 {
		t.Errorf("%+v, %v", got, err)
	}
	many, err := j.SignBatch(ctx, "acme", "access", wire.JWTSignRequest{BatchInput: wire.Batch[wire.JWTSignItem]{{JWTSignInput: one, Reference: "x"}, {}}})
	if err != nil || len(many) != 2 || many[0].Token.Reveal() != "a.b.c" || many[1].Code != wire.ClaimNotAllowed || !many[1].Token.IsZero() {
		t.Errorf("%+v, %v", many, err)
	}
	verify := wire.JWTVerifyRequest{Token: wire.SecretOf("a.b.c"), Audience: "a", MaxAge: wire.DurationOf(time.Minute)}
	v, err := j.Verify(ctx, "acme", verify)
	if err != nil || !v.Active || string(v.Claims) != `{"n":9007199254740993 , "f":1.0}` || v.Reason != "" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err = j.Verify(ctx, "acme", verify); err != nil || v.Active || v.Reason != wire.ReasonExpired || v.Claims != nil {
		t.Errorf("%+v, %v", v, err)
	}
	all, err := j.VerifyBatch(ctx, "acme", wire.JWTVerifyRequest{BatchInput: wire.Batch[wire.JWTVerifyItem]{{Token: wire.SecretOf("x"), Reference: "r"}, {}}})
	if err != nil || len(all) != 2 || all[0].Reason != wire.ReasonMalformed || all[1].Code != wire.BadRequest {
		t.Errorf("%+v, %v", all, err)
	}
	want := []string{
		`{"sub":"user:1","aud":["a","b"],"scope":"s","ttl":60,"claims":{"n":1.0},"context":{"ip":"::1"}}`,
		`{"batch_input":[{"sub":"user:1","aud":["a","b"],"scope":"s","ttl":60,"claims":{"n":1.0},"reference":"x"},{}]}`,
		`{"token":"a.b.c","audience":"a","max_age":60}`, `{"token":"a.b.c","audience":"a","max_age":60}`,
		`{"batch_input":[{"token":"x","reference":"r"},{}]}`,
	}
	uris := []string{"/v1/jwt/sign/acme/access", "/v1/jwt/sign/acme/access", "/v1/jwt/verify/acme", "/v1/jwt/verify/acme", "/v1/jwt/verify/acme"}
	for i, r := range s.requests() {
		if r.body != want[i] || r.uri != uris[i] || r.method != "POST" {
			t.Errorf("request %d is %s %s %s\nwant %s", i, r.method, r.uri, r.body, want[i])
		}
	}
}

func TestAnswersAboutTokensThatAreNone(t *testing.T) {
	ctx := context.Background()
	for _, body := range []string{`{}`, `{"token":"","jti":"j"}`, `{"batch_results":[]}`} {
		c, _ := connect(t, Config{}, serve(t, data(body)))
		j := c.JWT()
		if _, err := j.Sign(ctx, "acme", "access", wire.JWTSignRequest{}); !errors.Is(err, ErrBadAnswer) {
			t.Errorf("sign took %s: %v", body, err)
		}
		if v, err := j.Verify(ctx, "acme", wire.JWTVerifyRequest{}); !errors.Is(err, ErrBadAnswer) || v.Active {
			t.Errorf("verify took %s: %v", body, err)
		}
		if _, err := j.VerifyBatch(ctx, "acme", wire.JWTVerifyRequest{BatchInput: make(wire.Batch[wire.JWTVerifyItem], 1)}); !errors.Is(err, ErrBadAnswer) {
			t.Errorf("a batch took %s: %v", body, err)
		}
	}
	c, _ := connect(t, Config{}, serve(t, data(`{}`)))
	for _, bad := range []string{"", "a/b", "..", strings.Repeat("x", 129)} {
		if _, err := c.JWT().Sign(ctx, "acme", bad, wire.JWTSignRequest{}); !errors.Is(err, ErrBadName) {
			t.Errorf("profile %q: %v", bad, err)
		}
		if _, err := c.JWT().VerifyBatch(ctx, bad, wire.JWTVerifyRequest{}); !errors.Is(err, ErrBadName) {
			t.Errorf("issuer %q: %v", bad, err)
		}
	}
}

// A token that may be used up is not checked a second time by itself.
func TestASingleUseIsNotRepeated(t *testing.T) {
	for single, want := range map[bool]int{false: 2, true: 1} {
		s := serve(t, hangUp, data(`{"active":true,"claims":{},"header":{}}`))
		c, _ := connect(t, Config{Retry: Retry{Attempts: 3}}, s)
		_, err := c.JWT().Verify(context.Background(), "acme", wire.JWTVerifyRequest{Token: wire.SecretOf("x"), SingleUse: single})
		if len(s.requests()) != want || single != errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("single use %v: %d requests, %v", single, len(s.requests()), err)
		}
	}
}
