package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

type object = map[string]any

const (
	self    = "api://interop" // whom the tokens are for
	another = "api://another" // whom else the profiles allow
	subject = "user:1"
)

// issue makes an issuer for every algorithm, with a profile for plain tokens and one
// for access tokens (RFC 9068), and has them issue. It returns after the short-lived
// tokens have expired.
func (s *server) issue(ctx context.Context) (*samples, error) {
	out := &samples{Audience: self, Subject: subject}
	var last time.Time
	for _, alg := range algs() {
		of := sample{Alg: alg, Kept: strings.HasPrefix(alg, "HS"), Name: strings.ToLower(alg), Tokens: map[string]string{}}
		if err := s.makeIssuer(ctx, &of); err != nil {
			return nil, err
		}
		for kind, ask := range map[string]object{
			good:          {"sub": subject, "aud": self, "claims": object{"role": "clerk"}},
			access:        {"sub": subject, "aud": []string{self, another}, "scope": "orders:read"},
			expired:       {"sub": subject, "aud": self, "ttl": "1s"},
			wrongAudience: {"sub": subject, "aud": another},
		} {
			profile := "plain"
			if kind == access {
				profile = "access"
			}
			var issued struct {
				Token     string    `json:"token"`
				ExpiresAt time.Time `json:"expires_at"`
			}
			if err := s.call(ctx, http.MethodPost, "jwt/sign/"+of.Name+"/"+profile, ask, &issued); err != nil {
				return nil, err
			}
			of.Tokens[kind] = issued.Token
			if kind == expired {
				last = issued.ExpiresAt
			}
		}
		if err := of.spoil(subject); err != nil {
			return nil, fmt.Errorf("%s: %w", alg, err)
		}
		out.Issuers = append(out.Issuers, of)
	}
	// Libraries differ over the second in which a token ends.
	select {
	case <-time.After(time.Until(last.Add(2 * time.Second))):
		return out, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// makeIssuer makes the issuer of a sample and reads its JWKS as anybody may.
func (s *server) makeIssuer(ctx context.Context, of *sample) error {
	of.Issuer = s.addr + "/issuers/" + of.Name
	of.JWKSURI = of.Issuer + "/jwks.json"
	path := "jwt/issuers/" + of.Name
	// The leeway is Signet's alone, and would let it verify what has just expired.
	if err := s.call(ctx, http.MethodPut, path, object{"issuer": of.Issuer, "alg": of.Alg, "leeway": "0s"}, nil); err != nil {
		return err
	}
	for name, profile := range map[string]object{
		"plain":  {"typ": "JWT", "ttl": "1h", "max_ttl": "1h", "audience": []string{self, another}},
		"access": {"typ": "at+jwt", "ttl": "15m", "audience": []string{self, another}, "scopes": []string{"orders:read"}},
	} {
		if err := s.call(ctx, http.MethodPut, path+"/profiles/"+name, profile, nil); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, of.JWKSURI, nil)
	if err != nil {
		return err
	}
	if of.JWKS, err = s.do(req); err != nil {
		return err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(of.JWKS, &set); err != nil {
		return err
	}
	if want := map[bool]int{true: 0, false: 1}[of.Kept]; len(set.Keys) != want {
		return fmt.Errorf("the JWKS of %s has %d keys, want %d", of.Alg, len(set.Keys), want)
	}
	return nil
}
