package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// api asks a server for what is not measured: keys, policies, tokens, and the
// checks of what is.
type api struct {
	addr  string
	token string
	http  *http.Client
}

// newAPI returns a client that keeps up to conns connections.
func newAPI(addr, token string, conns int) *api {
	return &api{addr: addr, token: token, http: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns, DisableCompression: true, IdleConnTimeout: 30 * time.Second},
	}}
}

// statusError is an answer that is none of success.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.text) }

// errNotOffered marks an operation that the server does not have.
var errNotOffered = errors.New("not offered by this server")

// notOffered turns the answers of a server that lacks something into
// errNotOffered, and leaves all else.
func notOffered(err error) error {
	var s *statusError
	if errors.As(err, &s) && (s.status == http.StatusBadRequest || s.status == http.StatusNotFound || s.status == http.StatusMethodNotAllowed) {
		return fmt.Errorf("%w: %w", errNotOffered, err)
	}
	return err
}

// call sends in, unless it is nil, and decodes the answer into out, unless that
// is nil. A status other than 2xx is a *statusError.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := a.send(ctx, method, path, body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: the answer: %w", method, path, err)
	}
	return nil
}

func (a *api) send(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+a.addr+"/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if a.token != "" {
		r.Header.Set("X-Vault-Token", a.token)
	}
	resp, err := a.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("%s %s: %w", method, path, &statusError{status: resp.StatusCode, text: textOf(answer)})
	}
	return answer, nil
}

// textOf returns what an answer says that it is wrong, on one line.
func textOf(body []byte) string {
	var e struct {
		Errors []string `json:"errors"`
	}
	text := string(body[:min(len(body), 200)])
	if json.Unmarshal(body, &e) == nil && len(e.Errors) > 0 {
		text = strings.Join(e.Errors, "; ")
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
}

// createToken makes a token with one policy.
func (a *api) createToken(ctx context.Context, policy string) (string, error) {
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	err := a.call(ctx, "POST", "auth/token/create", map[string]any{"policies": []string{policy}, "no_default_policy": true, "ttl": "24h"}, &made)
	if err == nil && made.Auth.Token == "" {
		err = errors.New("the answer has no token")
	}
	return made.Auth.Token, err
}
