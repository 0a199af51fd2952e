package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// server is a running node and a token that may do everything there.
type server struct {
	addr, token string // addr without a slash at its end
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

var errAnswer = errors.New("the server said no")

// call sends one request below /v1 and decodes data of the answer.
func (s *server) call(ctx context.Context, method, path string, body, data any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.addr+"/v1/"+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("X-Vault-Token", s.token)
	answer, err := s.do(req)
	if err != nil || data == nil {
		return err
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return json.Unmarshal(envelope.Data, data)
}

// do sends a request and returns the body of a good answer.
func (s *server) do(req *http.Request) ([]byte, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%w: %s %s: %s: %s", errAnswer, req.Method, req.URL.Path, resp.Status, answer)
	}
	return answer, nil
}
