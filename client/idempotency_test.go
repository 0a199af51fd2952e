package client

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/signet-kms/signet/client/wire"
)

// keysOf answers with steps and records the idempotency keys that come.
func keysOf(t *testing.T, steps ...http.HandlerFunc) (*Client, *[]string) {
	t.Helper()
	keys := &[]string{}
	for i, step := range steps {
		steps[i] = func(w http.ResponseWriter, r *http.Request) {
			*keys = append(*keys, r.Header.Get(wire.HeaderIdempotencyKey)) // the client waits: one at a time
			step(w, r)
		}
	}
	c, _ := connect(t, Config{}, serve(t, steps...))
	return c, keys
}

func TestAttemptsOfOneCallShareAKeyAndCallsDoNot(t *testing.T) {
	good := data(`{"name":"web","keys":{}}`)
	c, keys := keysOf(t, hangUp, refuse(409, wire.OutcomeUnknown), cutOff, good)
	for range 2 {
		if err := lastingly(c); err != nil {
			t.Fatal(err)
		}
	}
	k := *keys
	if len(k) != 5 || len(k[0]) < 20 || k[0] != k[1] || k[1] != k[2] || k[2] != k[3] || k[4] == k[0] || k[4] == "" {
		t.Errorf("keys %q", k)
	}
}

func TestOnlyWhatLastsHasAKey(t *testing.T) {
	c, keys := keysOf(t, reply(204, ""))
	_ = safely(c)
	_, _ = c.Sys().Unseal(context.Background(), wire.SecretOf("share"))
	_ = c.Sys().Seal(context.Background())
	for _, k := range *keys {
		if k != "" {
			t.Errorf("keys %q", *keys)
		}
	}
}

func TestSealIsNotRepeatedBlindly(t *testing.T) {
	s := serve(t, hangUp)
	c, _ := connect(t, Config{}, s)
	if err := c.Sys().Seal(context.Background()); !errors.Is(err, ErrOutcomeUnknown) || len(s.requests()) != 1 {
		t.Errorf("%d requests: %v", len(s.requests()), err)
	}
}

func TestTheCallersOwnKeyIsSent(t *testing.T) {
	c, keys := keysOf(t, data(`{"name":"web","keys":{}}`))
	_, err := c.Transit("").RotateKey(WithIdempotencyKey(context.Background(), "deploy 7"), "web")
	if err != nil || len(*keys) != 1 || (*keys)[0] != "deploy 7" {
		t.Errorf("%v, keys %q", err, *keys)
	}
}

// An attempt that certainly did nothing says nothing about the one before.
func TestAnEarlierAttemptKeepsTheOutcomeUnknown(t *testing.T) {
	for name, last := range map[string]http.HandlerFunc{
		"no leader": refuse(503, wire.NoLeader), "sealed": refuse(503, wire.Sealed), "a proxy's 429": reply(429, ""),
	} {
		c, _ := connect(t, Config{}, serve(t, hangUp, last))
		if err := lastingly(c); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("%s after a broken connection: %v", name, err)
		}
	}
	for name, last := range map[string]wire.Code{"token": wire.InvalidToken, "policy": wire.PermissionDenied} {
		c, _ := connect(t, Config{}, serve(t, hangUp, refuse(403, last)))
		if err := lastingly(c); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("refused by %s after a broken connection: %v", name, err)
		}
	}
	// A server that answers about the request itself knows what became of it.
	c, _ := connect(t, Config{}, serve(t, hangUp, refuse(400, wire.KeyNotFound)))
	if err := lastingly(c); errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a refusal after a broken connection: %v", err)
	}
}

func TestRevokeSelfBelievesThatTheTokenIsGone(t *testing.T) {
	gone := refuse(403, wire.InvalidToken)
	c, _ := connect(t, Config{}, serve(t, hangUp, gone))
	if err := c.Token().RevokeSelf(context.Background()); err != nil {
		t.Errorf("the answer was lost, and the token is gone: %v", err)
	}
	c, _ = connect(t, Config{}, serve(t, gone))
	if err := c.Token().RevokeSelf(context.Background()); err == nil {
		t.Error("a token that was never valid was revoked")
	}
}

func TestSpentNamesTheAccessor(t *testing.T) {
	c, _ := connect(t, Config{}, serve(t, reply(409, `{"errors":["shown once"],"code":"idempotency_spent","request_id":"r","accessor":"acc7"}`)))
	_, err := c.Token().Create(context.Background(), wire.TokenCreateRequest{})
	var refused *Error
	if !errors.As(err, &refused) || refused.Accessor != "acc7" || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
}
