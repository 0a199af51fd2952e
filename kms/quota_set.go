package kms

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// quotaSet is the quotas of one state, ready to count. Views with the same quotas
// share it. The lists are in the order of names; they are locked in the order of the
// names within a list, and a list after the one before.
type quotaSet struct {
	source      []*limiter
	token       []*limiter
	application []*limiter
}

func (q *quotaSet) all() []*limiter { return slices.Concat(q.source, q.token, q.application) }

// compileQuotas returns the set of a state, nil if it has none. A quota that is
// in old as it is goes on counting where it was: to write another quota must not
// give everybody a fresh start.
func compileQuotas(st *state.State, old *quotaSet) *quotaSet {
	known := map[string]*limiter{}
	if old != nil {
		for _, l := range old.all() {
			known[l.quota.Name] = l
		}
	}
	var set quotaSet
	st.Quotas(func(q *state.Quota) {
		l := known[q.Name]
		if l == nil || l.quota != *q {
			l = newLimiter(*q, maxBuckets)
		}
		switch q.Per {
		case state.QuotaPerToken:
			set.token = append(set.token, l)
		case state.QuotaPerApplication:
			set.application = append(set.application, l)
		default:
			set.source = append(set.source, l)
		}
	})
	if set.source == nil && set.token == nil && set.application == nil {
		return nil
	}
	return &set
}

// Limited is ErrRateLimited with the time from which a request can succeed.
type Limited struct {
	text  string
	After time.Duration // from now; over 0
}

func (e *Limited) Error() string { return e.text }

// Unwrap returns ErrRateLimited.
func (e *Limited) Unwrap() error { return ErrRateLimited }

// Seconds is After in whole seconds, at least one, never too early.
func (e *Limited) Seconds() int64 { return max(1, secondsOf(int64(e.After))) }

// LimitSource counts a request against the quotas of its address, before anything
// else of it is looked at. An address that headers claim does not come here.
// Errors: *Limited. While the node is sealed there are no quotas.
func (s *Service) LimitSource(o Origin) error {
	v := s.view.Load()
	if v == nil || v.quotas == nil || len(v.quotas.source) == 0 {
		return nil
	}
	if neverLimited(o.Path) || repairsQuotas(o.Path) {
		return nil
	}
	return admit(o.Path, s.elapsed(), counting{v.quotas.source, sourceOf(o.Remote), "from this address"})
}

// LimitToken counts an authenticated request against the quotas of its token and of
// its application, once. Errors: *Limited.
func (s *Service) LimitToken(c *Call) error {
	if c.limited {
		return nil
	}
	return s.limitToken(c, c.Caller)
}

func (s *Service) limitToken(c *Call, caller policy.Caller) error {
	quotas := c.view.quotas
	if quotas == nil || len(quotas.token) == 0 && (len(quotas.application) == 0 || caller.Application == "") {
		return nil
	}
	if neverLimited(c.Path) || repairsQuotas(c.Path) && caller.Allow(c.Path, policy.Sudo) {
		return nil
	}
	return admit(c.Path, s.elapsed(), counting{quotas.token, caller.Accessor, "with this token"}, quotas.ofApplication(caller.Application))
}

// limitLogin counts a login that shows good credentials against the quotas of its
// application. Errors: *Limited.
func (s *Service) limitLogin(c *Call, application string) error {
	quotas := c.view.quotas
	if quotas == nil || len(quotas.application) == 0 || application == "" {
		return nil
	}
	return admit(c.Path, s.elapsed(), quotas.ofApplication(application))
}

// ofApplication counts for an application; a caller without one is not counted.
func (q *quotaSet) ofApplication(name string) counting {
	if name == "" {
		return counting{}
	}
	return counting{q.application, name, "of this application"}
}

// elapsed is the clock of the limiters: it does not follow when somebody sets the
// time of day.
func (s *Service) elapsed() int64 { return int64(time.Since(s.started)) }

// neverLimited names what must work whatever quotas there are: to see how a node
// is, to make it, to open it, and to close it.
func neverLimited(path string) bool {
	switch path {
	case "sys/health", "sys/seal-status", "sys/leader", "sys/init", "sys/unseal", "sys/verify-share", "sys/seal":
		return true
	}
	return false
}

// repairsQuotas names the paths on which a quota that locks everybody out is
// found and removed.
func repairsQuotas(path string) bool { return strings.HasPrefix(path, "sys/quotas/") }

// sourceOf is what counts as one source: an IPv4 address, and for IPv6 the /64,
// of which one host can have every address.
func sourceOf(remote string) string {
	if strings.IndexByte(remote, ':') < 0 {
		return remote
	}
	addr, err := netip.ParseAddr(remote)
	if err != nil || addr.Is4In6() {
		return remote
	}
	net, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return remote
	}
	return net.String()
}

// counting is quotas of one sort, and whom they count a request for.
type counting struct {
	list []*limiter
	key  string
	who  string // for the refusal
}

// admit counts a request at every quota that covers path, or at none if one of them
// has no room: what is refused must not use up what others allow. All buckets are
// held at once, so that between look and count nobody comes in.
func admit(path string, now int64, by ...counting) error {
	type hold struct {
		l *limiter
		b *bucket
	}
	var (
		space [8]hold // room for the usual few, without an allocation
		holds = space[:0]
		last  *limiter // the one with the longest wait
		who   string
		wait  int64
	)
	for _, c := range by {
		for _, l := range c.list {
			if !l.path.covers(path) {
				continue
			}
			l.mu.Lock()
			b := l.bucket(c.key, now)
			holds = append(holds, hold{l, b})
			if l.wait(b, now) == 0 {
				continue
			}
			if w := l.over(b, now); w > wait {
				last, who, wait = l, c.who, w
			}
		}
	}
	for _, h := range holds {
		if last == nil {
			h.l.take(h.b, now)
		}
		h.l.mu.Unlock()
	}
	if last == nil {
		return nil
	}
	last.refused.Add(1)
	e := &Limited{After: time.Duration(wait)}
	e.text = fmt.Sprintf("too many requests %s: the rate limit %s has room again in %d s", who, last.quota.Name, e.Seconds())
	return e
}
