package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// signature is what a signing request returns.
type signature struct {
	requestID string // of the request, as the audit log has it
	text      string // as the server wrote it: vault:v<version>:<base64>
	der       []byte // ASN.1 DER, as openssl reads it
}

// sign sends one request, POST /v1/transit/sign/KEY. An empty input is legal.
func sign(addr, token, key string, input []byte) (signature, error) {
	body, err := json.Marshal(map[string][]byte{"input": append([]byte{}, input...)}) // never null
	if err != nil {
		return signature{}, err
	}
	status, answer, err := send(http.MethodPost, addr, token, "v1/transit/sign/"+url.PathEscape(key), body)
	if err != nil {
		return signature{}, err
	}
	return parseAnswer(status, answer)
}

// send sends one request and returns what came back, whatever it is.
func send(method, addr, token, path string, body []byte) (status int, answer []byte, err error) {
	endpoint, err := url.JoinPath(addr, path)
	if err != nil {
		return 0, nil, fmt.Errorf("SIGNET_ADDR: %w", err)
	}
	req, err := http.NewRequest(method, endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("the answer broke off: %w", err)
	}
	return resp.StatusCode, answer, nil
}

var errAnswer = errors.New("the answer is not one of a Signet server")

func parseAnswer(status int, body []byte) (signature, error) {
	var data struct {
		Signature string `json:"signature"`
	}
	requestID, err := parseEnvelope(status, body, &data)
	if err != nil {
		return signature{}, err
	}
	fields := strings.Split(data.Signature, ":")
	if len(fields) != 3 || fields[0] != "vault" {
		return signature{}, errAnswer
	}
	der, err := base64.StdEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(der) == 0 {
		return signature{}, fmt.Errorf("%w: the signature is not base64", errAnswer)
	}
	return signature{requestID: requestID, text: data.Signature, der: der}, nil
}

// parseEnvelope decodes data of a good answer and returns its request id.
func parseEnvelope(status int, body []byte, data any) (requestID string, err error) {
	var answer struct {
		RequestID string          `json:"request_id"`
		Errors    []string        `json:"errors"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("%w (status %d): %w", errAnswer, status, err)
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("the server said no (status %d): %q", status, strings.Join(answer.Errors, "; "))
	}
	if answer.RequestID == "" || strings.ContainsAny(answer.RequestID, " \n") || len(answer.Data) == 0 {
		return "", errAnswer
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		return "", fmt.Errorf("%w: %w", errAnswer, err)
	}
	return answer.RequestID, nil
}
