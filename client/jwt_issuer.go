package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

const issuerPath = "jwt/issuers"

// WriteIssuer makes an issuer with its key, or changes what is set in req of one.
func (j JWT) WriteIssuer(ctx context.Context, name string, req wire.IssuerRequest) (wire.IssuerData, error) {
	return j.issuer(ctx, call{method: http.MethodPut, effect: true, body: req}, name)
}

// ReadIssuer describes an issuer and the versions of its key, or returns an error
// that matches [ErrNotFound].
func (j JWT) ReadIssuer(ctx context.Context, name string) (wire.IssuerData, error) {
	return j.issuer(ctx, call{method: http.MethodGet}, name)
}

// ListIssuers returns the names of the issuers in use, sorted.
func (j JWT) ListIssuers(ctx context.Context) ([]string, error) { return list(ctx, j.c, issuerPath) }

// DeletedIssuers describes the issuers that are deleted and not destroyed yet.
func (j JWT) DeletedIssuers(ctx context.Context) (wire.DeletedIssuers, error) {
	query := listing()
	query.Set("deleted", "true")
	out, err := fetch[wire.DeletedIssuers](ctx, j.c, call{method: http.MethodGet, path: issuerPath, query: query})
	if refused, ok := err.(*Error); ok && refused.Code == wire.NotFound {
		return wire.DeletedIssuers{}, nil
	}
	return out, err
}

// DeleteIssuer takes an issuer whose deletion_allowed is set out of use, with its
// documents. It is destroyed with its key after a grace period of seven days,
// until which [JWT.UndeleteIssuer] brings it back.
func (j JWT) DeleteIssuer(ctx context.Context, name string) error {
	return j.deleteIssuer(ctx, name, nil)
}

// DeleteIssuerAfter is DeleteIssuer with another grace period. Less than seven
// days needs the sudo capability.
func (j JWT) DeleteIssuerAfter(ctx context.Context, name string, grace time.Duration) error {
	return j.deleteIssuer(ctx, name, url.Values{"grace": {grace.String()}})
}

func (j JWT) deleteIssuer(ctx context.Context, name string, query url.Values) error {
	path, err := join(issuerPath, name)
	if err != nil {
		return err
	}
	return j.c.run(ctx, call{method: http.MethodDelete, path: path, query: query, effect: true})
}

// UndeleteIssuer puts a deleted issuer back to use, with its key and profiles.
func (j JWT) UndeleteIssuer(ctx context.Context, name string) (wire.IssuerData, error) {
	return j.issuer(ctx, call{method: http.MethodPost, effect: true, body: struct{}{}}, name, "undelete")
}

// issuer makes a call below an issuer's path that is answered with the issuer.
func (j JWT) issuer(ctx context.Context, cl call, names ...string) (wire.IssuerData, error) {
	path, err := join(issuerPath, names...)
	if err != nil {
		return wire.IssuerData{}, err
	}
	cl.path = path
	return fetch[wire.IssuerData](ctx, j.c, cl)
}
