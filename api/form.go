package api

import (
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// The endpoints that OAuth clients know (RFC 7662, RFC 7009): a form in, a bare
// object or nothing out, and errors as RFC 6749, section 5.2, has them.

const (
	formBody   = 256 << 10 // bytes; a token of 64 KiB, each byte of it escaped, and room
	formFields = 64
)

var (
	errFormType   = refuse(http.StatusUnsupportedMediaType, wire.BadRequest, "the body is a form: Content-Type: application/x-www-form-urlencoded")
	errFormSyntax = refuse(http.StatusBadRequest, wire.BadRequest, "the body is not a form: name=value pairs in UTF-8 with & between them, escaped as %XX")
	errFormTwice  = refuse(http.StatusBadRequest, wire.BadRequest, "a parameter is there more than once")
	errFormLong   = refuse(http.StatusBadRequest, wire.BadRequest, "the form has too many parameters")
	errBasic      = refuse(http.StatusUnauthorized, wire.InvalidCredentials, "the Authorization header is not HTTP Basic with a role id and a secret id, each form-encoded")
)

// parseForm reads a form strictly: each name once, whole escapes, UTF-8. A parameter
// without a value is one that is not there (RFC 6749, section 3.1).
func parseForm(body string) (map[string]string, error) {
	form, seen := map[string]string{}, map[string]bool{}
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		switch {
		case err != nil || name == "" || !utf8.ValidString(name) || !utf8.ValidString(value):
			return nil, errFormSyntax
		case seen[name]:
			return nil, errFormTwice
		case len(seen) == formFields:
			return nil, errFormLong
		}
		if seen[name] = true; value != "" {
			form[name] = value
		}
	}
	return form, nil
}

// readForm reads the body. What is wrong with it is told by the verb, when policy has
// been asked.
func (rq *request) readForm() (map[string]string, error) {
	typ, _, err := mime.ParseMediaType(rq.r.Header.Get("Content-Type"))
	if err != nil || typ != "application/x-www-form-urlencoded" {
		return nil, errFormType
	}
	b, err := rq.body(&rq.s.bodies)
	if err != nil {
		return nil, err
	}
	defer rq.letGo(b)
	if err := rq.idempotent(b.buf); err != nil {
		return nil, err
	}
	return parseForm(string(b.buf))
}

func (rq *request) jwtForm() kms.JWTForm {
	form, err := rq.readForm()
	return kms.JWTForm{Token: form["token"], Audience: form["audience"], Err: err}
}

// introspectJWT answers RFC 7662.
func introspectJWT(rq *request) error {
	form := rq.jwtForm()
	answer, err := rq.s.kms.IntrospectJWT(rq.call, rq.vars.get("issuer"), form)
	if err != nil {
		return err
	}
	rq.w.Header()["Pragma"] = []string{"no-cache"}
	rq.send(http.StatusOK, answer)
	return nil
}

// revocationJWT answers RFC 7009.
func revocationJWT(rq *request) error {
	form := rq.jwtForm()
	ctx, cancel := rq.context()
	defer cancel()
	if err := rq.s.kms.RevokeByClient(ctx, rq.call, rq.vars.get("issuer"), form); err != nil {
		return err
	}
	delete(rq.w.Header(), "Content-Type")
	rq.head(http.StatusOK)
	return nil
}

// authenticateClient finds the caller of a route for OAuth clients: by a token like
// any other, or by the credentials of an application as HTTP Basic has them (RFC
// 6749, section 2.3.1).
func (rq *request) authenticateClient() error {
	scheme, credentials, _ := strings.Cut(rq.r.Header.Get("Authorization"), " ")
	if rq.r.Header.Get(wire.HeaderToken) != "" || !strings.EqualFold(scheme, "Basic") {
		if strings.EqualFold(scheme, "Bearer") {
			rq.r.Header.Set("Authorization", "Bearer "+credentials) // the scheme in any case
		}
		return rq.authenticateToken()
	}
	id, secret, err := basicCredentials(credentials)
	if err != nil {
		return err
	}
	ctx, cancel := rq.context()
	defer cancel()
	return rq.s.kms.AuthenticateApplication(ctx, rq.call, id, secret)
}

// basicCredentials reads the credentials of HTTP Basic. Both halves are form-encoded.
func basicCredentials(text string) (id, secret string, err error) {
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "", "", errBasic
	}
	id, secret, colon := strings.Cut(string(plain), ":")
	if !colon {
		return "", "", errBasic
	}
	if id, err = url.QueryUnescape(id); err == nil {
		secret, err = url.QueryUnescape(secret)
	}
	if err != nil || id == "" {
		return "", "", errBasic
	}
	return id, secret, nil
}

// oauthError is an error as OAuth clients read it.
type oauthError struct {
	Error       string    `json:"error"`
	Description string    `json:"error_description,omitzero"`
	Errors      []string  `json:"errors"` // these two are ours, as in every answer
	Code        wire.Code `json:"code"`
	RequestID   string    `json:"request_id"`
}

// failClient writes an error answer of a route for OAuth clients. Whoever is not
// authenticated learns nothing but that.
func (rq *request) failClient(status int, code wire.Code, texts []string) {
	out := oauthError{Error: "invalid_request", Description: strings.Join(texts, "; "), Errors: texts, Code: code, RequestID: rq.origin.RequestID}
	switch {
	case code == wire.InvalidToken || code == wire.InvalidCredentials:
		status, out.Error, out.Description = http.StatusUnauthorized, "invalid_client", ""
		out.Errors = []string{"the caller is not authenticated: send a token, or HTTP Basic with a role id and a secret id"}
		rq.w.Header()["Www-Authenticate"] = []string{`Basic realm="signet", charset="UTF-8"`, `Bearer realm="signet"`}
	case code == wire.WrongClient:
		out.Error = "unauthorized_client"
	case status == http.StatusForbidden:
		out.Error = "access_denied"
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == http.StatusConflict:
		out.Error = "temporarily_unavailable"
	case status >= http.StatusInternalServerError:
		out.Error = "server_error"
	}
	body, err := json.Marshal(&out)
	if err != nil { // texts in UTF-8 alone are in it
		rq.s.log.Error("an answer does not encode", "request_id", rq.origin.RequestID, "error", errors.Unwrap(err))
	}
	rq.send(status, body)
}
