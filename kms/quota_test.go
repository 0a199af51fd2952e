package kms

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signet-kms/signet/kms/state"
)

func (n *node) quota(q Quota) error {
	n.t.Helper()
	return n.WriteQuota(n.t.Context(), n.rootCall("sys/quotas/rate-limit/"+q.Name), q)
}

func (n *node) wantQuota(q Quota) {
	n.t.Helper()
	if err := n.quota(q); err != nil {
		n.t.Fatal(err)
	}
}

// ask is a request from an address; an error is its 429.
func (n *node) ask(path, remote string) error {
	return n.LimitSource(Origin{Path: path, Remote: remote})
}

func TestQuotaLifeCycle(t *testing.T) {
	n := newNode(t)
	list := func() ([]string, error) { return n.ListQuotas(n.call(n.root, "LIST", "sys/quotas/rate-limit")) }
	if names, err := list(); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an empty list: %v, %v", names, err)
	}
	q := Quota{Name: "api", Path: "transit/", PerToken: true, Rate: 2.5, Interval: 90 * time.Second, Block: time.Minute}
	n.wantQuota(q)
	n.wantQuota(Quota{Name: "all", Rate: 1e9, Interval: time.Millisecond})
	n.restart()
	if got, err := n.ReadQuota(n.rootCall("sys/quotas/rate-limit/api"), "api"); err != nil || got != q {
		t.Fatalf("after a restart: %+v, %v", got, err)
	}
	if names, err := list(); err != nil || fmt.Sprint(names) != "[all api]" {
		t.Fatal(names, err)
	}
	for range 2 { // one that does not exist is no error
		if err := n.DeleteQuota(t.Context(), n.rootCall("sys/quotas/rate-limit/api"), "api"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.ReadQuota(n.rootCall("sys/quotas/rate-limit/api"), "api"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	log := string(n.auditLog())
	for _, want := range []string{`"quota":"api"`, `"quota_path":"transit/"`, `"rate":"2.5"`, `"per":"token"`, `"block_interval":"1m0s"`, `sys/quotas/delete`} {
		if !strings.Contains(log, want) {
			t.Errorf("%s is not in the audit log", want)
		}
	}
}

func TestQuotasThatAreRefused(t *testing.T) {
	n := newNode(t)
	good := Quota{Name: "q", Rate: 1, Interval: time.Second}
	secret := strings.Repeat("a", 43)
	for what, change := range map[string]func(q *Quota){
		"no name":           func(q *Quota) { q.Name = "" },
		"a token as name":   func(q *Quota) { q.Name = "sgt." + secret },
		"a token as path":   func(q *Quota) { q.Path = "transit/sgt." + secret },
		"no rate":           func(q *Quota) { q.Rate = 0 },
		"a negative rate":   func(q *Quota) { q.Rate = -1 },
		"not a number":      func(q *Quota) { q.Rate = math.NaN() },
		"endless":           func(q *Quota) { q.Rate = math.Inf(1) },
		"far too many":      func(q *Quota) { q.Rate = 1.1e9 },
		"almost nothing":    func(q *Quota) { q.Rate = 1e-300 },
		"one in two days":   func(q *Quota) { q.Rate, q.Interval = 0.5, 24*time.Hour },
		"a short interval":  func(q *Quota) { q.Interval = time.Millisecond - 1 },
		"a long interval":   func(q *Quota) { q.Interval = 24*time.Hour + 1 },
		"no interval":       func(q *Quota) { q.Interval = 0 },
		"a negative block":  func(q *Quota) { q.Block = -1 },
		"a long block":      func(q *Quota) { q.Block = 24*time.Hour + 1 },
		"v1":                func(q *Quota) { q.Path = "v1/transit" },
		"a leading slash":   func(q *Quota) { q.Path = "/transit" },
		"a star inside":     func(q *Quota) { q.Path = "transit/*/web" },
		"a plus":            func(q *Quota) { q.Path = "transit/+/web" },
		"dots":              func(q *Quota) { q.Path = "transit/../sys" },
		"a space":           func(q *Quota) { q.Path = "transit /x" },
		"an empty segment":  func(q *Quota) { q.Path = "transit//" },
		"a long path":       func(q *Quota) { q.Path = strings.Repeat("b", 513) },
		"what is unlimited": func(q *Quota) { q.Path = "sys/seal" },
		"that with slash":   func(q *Quota) { q.Path = "sys/unseal/" },
	} {
		q := good
		change(&q)
		if err := n.quota(q); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v", what, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats it: %v", what, err)
		}
	}
	if _, err := n.ReadQuota(n.rootCall("sys/quotas/rate-limit/q"), "q"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("something was written: %v", err)
	}
	if strings.Contains(string(n.auditLog()), secret) {
		t.Error("what looks like a token is in the audit log")
	}
	n.wantQuota(good)
	n.wantQuota(Quota{Name: "least", Rate: 1, Interval: 24 * time.Hour, Block: 24 * time.Hour, Path: "transit/sign/*"})
}

