package apitest_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/client/wire"
)

// term is the barrier's active term as the node tells it.
func term(t *testing.T, n *apitest.Node) int64 {
	t.Helper()
	r := wantStatus(t, n.Get("sys/key-status", n.Root()), 200)
	if _, err := time.Parse(time.RFC3339Nano, r.Text("data", "install_time")); err != nil {
		t.Error(err)
	}
	if number(t, r, "data", "encryptions") < 0 {
		t.Errorf("encryptions: %s", r)
	}
	return number(t, r, "data", "term")
}

// rotator rotates the barrier until the node is gone. It counts what was
// acknowledged, and what may have happened.
type rotator struct {
	acknowledged, maybe atomic.Int64
	err                 error
}

func (r *rotator) run(n *apitest.Node) {
	for {
		reply, err := n.Send("POST", "sys/rotate", n.Root(), nil)
		switch {
		case err != nil:
			r.maybe.Add(1)
			return
		case reply.Status == 204:
			r.acknowledged.Add(1)
		case reply.Code() == "outcome_unknown":
			r.maybe.Add(1)
			return
		case reply.Status == 503:
			return // sealed or about to stop; certainly not done
		default:
			r.err = &refusal{reply}
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// I1 under rotation: the barrier's term changes all the time while clients write
// and sign, and the process is killed in the middle of it, again and again. The
// same shares open the node, every acknowledged rotation is there, and so is all
// else, whatever term sealed it.
func TestKillAmongRotationsLosesNothing(t *testing.T) {
	t.Parallel()
	rounds := 10
	if long() {
		rounds = 50
	}
	n := apitest.New(t, apitest.Shares(3, 2))
	done := map[string]int{}
	at := term(t, n)
	total := int64(0)
	for round := range rounds {
		rotators := [2]rotator{}
		var wg sync.WaitGroup
		for i := range rotators {
			wg.Go(func() { rotators[i].run(n) })
		}
		interrupt(t, n, round, done, func() {
			if round%4 == 3 {
				wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
			} else {
				n.Kill()
				n.Start()
			}
			wg.Wait()
		})
		low := at
		var most int64
		for i := range rotators {
			if err := rotators[i].err; err != nil {
				t.Fatal(err)
			}
			low += rotators[i].acknowledged.Load()
			most += rotators[i].maybe.Load()
			total += rotators[i].acknowledged.Load()
		}
		at = term(t, n)
		if at < low || at > low+most {
			t.Fatalf("round %d: term %d, acknowledged were %d, %d more may have been made", round, at, low, most)
		}
	}
	if total < int64(rounds) || done["sign"] == 0 || done["rotate"] == 0 {
		t.Errorf("%d rotations of the barrier and %v: the test shows too little", total, done)
	}
	t.Logf("term %d after %d acknowledged rotations and %v", at, total, done)
}

func TestRotateBarrier(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	n.Must("transit/keys/box", object{"type": "aes256-gcm96"})
	signature := n.Must("transit/sign/web", object{"input": "aGk="}).Text("data", "signature")
	box := n.Must("transit/encrypt/box", object{"plaintext": "aGk="}).Text("data", "ciphertext")

	for i, method := range []string{"POST", "PUT"} {
		for j, body := range []any{nil, "{}"} {
			r := wantStatus(t, n.Do(method, "sys/rotate", n.Root(), body), 204)
			if len(r.Body) != 0 {
				t.Errorf("a body: %s", r)
			}
			if got := term(t, n); got != int64(2*i+j+2) {
				t.Errorf("term %d", got)
			}
		}
	}
	check := func() {
		t.Helper()
		if v := n.Must("transit/verify/web", object{"input": "aGk=", "signature": signature}); v.At("data", "valid") != true {
			t.Errorf("an old signature: %s", v)
		}
		if p := n.Must("transit/decrypt/box", object{"ciphertext": box}).Text("data", "plaintext"); p != "aGk=" {
			t.Errorf("an old ciphertext opens to %q", p)
		}
		n.Must("transit/sign/web", object{"input": "aGk="})
		if got := term(t, n); got != 5 {
			t.Errorf("term %d", got)
		}
	}
	check()
	n.Restart()
	n.Unseal()
	check()
	c := n.Client(n.Root())
	if err := c.Sys().RotateBarrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	st, err := c.Sys().BarrierStatus(t.Context())
	if err != nil || st.Term != 6 || time.Since(st.InstallTime) > time.Hour {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestRotationNeedsSudo(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	weak := n.Allow("weak", "sys/rotate*", "create", "read", "update")
	strong := n.Allow("strong", "sys/rotate*", "update", "sudo")
	none := n.NewToken("default")
	wantError(t, n.Post("sys/rotate", weak, nil), 403, "permission_denied")
	wantError(t, n.Post("sys/rotate/config", weak, object{"enabled": false}), 403, "permission_denied")
	wantError(t, n.Get("sys/key-status", none), 403, "permission_denied")
	wantError(t, n.Get("sys/rotate/config", none), 403, "permission_denied")
	wantError(t, n.Post("sys/rotate", "", nil), 403, "invalid_token")
	if got := term(t, n); got != 1 {
		t.Errorf("a refused rotation had an effect: term %d", got)
	}
	if r := wantStatus(t, n.Get("sys/rotate/config", weak), 200); r.At("data", "enabled") != true ||
		number(t, r, "data", "max_operations") != 1<<32 || number(t, r, "data", "interval") != 90*24*3600 {
		t.Errorf("the defaults: %s", r)
	}
	wantStatus(t, n.Post("sys/rotate", strong, nil), 204)
	wantStatus(t, n.Post("sys/rotate/config", strong, object{"interval": "48h", "max_operations": "5000", "unknown": 1}), 204)
	if r := n.Get("sys/rotate/config", weak); number(t, r, "data", "max_operations") != 5000 || number(t, r, "data", "interval") != 48*3600 {
		t.Errorf("as set: %s", r)
	}
	for _, bad := range []object{{"interval": "1h"}, {"interval": -1}, {"max_operations": 999}, {"max_operations": 0}, {"enabled": "perhaps"}} {
		wantError(t, n.Post("sys/rotate/config", strong, bad), 400, "bad_request")
	}
	kinds := map[string]int{}
	for _, r := range records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/rotate" }) {
		kinds[fmt.Sprint(r.Type, " ", r.Outcome, " ", r.Fields["term"])]++
	}
	for _, want := range []string{"intent  2", "outcome ok 2", "request refused "} {
		if kinds[want] != 1 {
			t.Errorf("records of sys/rotate: %v, wanted one %q", kinds, want)
		}
	}
	wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
	for _, path := range []string{"sys/rotate", "sys/rotate/config"} {
		wantError(t, n.Post(path, n.Root(), nil), 503, "sealed")
	}
	wantError(t, n.Get("sys/key-status", n.Root()), 503, "sealed")
	n.Unseal()
}

// The term rotates by itself once it has sealed enough, long before anybody looks
// at the clock.
func TestBarrierRotatesByUse(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	c := n.Client(n.Root())
	if err := c.Sys().ConfigureRotation(t.Context(), wire.RotationRequest{MaxOperations: wire.IntOf(1000)}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for w := range 8 {
		wg.Go(func() {
			for i := range 140 {
				r, err := n.Send("POST", "sys/policies/acl/p", n.Root(), object{"policy": fmt.Sprintf(`path "a/%d-%d" { capabilities = ["read"] }`, w, i)})
				if err == nil && r.Status != 204 {
					err = &refusal{r}
				}
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		t.Fatal(failed)
	}
	eventually(t, "the term rotates", func() bool { return term(t, n) == 2 })
	auto := records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/rotate" })
	if len(auto) != 2 || auto[0].DisplayName != "auto-rotate" || auto[0].Type != audit.TypeIntent || auto[1].Outcome != "ok" {
		t.Errorf("the records of it: %+v", auto)
	}
	n.Restart()
	n.Unseal()
	if got := term(t, n); got != 2 {
		t.Errorf("term %d after a restart", got)
	}
}
