package wrap

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// ErrNotRenewable: the token of the other side ends and cannot be renewed: the
// node will not unseal by itself after that. Put a new one into token_file.
var ErrNotRenewable = errors.New("wrap: the token of the transit seal is not renewable: replace it before it expires")

// Renew renews the token for as long as it may live, and returns how long the next
// renewal can wait: half of what is left. 0 is never: the token does not end.
// Errors: ErrNotRenewable together with the time left, *Failure.
func (t *Transit) Renew(ctx context.Context) (time.Duration, error) {
	var self struct {
		Data struct {
			TTL       int64 `json:"ttl"` // seconds
			Renewable bool  `json:"renewable"`
		} `json:"data"`
	}
	if err := t.call(ctx, http.MethodGet, "auth/token/lookup-self", nil, &self); err != nil {
		return 0, t.renewFailure(err)
	}
	left := time.Duration(self.Data.TTL) * time.Second
	if left <= 0 {
		return 0, nil
	}
	if !self.Data.Renewable {
		return left / 2, ErrNotRenewable
	}
	var renewed struct {
		Auth struct {
			LeaseDuration int64 `json:"lease_duration"` // seconds
		} `json:"auth"`
	}
	if err := t.call(ctx, http.MethodPost, "auth/token/renew-self", struct{}{}, &renewed); err != nil {
		return 0, t.renewFailure(err)
	}
	return time.Duration(renewed.Auth.LeaseDuration) * time.Second / 2, nil
}

func (t *Transit) renewFailure(err error) error {
	if refused := (*statusError)(nil); errors.As(err, &refused) && refused.status == http.StatusForbidden {
		return t.fail("answers 403: the token has expired, or its policies do not allow auth/token/lookup-self and renew-self")
	}
	return t.failure(err, "")
}
