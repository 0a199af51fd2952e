package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// tokenLife is how long issued tokens live: longer than anybody opens this release.
const tokenLife = "87600h"

// issuance makes issuers, tokens of theirs, applications and credentials, and takes
// some of that back. A release that has no issuers is not asked.
func (d *daemon) issuance() error {
	r, err := d.send(http.MethodPost, "jwt/issuers/acme", map[string]any{
		"issuer": "https://acme.example", "alg": "ES256", "jwks_max_age": 1, "rotation": map[string]any{"lead_time": 2},
	})
	if err != nil || r.body.Code == "unsupported_path" {
		return err
	}
	if r.status > 299 {
		return fmt.Errorf("making an issuer: status %d: %v", r.status, r.body.Errors)
	}
	for _, step := range []func() error{d.applications, d.issuers, d.tokensOfIssuers, d.rotateIssuer, d.takeBack} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// applications makes one that is at work and one that is blocked, with their roles.
func (d *daemon) applications() error {
	for _, name := range []string{"shop", "closed"} {
		if _, err := d.must(http.MethodPost, "identity/applications/"+name, map[string]any{"owner": "team-" + name, "metadata": map[string]string{"tier": "gold"}}); err != nil {
			return err
		}
		role := "auth/approle/role/" + name
		if _, err := d.must(http.MethodPost, role, map[string]any{"application": name, "token_policies": []string{"signer"}, "token_ttl": "1h"}); err != nil {
			return err
		}
		id, err := d.text(http.MethodGet, role+"/role-id", nil, "role_id")
		if err != nil {
			return err
		}
		secret, err := d.text(http.MethodPost, role+"/secret-id", nil, "secret_id")
		if err != nil {
			return err
		}
		code := ""
		if name == "closed" {
			code = "application_blocked"
			if _, err := d.must(http.MethodPost, "identity/applications/"+name+"/block", map[string]string{"reason": "fixture"}); err != nil {
				return err
			}
		}
		d.m.Logins = append(d.m.Logins, login{name, id, secret, code})
		d.readLater("identity/applications/"+name, role)
	}
	// A secret id that was destroyed does not come back.
	secret, err := d.text(http.MethodPost, "auth/approle/role/shop/secret-id", nil, "secret_id")
	if err != nil {
		return err
	}
	d.m.Logins = append(d.m.Logins, login{"shop", d.m.Logins[0].RoleID, secret, "invalid_credentials"})
	_, err = d.must(http.MethodPost, "auth/approle/role/shop/secret-id/destroy", map[string]string{"secret_id": secret})
	return err
}

// issuers makes the others, each with the one profile.
func (d *daemon) issuers() error {
	for name, alg := range map[string]string{"quiet": "EdDSA", "lost": "ES384"} {
		if _, err := d.must(http.MethodPost, "jwt/issuers/"+name, map[string]any{"issuer": "https://" + name + ".example", "alg": alg}); err != nil {
			return err
		}
	}
	for _, name := range []string{"acme", "quiet", "lost"} {
		path := "jwt/issuers/" + name + "/profiles/access"
		if _, err := d.must(http.MethodPost, path, map[string]any{
			"audience": []string{audience}, "ttl": "1h", "max_ttl": tokenLife, "scopes": []string{"read"},
			"claims": map[string]any{"forced": map[string]any{"tenant": "t1"}},
		}); err != nil {
			return err
		}
		d.readLater(path)
		d.m.Issuers = append(d.m.Issuers, name)
	}
	d.readLater("jwt/issuers/quiet", "jwt/issuers?list=true", "jwt/issuers/acme/profiles?list=true")
	return nil
}

const audience = "api://fixture"

func (d *daemon) tokensOfIssuers() error {
	for _, name := range d.m.Issuers {
		for _, subject := range []string{"alice", "gone"} {
			if _, err := d.issue(name, subject); err != nil {
				return err
			}
		}
	}
	return nil
}

// issue has an issuer sign, and keeps the token.
func (d *daemon) issue(issuer, subject string) (*issued, error) {
	var data struct {
		Token     string    `json:"token"`
		JTI       string    `json:"jti"`
		KID       string    `json:"kid"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	r, err := d.must(http.MethodPost, "jwt/sign/"+issuer+"/access", map[string]any{"sub": subject, "aud": audience, "scope": "read", "ttl": tokenLife})
	if err == nil {
		err = json.Unmarshal(r.body.Data, &data)
	}
	if err != nil {
		return nil, err
	}
	d.m.Issued = append(d.m.Issued, issued{Issuer: issuer, Subject: subject, Audience: audience, Token: data.Token, JTI: data.JTI, KID: data.KID, Expires: data.ExpiresAt})
	return &d.m.Issued[len(d.m.Issued)-1], nil
}

// rotateIssuer waits until the next version signs, and signs with it.
func (d *daemon) rotateIssuer() error {
	if _, err := d.must(http.MethodPost, "jwt/rotate/acme", nil); err != nil {
		return err
	}
	for range 100 {
		r, err := d.must(http.MethodGet, "jwt/issuers/acme", nil)
		if err != nil {
			return err
		}
		var data struct {
			Active int `json:"active_version"`
		}
		if err := json.Unmarshal(r.body.Data, &data); err != nil {
			return err
		}
		if data.Active == 2 {
			_, err := d.issue("acme", "bob")
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the issuer's next version was never active")
}

// takeBack revokes a token by itself, one subject's tokens, and gives a version up.
func (d *daemon) takeBack() error {
	one, err := d.issue("quiet", "carol")
	if err != nil {
		return err
	}
	if _, err := d.must(http.MethodPost, "jwt/revoke/quiet", map[string]string{"token": one.Token}); err != nil {
		return err
	}
	one.Reason = "revoked"
	for _, issuer := range []string{"acme", "quiet"} {
		if _, err := d.must(http.MethodPost, "jwt/revoke/"+issuer, map[string]string{"sub": "gone"}); err != nil {
			return err
		}
	}
	kid := ""
	for i := range d.m.Issued {
		switch token := &d.m.Issued[i]; {
		case token.Issuer == "lost":
			kid, token.Reason = token.KID, "key_compromised"
		case token.Subject == "gone":
			token.Reason = "revoked"
		}
	}
	_, err = d.must(http.MethodPost, "jwt/compromise/lost", map[string]string{"kid": kid})
	if err == nil {
		_, err = d.issue("lost", "dave") // with the version that was made for it
	}
	return err
}

// text makes a request and takes one text out of the data of the answer.
func (d *daemon) text(method, path string, body any, member string) (string, error) {
	r, err := d.must(method, path, body)
	if err != nil {
		return "", err
	}
	var data map[string]any
	if err := json.Unmarshal(r.body.Data, &data); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	text, ok := data[member].(string)
	if !ok {
		return "", fmt.Errorf("%s: no %s in the answer", path, member)
	}
	return text, nil
}

// readLater keeps paths to be read at the end of the story.
func (d *daemon) readLater(paths ...string) { d.reads = append(d.reads, paths...) }
