package vaultclient

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	c := dev(t)
	tokens := c.Auth().Token()
	made, err := tokens.Create(&tokenRequest{
		Policies: []string{"default"}, TTL: "1h", DisplayName: "web", Metadata: map[string]string{"of": "tests"},
	})
	wantNil(t, err)
	if made.Auth == nil || made.Auth.ClientToken == "" || made.Auth.Accessor == "" || !made.Auth.Renewable || !about(made, 3600) {
		t.Fatalf("create: %+v", made.Auth)
	}
	token, accessor := made.Auth.ClientToken, made.Auth.Accessor
	own := with(t, c, token)
	for what, look := range map[string]func() (*secret, error){
		"lookup-self":     own.Auth().Token().LookupSelf,
		"lookup":          func() (*secret, error) { return tokens.Lookup(token) },
		"lookup-accessor": func() (*secret, error) { return tokens.LookupAccessor(accessor) },
	} {
		s, err := look()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		ttl, err := s.TokenTTL()
		if err != nil || ttl <= 59*time.Minute || ttl > time.Hour {
			t.Errorf("%s: ttl %s, %v", what, ttl, err)
		}
		renewable, err := s.TokenIsRenewable()
		if a, err2 := s.TokenAccessor(); err != nil || err2 != nil || !renewable || a != accessor {
			t.Errorf("%s: renewable %v, accessor %q (%v, %v)", what, renewable, a, err, err2)
		}
		policies, err := s.TokenPolicies()
		wantNil(t, err)
		same(t, "the token's policies", policies, []string{"default"})
		if meta, _ := s.Data["meta"].(object); meta["of"] != "tests" {
			t.Errorf("%s: meta %v", what, s.Data["meta"])
		}
	}
	renewals(t, c, own, token, accessor)
	wantNil(t, tokens.RevokeAccessor(accessor))
	_, err = own.Auth().Token().LookupSelf()
	denied(t, err)
	_, err = tokens.LookupAccessor(accessor)
	if err == nil {
		t.Error("a revoked token has an accessor")
	}
}

// renewals renew in each way, and take what was asked for.
func renewals(t *testing.T, c, own *client, token, accessor string) {
	t.Helper()
	tokens := c.Auth().Token()
	for what, renew := range map[string]func() (*secret, error){
		"renew-self":     func() (*secret, error) { return own.Auth().Token().RenewSelf(7200) },
		"renew":          func() (*secret, error) { return tokens.Renew(token, 7200) },
		"renew-accessor": func() (*secret, error) { return tokens.RenewAccessor(accessor, 7200) },
		"as self":        func() (*secret, error) { return tokens.RenewTokenAsSelf(token, 7200) },
	} {
		s, err := renew()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if s.Auth == nil || !about(s, 7200) || !s.Auth.Renewable {
			t.Errorf("%s: %+v", what, s.Auth)
		}
	}
}

// about says whether a lease is as long as was asked for: what remained of it when
// the server answered, which on a busy machine is some seconds less.
func about(s *secret, seconds int) bool {
	return s.Auth.LeaseDuration > seconds*2/3 && s.Auth.LeaseDuration <= seconds
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	c := dev(t)
	create := func(by *client, orphan bool) *client {
		t.Helper()
		f := by.Auth().Token().Create
		if orphan {
			f = by.Auth().Token().CreateOrphan
		}
		s, err := f(&tokenRequest{Policies: []string{"maker"}})
		wantNil(t, err)
		return with(t, c, s.Auth.ClientToken)
	}
	alive := func(who *client) bool {
		_, err := who.Auth().Token().LookupSelf()
		if err != nil {
			denied(t, err)
		}
		return err == nil
	}
	wantNil(t, c.Sys().PutPolicy("maker", "path \"auth/token/create\" {\n  capabilities = [\"update\"]\n}\npath \"auth/token/create-orphan\" {\n  capabilities = [\"update\", \"sudo\"]\n}\n"))
	parent := create(c, false)
	child, orphan := create(parent, false), create(parent, true)
	wantNil(t, c.Auth().Token().RevokeTree(parent.Token()))
	if alive(parent) || alive(child) || !alive(orphan) {
		t.Errorf("after the tree: parent %v, child %v, orphan %v", alive(parent), alive(child), alive(orphan))
	}
	parent = create(c, false)
	child = create(parent, false)
	wantNil(t, c.Auth().Token().RevokeOrphan(parent.Token()))
	if alive(parent) || !alive(child) {
		t.Errorf("after revoke-orphan: parent %v, child %v", alive(parent), alive(child))
	}
	wantNil(t, child.Auth().Token().RevokeSelf(""))
	if alive(child) {
		t.Error("a token outlives its revocation of itself")
	}
}

