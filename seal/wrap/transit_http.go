package wrap

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// maxAnswer bounds an answer of the other side, in bytes.
const maxAnswer = 64 << 10

// baseURL checks an address: a token must not cross a network readable.
func baseURL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", wrong("address", "want a URL of scheme, host and port, such as https://vault.example:8200") // what it is may hold a password
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return "", wrong("address", "http is for loopback addresses alone, since a token would cross the network readable: use https")
	}
	return u.Scheme + "://" + u.Host, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// httpClient follows no redirect, which would carry the token elsewhere, and keeps
// no connection: it speaks at a start and at a migration.
func httpClient(c TransitConfig) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CACert != "" {
		pem, err := os.ReadFile(c.CACert)
		if err != nil {
			return nil, wrong("tls_ca_cert", "%v", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrong("tls_ca_cert", "%s holds no certificate in PEM", c.CACert)
		}
	}
	if (c.ClientCert == "") != (c.ClientKey == "") {
		return nil, wrong("tls_client_cert", "want tls_client_cert and tls_client_key, or neither")
	}
	if c.ClientCert != "" {
		cert, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientKey)
		if err != nil {
			return nil, wrong("tls_client_cert", "%s with tls_client_key %s: %v", c.ClientCert, c.ClientKey, err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, DisableCompression: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// statusError is an answer that is no success. What its body says is not kept: it
// might quote the request.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("answers %d", e.status) }

// errAnswer is an answer that is none of ours.
var errAnswer = errors.New("answers with something else than the JSON of a transit engine")

// call makes one request; in may be nil. Errors: *statusError, errAnswer, those of
// the token file, of ctx and of the network.
func (t *Transit) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		defer clear(body)
	}
	rq, err := http.NewRequestWithContext(ctx, method, t.base+"/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if path != "sys/seal-status" { // which wants none
		token, err := t.token.read()
		if err != nil {
			return &tokenError{err}
		}
		rq.Header.Set("X-Vault-Token", token)
	}
	rq.Header.Set("X-Vault-Request", "true") // an agent in between may insist on it
	if t.namespace != "" {
		rq.Header.Set("X-Vault-Namespace", t.namespace)
	}
	if in != nil {
		rq.Header.Set("Content-Type", "application/json")
	}
	answer, err := t.http.Do(rq)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return &statusError{answer.StatusCode}
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	defer clear(b)
	if err != nil {
		return err
	}
	if len(b) > maxAnswer || json.Unmarshal(b, out) != nil {
		return errAnswer
	}
	return nil
}

// tokenError is about the token file; it is no secret and stands in no address.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "the token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

func (t *Transit) fail(format string, args ...any) error {
	return &Failure{text: t.base + " " + fmt.Sprintf(format, args...)}
}

// failure says what an operator can do about an error of call. verb is what was
// asked for, "" for nothing that a policy names.
func (t *Transit) failure(err error, verb string) error {
	path := t.mount + "/" + verb + "/" + t.key
	var (
		status *statusError
		file   *tokenError
		remote *url.Error
		cert   *tls.CertificateVerificationError
		timed  net.Error
	)
	switch {
	case errors.As(err, &status):
		return t.fail("answers %d: %s", status.status, reason(status.status, verb, path))
	case errors.As(err, &file):
		return &Failure{text: file.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return &Failure{text: fmt.Sprintf("%s does not answer within %s", t.base, t.timeout), cause: err}
	case errors.Is(err, context.Canceled):
		return &Failure{text: "the request was given up", cause: err}
	case errors.As(err, &cert):
		return t.fail("shows a certificate that is not trusted here: %v; see tls_ca_cert and tls_server_name", cert.Err)
	case errors.As(err, &remote):
		return t.fail("cannot be reached: %v", remote.Err)
	}
	return t.fail("%v", err)
}

func reason(status int, verb, path string) string {
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return "the token has expired, or its policies do not allow update on " + path
	case status == http.StatusNotFound:
		return "there is no such engine or key: " + path
	case status == http.StatusBadRequest && verb == "decrypt":
		return "the key does not decrypt the wrapped root key: it is another key, the version that wrapped it is not allowed any more, or the seal record is another cluster's"
	case status == http.StatusBadRequest:
		return "the key does not exist or does not encrypt: " + path
	case status == http.StatusServiceUnavailable:
		return "it is sealed, or not ready"
	case status >= 300 && status < 400:
		return "it redirects, which is not followed: give the address that it redirects to"
	}
	return "it does not do what it was asked for"
}
