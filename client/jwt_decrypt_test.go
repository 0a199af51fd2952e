package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

func TestDecryptTokens(t *testing.T) {
	ctx := context.Background()
	s := serve(t,
		data(`{"active":true,"signed":true,"encrypted":true,"claims":{"n":1.0 },"header":{"alg":"ES256"}}`),
		data(`{"active":false,"reason":"bad_signature"}`),
	)
	c, _ := connect(t, Config{}, s)
	req := wire.JWTDecryptRequest{Token: wire.SecretOf("a..b.c.d"), Audience: "a", Profile: "p", MaxAge: wire.DurationOf(time.Minute)}
	v, err := c.JWT().Decrypt(ctx, "acme", req)
	if err != nil || !v.Active || !v.Signed || !v.Encrypted || string(v.Claims) != `{"n":1.0 }` {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err = c.JWT().Decrypt(ctx, "acme", req); err != nil || v.Active || v.Signed || v.Reason != wire.ReasonBadSignature || v.Claims != nil {
		t.Errorf("%+v, %v", v, err)
	}
	for _, r := range s.requests() {
		if r.uri != "/v1/jwt/decrypt/acme" || r.method != "POST" || r.body != `{"token":"a..b.c.d","audience":"a","profile":"p","max_age":60}` {
			t.Errorf("%+v", r)
		}
	}
	if _, err := c.JWT().Decrypt(ctx, "a/b", req); !errors.Is(err, ErrBadName) {
		t.Error(err)
	}
	// A verdict that does not say what was checked is none.
	for _, body := range []string{`{}`, `{"active":true}`, `{"active":true,"encrypted":true,"claims":{}}`, `{"signed":true,"encrypted":true}`} {
		c, _ := connect(t, Config{}, serve(t, data(body)))
		if v, err := c.JWT().Decrypt(ctx, "acme", req); !errors.Is(err, ErrBadAnswer) || v.Active {
			t.Errorf("%s: %+v, %v", body, v, err)
		}
	}
	// A use is not spent twice.
	s = serve(t, hangUp, data(`{"active":false,"reason":"replayed"}`))
	c, _ = connect(t, Config{Retry: Retry{Attempts: 3}}, s)
	req.SingleUse = true
	if _, err := c.JWT().Decrypt(ctx, "acme", req); len(s.requests()) != 1 || !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("%d requests, %v", len(s.requests()), err)
	}
}
