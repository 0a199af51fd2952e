package kms

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

// Whoever may not write must not hold up those who may by queueing for a lock.
func TestWhoMayNotWriteDoesNotWaitForALock(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	token, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"default"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{n.mountUUID() + "/web", "auth/token/roles/ci", "sys/quotas"} {
		unlock, err := n.keyLocks.lock(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, rotate := n.RotateKey(ctx, n.call(token.Reveal(), "POST", "transit/keys/web/rotate"), ref)
	role := n.WriteTokenRole(ctx, n.call(token.Reveal(), "POST", "auth/token/roles/ci"), "ci", TokenRoleChange{})
	quota := n.WriteQuota(ctx, n.call(token.Reveal(), "POST", "sys/quotas/rate-limit/q"), Quota{})
	for what, err := range map[string]error{"rotate": rotate, "role": role, "quota": quota} {
		if !errors.Is(err, ErrPermissionDenied) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// One of those who share a bucket must not shut the others out.
func TestTheSharedBucketIsNeverBlocked(t *testing.T) {
	l := newLimiter(state.Quota{Name: "q", Per: state.QuotaPerSource, Rate: 1, Interval: int64(time.Second), Block: int64(time.Hour)}, 1)
	now := int64(time.Hour)
	own := l.bucket("first", now)
	l.take(own, now)
	shared := l.bucket("second", now)
	if shared == own || shared != &l.rest {
		t.Fatal("the table is not full")
	}
	l.take(shared, now)
	if wait := l.over(shared, now); wait > int64(time.Second) {
		t.Errorf("the shared bucket waits %s", time.Duration(wait))
	}
	if wait := l.over(own, now); wait != int64(time.Hour) {
		t.Errorf("a bucket of its own waits %s", time.Duration(wait))
	}
}

// What nobody waited for goes from memory all the same.
func TestClearVersionsOfAGoneKeyDoNotStay(t *testing.T) {
	n := newNode(t)
	ref := n.deletable("web")
	if _, err := n.sign(ref); err != nil {
		t.Fatal(err)
	}
	cached := func() (count int) {
		n.keys.Keep(func(_, name string, _ uint32) bool {
			if name == "web" {
				count++
			}
			return true
		})
		return count
	}
	if cached() != 1 {
		t.Fatalf("%d cached", cached())
	}
	n.forgetGone()
	if cached() != 1 {
		t.Fatal("a key in use was forgotten")
	}
	// The command alone, as when its outcome was not known to who sent it.
	if _, err := n.propose(t.Context(), newProposal(), &state.DeleteKey{Mount: n.mountUUID(), Name: "web", Grace: int64(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if n.forgetGone(); cached() != 0 {
		t.Error("the clear version of a deleted key stays")
	}
}
