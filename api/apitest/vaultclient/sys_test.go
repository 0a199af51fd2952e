package vaultclient

import (
	"net/http"
	"strings"
	"testing"
)

// A node from nothing to unsealed and back, as an operator's program does it.
func TestInitUnsealSeal(t *testing.T) {
	t.Parallel()
	c := newClientOf(t, newDaemon(t, "--config", configured(t)), "")
	if must[bool](t)(c.Sys().InitStatus()) {
		t.Fatal("a new node says that it is initialized")
	}
	health, err := c.Sys().Health()
	wantNil(t, err)
	if health.Initialized || !health.Sealed {
		t.Errorf("health of a new node: %+v", health)
	}
	made, err := c.Sys().Init(&initRequest{SecretShares: 3, SecretThreshold: 2})
	wantNil(t, err)
	if len(made.Keys) != 3 || len(made.KeysB64) != 3 || made.RootToken == "" {
		t.Fatalf("init gave %d shares", len(made.Keys))
	}
	if _, err := c.Sys().Init(&initRequest{SecretShares: 1, SecretThreshold: 1}); err == nil {
		t.Error("a second init is taken")
	}
	c.SetToken(made.RootToken)
	if health, err = c.Sys().Health(); err != nil || !health.Initialized || !health.Sealed {
		t.Errorf("health of a sealed node: %+v, %v", health, err)
	}
	if _, err := c.Logical().List("transit/keys"); err == nil {
		t.Error("a sealed node lists keys")
	} else {
		wantStatus(t, err, http.StatusServiceUnavailable, "sealed")
	}
	wantProgress(t, c, made.Keys[0], true, 1)
	s, err := c.Sys().ResetUnsealProcess()
	wantNil(t, err)
	if s.Progress != 0 {
		t.Errorf("progress %d after a reset", s.Progress)
	}
	wantProgress(t, c, made.KeysB64[2], true, 1) // either spelling
	wantProgress(t, c, made.Keys[0], false, 0)
	wantServing(t, c)
	wantNil(t, c.Sys().Seal())
	if s, err = c.Sys().SealStatus(); err != nil || !s.Sealed || s.T != 2 || s.N != 3 || s.Type != "shamir" {
		t.Errorf("seal status: %+v, %v", s, err)
	}
}

func wantProgress(t *testing.T, c *client, share string, sealed bool, progress int) {
	t.Helper()
	s, err := c.Sys().Unseal(share)
	wantNil(t, err)
	if s.Sealed != sealed || s.Progress != progress {
		t.Errorf("after a share: sealed %v, progress %d; want %v, %d", s.Sealed, s.Progress, sealed, progress)
	}
}

// wantServing looks at an unsealed node from all sides.
func wantServing(t *testing.T, c *client) {
	t.Helper()
	health, err := c.Sys().Health()
	wantNil(t, err)
	if !health.Initialized || health.Sealed || health.Standby || health.Version == "" || health.ClusterID == "" || health.ServerTimeUTC == 0 {
		t.Errorf("health: %+v", health)
	}
	leader, err := c.Sys().Leader()
	wantNil(t, err)
	if !leader.IsSelf {
		t.Errorf("leader: %+v", leader)
	}
	mounts, err := c.Sys().ListMounts()
	wantNil(t, err)
	if m := mounts["transit/"]; m == nil || m.Type != "transit" || m.UUID == "" || m.Accessor == "" {
		t.Errorf("mounts: %+v", mounts)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	c := dev(t)
	const text = "path \"transit/sign/*\" {\n  capabilities = [\"update\"]\n}\n"
	wantNil(t, c.Sys().PutPolicy("signer", text))
	if got := must[string](t)(c.Sys().GetPolicy("signer")); got != text {
		t.Errorf("the policy reads %q", got)
	}
	same(t, "the policies", must[[]string](t)(c.Sys().ListPolicies()), []string{"default", "root", "signer"})
	made, err := c.Auth().Token().Create(&tokenRequest{Policies: []string{"signer"}})
	wantNil(t, err)
	caller := with(t, c, made.Auth.ClientToken)
	same(t, "the caller's capabilities", must[[]string](t)(caller.Sys().CapabilitiesSelf("transit/sign/web")), []string{"update"})
	same(t, "its capabilities elsewhere", must[[]string](t)(caller.Sys().CapabilitiesSelf("transit/keys/web")), []string{"deny"})
	same(t, "root's capabilities", must[[]string](t)(c.Sys().CapabilitiesSelf("transit/keys/web")), []string{"root"})
	denied(t, caller.Sys().PutPolicy("mine", text))
	if err := c.Sys().PutPolicy("broken", "path {"); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a policy that does not parse: %v", err)
	}
	wantNil(t, c.Sys().DeletePolicy("signer"))
	if got := must[string](t)(c.Sys().GetPolicy("signer")); got != "" {
		t.Errorf("a deleted policy reads %q", got)
	}
}

// What is not here says so: a secret in the wrong place, or one that was to be
// wrapped and is not, is worse than an error.
func TestNamespacesAndWrappingAreRefused(t *testing.T) {
	t.Parallel()
	c := dev(t)
	scoped := with(t, c, devToken)
	scoped.SetNamespace("team")
	_, err := scoped.Logical().Write("transit/keys/web", nil)
	wantStatus(t, err, http.StatusBadRequest, "namespaces")
	_, err = scoped.Auth().Token().LookupSelf()
	wantStatus(t, err, http.StatusBadRequest, "namespaces")
	scoped.SetNamespace("root")
	if _, err = scoped.Auth().Token().LookupSelf(); err != nil {
		t.Errorf("the root namespace: %v", err)
	}

	wrapping := with(t, c, devToken)
	wrapping.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	_, err = wrapping.Auth().Token().Create(&tokenRequest{})
	wantStatus(t, err, http.StatusBadRequest, "wrapping")
	if s, err := c.Logical().Read("transit/keys/web"); err != nil || s != nil {
		t.Errorf("the key was made all the same: %v, %v", s, err)
	}
	_, err = c.Logical().Unwrap("a-wrapping-token")
	if err == nil {
		t.Error("a token is unwrapped")
	}
}
