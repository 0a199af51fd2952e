//go:build openbao

package vaultclient

import "github.com/openbao/openbao/api/v2"

// The types of OpenBao's library.
type (
	client        = api.Client
	secret        = api.Secret
	initRequest   = api.InitRequest
	tokenRequest  = api.TokenCreateRequest
	responseError = api.ResponseError
	watcherInput  = api.LifetimeWatcherInput
	watcher       = api.LifetimeWatcher
)

// What a watcher does about errors.
const (
	errorOnErrors = api.RenewBehaviorErrorOnErrors
	ignoreErrors  = api.RenewBehaviorIgnoreErrors
)

// newClient makes a client that sends each request once. What the environment
// says of another server does not count.
func newClient(address, token string) (*client, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, config.Error
	}
	config.Address, config.MaxRetries = address, 0
	c, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	c.ClearNamespace()
	c.SetToken(token)
	return c, nil
}