// There are at most so many, and replacing one is possible when they are.
func TestTheNumberOfQuotasIsBounded(t *testing.T) {
	n := newNode(t)
	for i := range maxQuotas {
		n.wantQuota(Quota{Name: fmt.Sprint("q", i), Rate: 1e9, Interval: time.Second})
	}
	one := Quota{Name: "more", Rate: 1e9, Interval: time.Second}
	if err := n.quota(one); !errors.Is(err, ErrBadRequest) {
		t.Fatalf("quota %d: %v", maxQuotas+1, err)
	}
	one.Name = "q7"
	n.wantQuota(one)
	if err := n.ask("transit/sign/web", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
}

func TestQuotasNeedSudo(t *testing.T) {
	n := newNode(t)
	for policies, want := range map[string]error{
		`path "sys/quotas/*" { capabilities = ["create", "read", "update", "delete", "list"] }`:         ErrPermissionDenied,
		`path "sys/quotas/*" { capabilities = ["sudo"] }`:                                               ErrPermissionDenied,
		`path "sys/quotas/*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }`: nil,
	} {
		if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/p"), "p", policies); err != nil {
			t.Fatal(err)
		}
		token, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"p"}})
		if err != nil {
			t.Fatal(err)
		}
		at := func(method string) *Call { return n.call(token.Reveal(), method, "sys/quotas/rate-limit/q") }
		err = n.WriteQuota(t.Context(), at("PUT"), Quota{Name: "q", Rate: 1, Interval: time.Second})
		_, read := n.ReadQuota(at("GET"), "q")
		_, list := n.ListQuotas(n.call(token.Reveal(), "LIST", "sys/quotas/rate-limit"))
		remove := n.DeleteQuota(t.Context(), at("DELETE"), "q")
		for what, got := range map[string]error{"write": err, "read": read, "list": list, "delete": remove} {
			if !errors.Is(got, want) || (want == nil) != (got == nil) {
				t.Errorf("%s with %s: %v", what, policies, got)
			}
		}
	}
}

