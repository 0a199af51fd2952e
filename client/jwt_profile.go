package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

// WriteProfile makes a profile of an issuer, or replaces it whole.
func (j JWT) WriteProfile(ctx context.Context, issuer, name string, profile wire.Profile) (wire.ProfileData, error) {
	return j.profile(ctx, call{method: http.MethodPut, effect: true, body: profile}, issuer, name)
}

// ReadProfile returns a profile with its defaults filled in, or an error that
// matches [ErrNotFound].
func (j JWT) ReadProfile(ctx context.Context, issuer, name string) (wire.ProfileData, error) {
	return j.profile(ctx, call{method: http.MethodGet}, issuer, name)
}

// ListProfiles returns the names of an issuer's profiles, sorted.
func (j JWT) ListProfiles(ctx context.Context, issuer string) ([]string, error) {
	path, err := join(issuerPath, issuer, "profiles")
	if err != nil {
		return nil, err
	}
	return list(ctx, j.c, path)
}

// DeleteProfile removes a profile; one that does not exist is no error. Its tokens
// stay valid until they expire or are revoked.
func (j JWT) DeleteProfile(ctx context.Context, issuer, name string) error {
	path, err := join(issuerPath, issuer, "profiles", name)
	if err != nil {
		return err
	}
	return j.c.run(ctx, call{method: http.MethodDelete, path: path, effect: true})
}

func (j JWT) profile(ctx context.Context, cl call, issuer, name string) (wire.ProfileData, error) {
	path, err := join(issuerPath, issuer, "profiles", name)
	if err != nil {
		return wire.ProfileData{}, err
	}
	cl.path = path
	return fetch[wire.ProfileData](ctx, j.c, cl)
}
