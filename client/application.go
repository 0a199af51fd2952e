package client

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
)

const applicationPath = "identity/applications"

// Application has the calls of identity/applications/.
type Application struct{ c *Client }

// Application returns the calls of identity/applications/.
func (c *Client) Application() Application { return Application{c} }

// Write registers an application, or changes what is set in req of one.
func (a Application) Write(ctx context.Context, name string, req wire.ApplicationRequest) error {
	return a.change(ctx, http.MethodPost, name, "", req)
}

// Read describes an application, or returns an error that matches [ErrNotFound].
func (a Application) Read(ctx context.Context, name string) (wire.ApplicationData, error) {
	path, err := join(applicationPath, name)
	if err != nil {
		return wire.ApplicationData{}, err
	}
	return fetch[wire.ApplicationData](ctx, a.c, call{method: http.MethodGet, path: path})
}

// List returns the names of all applications, sorted.
func (a Application) List(ctx context.Context) ([]string, error) {
	return list(ctx, a.c, applicationPath)
}

// Delete removes an application that no role names, and revokes its tokens.
func (a Application) Delete(ctx context.Context, name string) error {
	return a.change(ctx, http.MethodDelete, name, "", nil)
}

// Block refuses everything to an application: no request of it that begins after
// the return succeeds, until Unblock. The reason is shown to whoever is refused.
func (a Application) Block(ctx context.Context, name, reason string) error {
	return a.change(ctx, http.MethodPost, name, "/block", wire.BlockRequest{Reason: reason})
}

// Unblock ends a block.
func (a Application) Unblock(ctx context.Context, name string) error {
	return a.change(ctx, http.MethodPost, name, "/unblock", nil)
}

func (a Application) change(ctx context.Context, method, name, below string, body any) error {
	path, err := join(applicationPath, name)
	if err != nil {
		return err
	}
	return a.c.run(ctx, call{method: method, path: path + below, effect: true, body: body})
}