// To write another quota, or the same one again, gives nobody a fresh start; to
// change a quota, or to seal the node, does.
func TestCountsOutliveOtherWrites(t *testing.T) {
	n := newNode(t)
	q := Quota{Name: "q", Path: "transit", Rate: 1, Interval: time.Hour}
	n.wantQuota(q)
	if err := n.ask("transit/sign/web", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	over := func() error { return n.ask("transit/sign/web", "192.0.2.1") }
	limited := (*Limited)(nil)
	if err := over(); !errors.As(err, &limited) || limited.After > time.Hour || limited.After < 59*time.Minute || !strings.Contains(err.Error(), " q ") {
		t.Fatalf("the second within an hour: %v", err)
	}
	for what, do := range map[string]func(){
		"another":    func() { n.wantQuota(Quota{Name: "other", Rate: 1e6, Interval: time.Second}) },
		"the same":   func() { n.wantQuota(q) },
		"a policy":   func() { _ = n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/p"), "p", `path "a" {}`) },
		"one remove": func() { _ = n.DeleteQuota(t.Context(), n.rootCall("sys/quotas/rate-limit/x"), "x") },
	} {
		do()
		if over() == nil {
			t.Errorf("%s: a write of something else gave a fresh start", what)
		}
	}
	if err := n.ask("transit/sign/web", "192.0.2.2"); err != nil {
		t.Errorf("another address: %v", err)
	}
	if err := n.ask("auth/token/create", "192.0.2.1"); err != nil {
		t.Errorf("another path: %v", err)
	}
	q.Rate = 2
	n.wantQuota(q)
	if err := over(); err != nil {
		t.Errorf("a quota that was changed begins anew: %v", err)
	}
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := over(); err != nil {
			t.Fatalf("a sealed node knows no quotas: %v", err)
		}
	}
	n.unseal()
}

// The node can always be watched, opened and closed, and a quota that locks
// everybody out can always be removed by whom policy lets.
func TestWhatIsNeverLimited(t *testing.T) {
	n := newNode(t)
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/p"), "p", `path "sys/quotas/*" { capabilities = ["read"] }`); err != nil {
		t.Fatal(err)
	}
	token, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	n.wantQuota(Quota{Name: "source", Rate: 1, Interval: 24 * time.Hour})
	n.wantQuota(Quota{Name: "token", Rate: 1, Interval: 24 * time.Hour, PerToken: true})
	const repair = "sys/quotas/rate-limit/source"
	for _, path := range []string{"sys/health", "sys/seal-status", "sys/leader", "sys/init", "sys/unseal", "sys/verify-share", "sys/seal", repair} {
		for range 3 {
			if err := n.ask(path, "192.0.2.1"); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if err := n.LimitToken(n.call(n.root, "POST", path)); err != nil {
				t.Errorf("%s with a token: %v", path, err)
			}
		}
	}
	for _, path := range []string{"sys/quotas", "sys/quotasx", "sys/metrics", "sys/policies/acl/p", "sys/healthy", "sys/seal/x", "transit/sign/web", "", "/"} {
		remote := "source of " + path
		if err := n.ask(path, remote); err != nil {
			t.Errorf("%q: the first: %v", path, err)
		}
		if err := n.ask(path, remote); !errors.Is(err, ErrRateLimited) {
			t.Errorf("%q is not limited: %v", path, err)
		}
	}
	first, second := n.LimitToken(n.call(token.Reveal(), "GET", repair)), n.LimitToken(n.call(token.Reveal(), "GET", repair))
	if first != nil || !errors.Is(second, ErrRateLimited) {
		t.Errorf("a token without sudo is limited on sys/quotas: %v, %v", first, second)
	}
}

func TestTokensAreCountedApart(t *testing.T) {
	n := newNode(t)
	n.wantQuota(Quota{Name: "t", Path: "transit", Rate: 2, Interval: time.Hour, PerToken: true})
	tokens := []string{n.root}
	for range 2 {
		token, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"default"}})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token.Reveal())
	}
	for i, token := range tokens {
		for k := range 4 {
			if err := n.LimitToken(n.call(token, "POST", "transit/sign/web")); (err != nil) != (k >= 2) {
				t.Errorf("token %d, request %d: %v", i, k, err)
			}
		}
	}
	for range 100 { // a quota by token counts no addresses
		if err := n.ask("transit/sign/web", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newQuotaCollector(n.Service))
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	var text []string
	for _, m := range families[0].GetMetric() {
		text = append(text, fmt.Sprint(m.GetLabel()[0].GetValue(), " ", m.GetCounter().GetValue()))
	}
	if fmt.Sprint(text) != "[t 6]" {
		t.Errorf("metrics: %v", text)
	}
}

// A flood of one token's refusals is bounded in the log as one of a stranger is,
// and names the token.
func TestRefusalsOfATokenAreBoundedInTheLog(t *testing.T) {
	n := newNode(t)
	c := n.rootCall("transit/sign/web")
	before, began := strings.Count(string(n.auditLog()), "\n"), time.Now()
	for range 1000 {
		n.Reject(c.Origin, c, &Limited{text: "too many", After: time.Second})
	}
	most := 15 + 12*int(time.Since(began).Seconds()+2)
	time.Sleep(50 * time.Millisecond) // a bound: later there is not less
	log := string(n.auditLog())
	if grown := strings.Count(log, "\n") - before; grown > most {
		t.Errorf("1000 refusals of one token made %d records, want at most %d", grown, most)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	log = string(n.auditLog())
	if !strings.Contains(log, `"rate_limited"`) || !strings.Contains(log, c.Caller.Accessor) {
		t.Error("the refusals are not in the log")
	}
	n.open()
	n.unseal()
}

func TestStatesShareTheirQuotas(t *testing.T) {
	a, b := quotaOf("a", 1, sec), quotaOf("b", 1, sec)
	b.Per = state.QuotaPerToken
	one := compileQuotas(stateWith(t, a, b), nil)
	two := compileQuotas(stateWith(t, b, a), one)
	if len(one.source) != 1 || len(one.token) != 1 || one.source[0] != two.source[0] || one.token[0] != two.token[0] {
		t.Error("quotas that are the same count anew")
	}
	a.Block = 1
	if three := compileQuotas(stateWith(t, a, b), two); three.source[0] == two.source[0] || three.token[0] != two.token[0] {
		t.Error("a quota that changed counts on as it was")
	}
	if compileQuotas(stateWith(t), two) != nil {
		t.Error("no quotas are not nil")
	}
}
