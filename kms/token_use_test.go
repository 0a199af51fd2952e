package kms

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func (n *node) begin(method, path, remote string) *Call {
	n.t.Helper()
	c, err := n.Begin(Origin{RequestID: newUUID(), Method: method, Path: path, Remote: remote})
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// N requests at once on a token of n uses: n succeed, all of them with what they
// came for, the last one too.
func TestAsManyRequestsAsUses(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/signer"), "signer", `path "transit/sign/web" { capabilities = ["update"] }`); err != nil {
		t.Fatal(err)
	}
	for _, uses := range []int64{1, 7} {
		text, info := n.token(TokenRequest{Policies: []string{"signer"}, Uses: uses})
		if info.Uses != uses {
			t.Fatalf("%+v", info)
		}
		var signed, refused atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 64 {
			wg.Go(func() {
				<-start
				c, err := n.Begin(Origin{RequestID: newUUID(), Method: "POST", Path: "transit/sign/web", Remote: "127.0.0.1"})
				if err == nil {
					err = n.Authenticate(c, text)
				}
				if errors.Is(err, ErrInvalidToken) {
					refused.Add(1)
					return
				}
				if err == nil {
					_, err = n.Sign(c, ref, SignOptions{}, []Item{{Input: field("hello")}}, false)
				}
				if err != nil {
					t.Error(err)
					return
				}
				signed.Add(1)
			})
		}
		close(start)
		wg.Wait()
		if signed.Load() != uses || refused.Load() != 64-uses {
			t.Errorf("%d uses: %d signed, %d were refused", uses, signed.Load(), refused.Load())
		}
		if n.view.Load().TokenByAccessor(info.Accessor) != nil {
			t.Error("a token without uses is still there")
		}
	}
}

// Every use has an intent before and an outcome after, and is spent whether the
// request is allowed or not.
func TestAUseIsRecordedAndSpentOnWhateverIsAsked(t *testing.T) {
	n := newNode(t)
	text, info := n.token(TokenRequest{Policies: []string{"default"}, Uses: 3})
	c := n.call(text, "GET", "sys/mounts")
	if _, err := n.ListAccessors(c); !errors.Is(err, ErrPermissionDenied) {
		t.Fatal(err)
	}
	c = n.call(text, "POST", "auth/token/create")
	c.Caller.Root = true // as far as policy goes it might
	if _, _, err := n.CreateToken(t.Context(), c, TokenRequest{Policies: []string{"default"}}); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "restricted use token") {
		t.Errorf("a token with counted uses made another: %v", err)
	}
	c = n.call(text, "GET", "auth/token/lookup-self")
	looked, err := n.LookupToken(c, TokenRef{Self: true})
	if err != nil || looked.Uses != -1 {
		t.Errorf("the last use: %+v, %v", looked, err)
	}
	if n.authenticates(text) {
		t.Error("a fourth use of three")
	}
	var seen []string
	for line := range bytes.Lines(n.auditLog()) {
		var rec struct {
			Type, Operation, Outcome, Accessor, Proposal string
			Fields                                       map[string]string
		}
		if err := json.Unmarshal(line, &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Operation == "auth/token/use" && rec.Accessor == info.Accessor {
			if rec.Proposal == "" {
				t.Error("a record of a use without the proposal's id")
			}
			seen = append(seen, rec.Type+rec.Outcome+rec.Fields["uses_left"])
		}
	}
	if got := strings.Join(seen, " "); got != "intent outcomeok2 intent outcomeok1 intent outcomeok0" {
		t.Errorf("records: %s", got)
	}
}

// With its last use a token is gone, and what it may do with itself says so.
func TestTheLastUseOnItself(t *testing.T) {
	n := newNode(t)
	once := func(path string) *Call {
		text, _ := n.token(TokenRequest{Policies: []string{"default"}, Uses: 1})
		c := n.call(text, "POST", path)
		// A limit of uses must not read as none anywhere after the last is spent.
		if !c.counted || !c.spent() {
			t.Fatal("the call does not know that its token is spent")
		}
		return c
	}
	if err := n.RevokeToken(t.Context(), once("auth/token/revoke-self"), TokenRef{Self: true}, false); err != nil {
		t.Errorf("revoke: %v", err)
	}
	if _, err := n.RenewToken(t.Context(), once("auth/token/renew-self"), TokenRef{Self: true}, time.Hour); !errors.Is(err, ErrTokenNotRenewable) {
		t.Errorf("renew: %v", err)
	}
	c := once("auth/token/create")
	c.Caller.Root = true
	if _, _, err := n.CreateToken(t.Context(), c, TokenRequest{Policies: []string{"default"}}); !errors.Is(err, ErrBadRequest) {
		t.Errorf("create: %v", err)
	}
}

// What is not known to be spent is not served, and what was spent stays spent.
func TestAUseWhoseOutcomeIsUnknownServesNothing(t *testing.T) {
	n := newNode(t)
	text, info := n.token(TokenRequest{Policies: []string{"default"}, Uses: 2})
	c := n.begin("GET", "auth/token/lookup-self", "127.0.0.1")
	opened, err := n.machine.seal() // the machine alone: the use is under way
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Authenticate(c, text); !errors.Is(err, ErrOutcomeUnknown) || c.token != nil {
		t.Fatalf("got %v", err)
	}
	if err := n.machine.unseal(opened); err != nil {
		t.Fatal(err)
	}
	if left := n.view.Load().TokenByAccessor(info.Accessor).Uses; left != 1 {
		t.Fatalf("%d uses left: the unknown one was not applied", left)
	}
	if err := n.store.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.restart()
	if !n.authenticates(text) || n.authenticates(text) {
		t.Error("after a restart there is not one use left")
	}
}

