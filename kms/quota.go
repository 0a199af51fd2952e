package kms

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// Quota is a rate limit. A request must have room at every quota that covers its
// path, so two on one path make two windows.
type Quota struct {
	Name           string
	Path           string        // see quotaPath: "" everything, "transit/" and "transit" a mount, "transit/sign/*" a beginning
	PerToken       bool          // each token after authentication; otherwise each source address before it
	PerApplication bool          // each application, all its tokens together; who has none is not limited. Not with PerToken
	Rate           float64       // requests in an interval; as many, rounded up, may come at once
	Interval       time.Duration // 1 ms to 24 h
	Block          time.Duration // how long whoever goes over is refused everything; 0 to 24 h
}

// Limits of quotas.
const (
	maxQuotas    = 128
	minInterval  = time.Millisecond
	maxQuotaTime = 24 * time.Hour // of an interval, a block, and from one request to the next
)

// WriteQuota makes a rate limit or replaces it, from the next request on. It needs
// update and sudo. Errors: ErrBadRequest.
func (s *Service) WriteQuota(ctx context.Context, c *Call, q Quota) error {
	if err := s.mayWait(c, "sys/quotas/write"); err != nil {
		return err
	}
	// One at a time, so that all of them together keep the limit on their number.
	unlock, err := s.keyLocks.lock(ctx, "sys/quotas")
	if err != nil {
		s.Reject(c.Origin, c, err)
		return err
	}
	defer unlock()
	s.refresh(c)
	_, err = s.write(ctx, c, verb{operation: "sys/quotas/write", need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"quota": q.Name}
		if err := q.check(); err != nil {
			return nil, err
		}
		if c.view.Quota(q.Name) == nil && quotaCount(c.view.State) >= maxQuotas {
			return nil, saying(ErrBadRequest, "there are %d quotas already, and every request passes all of them; delete one first", maxQuotas)
		}
		put := q.state()
		a.Record.Fields = map[string]string{
			"quota": put.Name, "quota_path": put.Path, "per": put.Per, "rate": strconv.FormatFloat(put.Rate, 'g', -1, 64),
			"interval": q.Interval.String(), "block_interval": q.Block.String(),
		}
		return &state.PutQuota{Quota: put}, nil
	})
	return err
}

func (q *Quota) check() error {
	switch {
	case q.PerToken && q.PerApplication:
		return saying(ErrBadRequest, "a quota is per token or per application")
	case q.Name == "":
		return saying(ErrBadRequest, "a quota needs a name")
	case gate.LooksSecret(q.Name) || gate.LooksSecret(q.Path):
		return saying(ErrBadRequest, "the quota's name or path holds what looks like a token or a share, and both are shown to whom it limits")
	case !(q.Rate > 0) || math.IsInf(q.Rate, 0): // not a number is not over 0 either
		return saying(ErrBadRequest, "'rate' is missing: a number of requests over 0, such as 100 or 0.5")
	case q.Rate > maxQuotaBurst:
		return saying(ErrBadRequest, "'rate' is at most %d, which is as good as no limit, not %v", int64(maxQuotaBurst), q.Rate)
	case q.Interval < minInterval || q.Interval > maxQuotaTime:
		return saying(ErrBadRequest, "'interval' is 1 ms to 24 h, not %s", q.Interval)
	case float64(q.Interval)/q.Rate > float64(maxQuotaTime):
		return saying(ErrBadRequest, "'rate' and 'interval' let less than one request a day through; to close a path, deny it with a policy")
	case q.Block < 0 || q.Block > maxQuotaTime:
		return saying(ErrBadRequest, "'block_interval' is 0 to 24 h, not %s", q.Block)
	}
	return checkQuotaPath(q.Path)
}

func (q *Quota) state() state.Quota {
	per := state.QuotaPerSource
	switch {
	case q.PerToken:
		per = state.QuotaPerToken
	case q.PerApplication:
		per = state.QuotaPerApplication
	}
	return state.Quota{Name: q.Name, Path: q.Path, Per: per, Rate: q.Rate, Interval: int64(q.Interval), Block: int64(q.Block)}
}

func quotaCount(st *state.State) (n int) {
	st.Quotas(func(*state.Quota) { n++ })
	return n
}

// ReadQuota returns a rate limit. It needs read and sudo. Errors: ErrNotFound.
func (s *Service) ReadQuota(c *Call, name string) (Quota, error) {
	var out Quota
	err := s.act(c, verb{operation: "sys/quotas/read", need: policy.Read | policy.Sudo}, func(*gate.Admission) error {
		q := c.view.Quota(name)
		if q == nil {
			return ErrNotFound
		}
		out = Quota{
			Name: q.Name, Path: q.Path, PerToken: q.Per == state.QuotaPerToken, PerApplication: q.Per == state.QuotaPerApplication, Rate: q.Rate,
			Interval: time.Duration(q.Interval), Block: time.Duration(q.Block),
		}
		return nil
	})
	return out, err
}

// ListQuotas returns the names of the rate limits, sorted. It needs list and
// sudo. Errors: ErrNotFound when there are none.
func (s *Service) ListQuotas(c *Call) ([]string, error) {
	var names []string
	err := s.act(c, verb{operation: "sys/quotas/list", need: policy.List | policy.Sudo}, func(*gate.Admission) error {
		c.view.Quotas(func(q *state.Quota) { names = append(names, q.Name) })
		if names == nil {
			return ErrNotFound
		}
		return nil
	})
	return names, err
}

// DeleteQuota removes a rate limit; one that does not exist is no error. It needs
// delete and sudo.
func (s *Service) DeleteQuota(ctx context.Context, c *Call, name string) error {
	_, err := s.write(ctx, c, verb{operation: "sys/quotas/delete", need: policy.Delete | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		a.Record.Fields = map[string]string{"quota": name}
		return &state.DeleteQuota{Name: name}, nil
	})
	return err
}
