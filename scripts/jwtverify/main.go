package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case err == nil:
	case errors.Is(err, errRefused):
		fmt.Println(err)
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "jwtverify:", err)
		os.Exit(2)
	}
}

var (
	errUsage   = errors.New("usage: jwtverify JWKS-URL ISSUER AUDIENCE <TOKEN")
	errRefused = errors.New("refused")
)

// maxInput bounds the token and the JWKS, in bytes each.
const maxInput = 1 << 20

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 3 {
		return errUsage
	}
	token, err := io.ReadAll(io.LimitReader(stdin, maxInput))
	if err != nil {
		return err
	}
	if len(token) == 0 {
		return errors.New("there is no token on stdin")
	}
	keys, err := fetch(args[0])
	if err != nil {
		return err
	}
	claims, alg, err := verify(strings.TrimSpace(string(token)), keys, args[1], args[2], time.Now())
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	_, err = fmt.Fprintf(stdout, "accepted: %s, sub %q, until %s\n", alg, claims.Subject, claims.Expiry.Time().UTC().Format(time.RFC3339))
	return err
}

// fetch gets a JWKS.
func fetch(url string) (*jose.JSONWebKeySet, error) {
	client := &http.Client{Timeout: time.Minute}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxInput))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	keys := &jose.JSONWebKeySet{}
	if err := json.Unmarshal(body, keys); err != nil {
		return nil, fmt.Errorf("%s is no JWKS: %w", url, err)
	}
	return keys, nil
}

// verify returns the claims of a token that is good. The algorithm is the key's: the
// one in the token only has to be the same.
func verify(token string, keys *jose.JSONWebKeySet, issuer, audience string, now time.Time) (*jwt.Claims, string, error) {
	parsed, err := jwt.ParseSigned(token, signatures())
	if err != nil {
		return nil, "", err
	}
	header := parsed.Headers[0] // a compact token has one
	found := keys.Key(header.KeyID)
	if header.KeyID == "" || len(found) != 1 {
		return nil, "", fmt.Errorf("%d keys of the JWKS have the kid %q", len(found), header.KeyID)
	}
	if header.Algorithm != found[0].Algorithm {
		return nil, "", fmt.Errorf("it is signed with %q, and the key is for %q", header.Algorithm, found[0].Algorithm)
	}
	claims := &jwt.Claims{}
	if err := parsed.Claims(found[0], claims); err != nil {
		return nil, "", err
	}
	if claims.Expiry == nil {
		return nil, "", errors.New("it has no exp")
	}
	want := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}
	return claims, header.Algorithm, claims.ValidateWithLeeway(want, 0)
}

// signatures are what go-jose may look at: with public keys, so no HS256.
func signatures() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	}
}