func TestNoUseWithoutItsRecord(t *testing.T) {
	n := newNode(t)
	text, info := n.token(TokenRequest{Policies: []string{"default"}, Uses: 2})
	c := n.begin("GET", "auth/token/lookup-self", "127.0.0.1")
	log := filepath.Join(n.dir, "audit", "audit.log")
	if err := os.Rename(log, log+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := n.Authenticate(c, text); !errors.Is(err, ErrAuditUnavailable) {
		t.Fatalf("got %v", err)
	}
	if err := os.Rename(log+".gone", log); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); n.audit.Err() != nil && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	if left := n.view.Load().TokenByAccessor(info.Accessor).Uses; left != 2 {
		t.Fatalf("%d uses left of 2", left)
	}
}

// A token is refused from where it may not be used, like any bad token, and the
// record says whose it was.
func TestTokensAreBoundToAddresses(t *testing.T) {
	n := newNode(t)
	err := n.WriteTokenRole(t.Context(), n.rootCall("auth/token/roles/near"), "near", TokenRoleChange{
		Allowed: []string{"default"}, BoundCIDRs: []string{"10.1.2.3/8", "192.0.2.7", "2001:db8::/32"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, info, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create/near"), TokenRequest{Role: "near"})
	if err != nil || strings.Join(info.BoundCIDRs, " ") != "10.0.0.0/8 192.0.2.7 2001:db8::/32" {
		t.Fatalf("%q, %v", info.BoundCIDRs, err)
	}
	for remote, good := range map[string]bool{
		"10.255.0.1": true, "192.0.2.7": true, "2001:db8::1": true, "2001:db8::1%eth0": true, "::ffff:10.0.0.1": true,
		"11.0.0.1": false, "192.0.2.8": false, "2001:db9::1": false, "127.0.0.1": false, "": false, "10.0.0.1:99": false, "::a00:1": false,
	} {
		if err := n.Authenticate(n.begin("GET", "auth/token/lookup-self", remote), tok.Reveal()); (err == nil) != good || !good && !errors.Is(err, ErrInvalidToken) {
			t.Errorf("from %q: %v", remote, err)
		}
	}
	c := n.begin("POST", "auth/token/create-orphan", "10.0.0.1")
	if err := n.Authenticate(c, tok.Reveal()); err != nil {
		t.Fatal(err)
	}
	c.Caller.Root = true
	// Otherwise whoever holds it for a moment inside makes one for outside.
	if _, child, err := n.CreateToken(t.Context(), c, TokenRequest{Policies: []string{"default"}, Orphan: true, OrphanPath: true}); err != nil || len(child.BoundCIDRs) != 3 {
		t.Errorf("a child without its parent's bounds: %+v, %v", child, err)
	}
	refused := n.begin("GET", "auth/token/lookup-self", "11.0.0.1")
	if err := n.Authenticate(refused, tok.Reveal()); err == nil {
		t.Fatal("accepted")
	}
	n.Reject(refused.Origin, refused, ErrInvalidToken)
	said := func() bool {
		for line := range bytes.Lines(n.auditLog()) {
			if bytes.Contains(line, []byte(`"code":"invalid_token"`)) && bytes.Contains(line, []byte(`"accessor":"`+info.Accessor+`"`)) {
				return true
			}
		}
		return false
	}
	for deadline := time.Now().Add(10 * time.Second); !said(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the record of the refusal does not say whose token it was")
		}
	}
}

// A request over a rate limit is to come again, so it spends no use, and it counts
// once, though it is asked about before the use and after.
func TestARateLimitSpendsNoUse(t *testing.T) {
	n := newNode(t)
	n.wantQuota(Quota{Name: "slow", PerToken: true, Path: "auth/token/lookup-self", Rate: 2, Interval: time.Hour})
	text, info := n.token(TokenRequest{Policies: []string{"default"}, Uses: 5})
	for i := range 4 {
		c := n.begin("GET", "auth/token/lookup-self", "127.0.0.1")
		err := n.Authenticate(c, text)
		if err == nil {
			err = n.LimitToken(c)
		}
		if (err == nil) != (i < 2) || err != nil && !errors.Is(err, ErrRateLimited) {
			t.Fatalf("request %d: %v", i+1, err)
		}
	}
	if left := n.view.Load().TokenByAccessor(info.Accessor).Uses; left != 3 {
		t.Errorf("%d uses left of 5 after two requests", left)
	}
}

// What has expired by this node's clock, and is there still, is revoked all the same:
// the clock of another node may be behind this one's.
func TestAnExpiredTokenIsRevoked(t *testing.T) {
	n := newNode(t)
	second := time.Second
	token, info, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{TTL: second})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(second + 100*time.Millisecond)
	if n.view.Load().TokenByAccessor(info.Accessor) == nil {
		t.Fatal("it is gone: nothing is shown")
	}
	if err := n.RevokeToken(t.Context(), n.rootCall("auth/token/revoke"), TokenRef{Token: token}, false); err != nil {
		t.Fatal(err)
	}
	if n.view.Load().TokenByAccessor(info.Accessor) != nil {
		t.Error("it is there still")
	}
}