// A watcher renews a token for as long as that is possible: the first time at once,
// then each time when two thirds of the lease are over. When the token is gone it
// ends by itself.
func TestTheWatcherRenewsUntilTheTokenIsGone(t *testing.T) {
	t.Parallel()
	c := dev(t)
	made, err := c.Auth().Token().Create(&tokenRequest{Policies: []string{"default"}, TTL: "9s"})
	wantNil(t, err)
	if !about(made, 9) {
		t.Errorf("the lease is %d seconds, want 9", made.Auth.LeaseDuration)
	}
	w := watch(t, c, &watcherInput{Secret: made, RenewBehavior: ignoreErrors})
	for i := range 3 {
		if s := renewed(t, w); !about(s, 9) || s.Auth.ClientToken != made.Auth.ClientToken || !s.Auth.Renewable {
			t.Errorf("renewal %d: %+v", i+1, s.Auth)
		}
	}
	read, err := c.Auth().Token().Lookup(made.Auth.ClientToken)
	wantNil(t, err)
	if read.Data["creation_ttl"] != json.Number("9") {
		t.Errorf("a renewal changed creation_ttl to %v", read.Data["creation_ttl"])
	}
	wantNil(t, c.Auth().Token().RevokeTree(made.Auth.ClientToken))
	// The watcher takes these two words for the end. On any other error it asks
	// again, without a pause, until the lease is over.
	_, err = with(t, c, made.Auth.ClientToken).Auth().Token().RenewSelf(0)
	denied(t, err)
	if err := done(t, w); err != nil {
		t.Errorf("the watcher of a revoked token ends with %v", err)
	}
}

// A token that may not be renewed is watched until it is about to expire; a watcher
// that is to complain does so at once.
func TestTheWatcherOfATokenThatIsNotRenewable(t *testing.T) {
	t.Parallel()
	c := dev(t)
	no := false
	made, err := c.Auth().Token().Create(&tokenRequest{Policies: []string{"default"}, TTL: "3s", Renewable: &no})
	wantNil(t, err)
	if made.Auth.Renewable {
		t.Error("the token is renewable")
	}
	if err := done(t, watch(t, c, &watcherInput{Secret: made, RenewBehavior: errorOnErrors})); err == nil {
		t.Error("the watcher does not complain")
	}
	if err := done(t, watch(t, c, &watcherInput{Secret: made, RenewBehavior: ignoreErrors})); err != nil {
		t.Errorf("the watcher ends with %v", err)
	}
	_, err = with(t, c, made.Auth.ClientToken).Auth().Token().RenewSelf(60)
	if err == nil {
		t.Error("it is renewed all the same")
	}
}

// watch starts a watcher that ends with the test.
func watch(t *testing.T, c *client, in *watcherInput) *watcher {
	t.Helper()
	w, err := c.NewLifetimeWatcher(in)
	wantNil(t, err)
	go w.Start()
	t.Cleanup(w.Stop)
	return w
}

func renewed(t *testing.T, w *watcher) *secret {
	t.Helper()
	select {
	case r := <-w.RenewCh():
		return r.Secret
	case err := <-w.DoneCh():
		t.Fatalf("the watcher ended with %v", err)
	case <-time.After(patience):
		t.Fatal("the watcher renews nothing")
	}
	return nil
}

// done waits for the end of a watcher.
func done(t *testing.T, w *watcher) error {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case <-w.RenewCh():
		case err := <-w.DoneCh():
			return err
		case <-deadline:
			t.Fatal("the watcher does not end")
		}
	}
}
