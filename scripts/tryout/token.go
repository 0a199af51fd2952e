package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// put sends one PUT below /v1 and fails unless it was done.
func put(addr, token, path, body string) error {
	status, answer, err := send(http.MethodPut, addr, token, "v1/"+path, []byte(body))
	if err != nil {
		return err
	}
	if status == http.StatusNoContent {
		return nil
	}
	_, err = parseEnvelope(status, answer, &json.RawMessage{})
	return err
}

// issued is what issuing a token returns.
type issued struct {
	requestID string // of the request, as the audit log has it
	token     string // compact, three segments
}

// issue sends one request, POST /v1/jwt/sign/ISSUER/PROFILE.
func issue(addr, token, issuer, profile, subject, audience string) (issued, error) {
	body, err := json.Marshal(map[string]string{"sub": subject, "aud": audience})
	if err != nil {
		return issued{}, err
	}
	status, answer, err := send(http.MethodPost, addr, token, "v1/jwt/sign/"+url.PathEscape(issuer)+"/"+url.PathEscape(profile), body)
	if err != nil {
		return issued{}, err
	}
	return parseIssued(status, answer)
}

func parseIssued(status int, body []byte) (issued, error) {
	var data struct {
		Token string `json:"token"`
	}
	requestID, err := parseEnvelope(status, body, &data)
	if err != nil {
		return issued{}, err
	}
	if strings.Count(data.Token, ".") != 2 || strings.ContainsFunc(data.Token, notCompact) {
		return issued{}, errAnswer
	}
	return issued{requestID, data.Token}, nil
}

// notCompact says whether a character is in no token: base64url and dots are.
func notCompact(r rune) bool {
	switch {
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_', r == '.':
		return false
	}
	return true
}
