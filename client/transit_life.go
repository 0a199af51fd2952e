package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// ReadKeyVersion describes a key with one version of it alone.
func (t Transit) ReadKeyVersion(ctx context.Context, name string, version int) (wire.KeyData, error) {
	return t.readKey(ctx, name, url.Values{"version": {strconv.Itoa(version)}})
}

// ReadKeyVersions describes a key with the versions after a number, at most limit
// of them (1 to 1000). Begin with 0, and go on after the highest one you got.
func (t Transit) ReadKeyVersions(ctx context.Context, name string, after, limit int) (wire.KeyData, error) {
	return t.readKey(ctx, name, url.Values{"after": {strconv.Itoa(after)}, "limit": {strconv.Itoa(limit)}})
}

// ReadKeyNewest describes a key with its newest versions, at most limit of them (1
// to 1000), without a warning when there are more.
func (t Transit) ReadKeyNewest(ctx context.Context, name string, limit int) (wire.KeyData, error) {
	return t.readKey(ctx, name, url.Values{"limit": {strconv.Itoa(limit)}})
}

func (t Transit) readKey(ctx context.Context, name string, query url.Values) (wire.KeyData, error) {
	path, err := t.path("keys", name)
	if err != nil {
		return wire.KeyData{}, err
	}
	return t.keyData(ctx, call{method: http.MethodGet, path: path, query: query})
}

// DeleteKey takes a key whose deletion_allowed is set out of use. It is destroyed
// after a grace period of seven days, until which [Transit.UndeleteKey] brings it
// back.
func (t Transit) DeleteKey(ctx context.Context, name string) error {
	return t.deleteKey(ctx, name, nil)
}

// DeleteKeyAfter is DeleteKey with another grace period. Less than seven days
// needs the sudo capability; 0 destroys the key at once, for good, also one that
// is deleted already.
func (t Transit) DeleteKeyAfter(ctx context.Context, name string, grace time.Duration) error {
	return t.deleteKey(ctx, name, url.Values{"grace": {grace.String()}})
}

func (t Transit) deleteKey(ctx context.Context, name string, query url.Values) error {
	path, err := t.path("keys", name)
	if err != nil {
		return err
	}
	return t.c.run(ctx, call{method: http.MethodDelete, path: path, query: query, effect: true})
}

// UndeleteKey puts a deleted key back to use, with all its versions.
func (t Transit) UndeleteKey(ctx context.Context, name string) (wire.KeyData, error) {
	return t.writeKey(ctx, struct{}{}, name, "undelete")
}

// DeletedKeys describes the keys that are deleted and not destroyed yet.
func (t Transit) DeletedKeys(ctx context.Context) (wire.DeletedKeys, error) {
	path, err := t.path("keys")
	if err != nil {
		return wire.DeletedKeys{}, err
	}
	query := listing()
	query.Set("deleted", "true")
	out, err := fetch[wire.DeletedKeys](ctx, t.c, call{method: http.MethodGet, path: path, query: query})
	if refused, ok := err.(*Error); ok && refused.Code == wire.NotFound {
		return wire.DeletedKeys{}, nil
	}
	return out, err
}

// TrimKey erases the versions of a key before minAvailable for good. It is at
// most the key's min_decryption_version and min_encryption_version.
func (t Transit) TrimKey(ctx context.Context, name string, minAvailable int) (wire.KeyData, error) {
	return t.writeKey(ctx, wire.KeyTrimRequest{MinAvailableVersion: wire.IntOf(minAvailable)}, name, "trim")
}
