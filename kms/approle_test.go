package kms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

const roleAt = "auth/approle/role/"

func (n *node) application(name string, change ApplicationChange) {
	n.t.Helper()
	if err := n.WriteApplication(n.t.Context(), n.rootCall("identity/applications/"+name), name, change); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) writeRole(name string, change AppRoleChange) error {
	return n.WriteAppRole(n.t.Context(), n.rootCall(roleAt+name), name, change)
}

// role makes a role and returns its role id.
func (n *node) role(name string, change AppRoleChange) string {
	n.t.Helper()
	if err := n.writeRole(name, change); err != nil {
		n.t.Fatal(err)
	}
	return n.view.Load().AppRole(name).RoleID
}

func (n *node) secretID(role string, req SecretIDRequest) (string, SecretIDInfo) {
	n.t.Helper()
	text, info, err := n.CreateSecretID(n.t.Context(), n.rootCall(roleAt+role+"/secret-id"), role, req)
	if err != nil {
		n.t.Fatal(err)
	}
	return text.Reveal(), info
}

// stranger is a request without a token.
func (n *node) stranger(remote string) *Call {
	n.t.Helper()
	c, err := n.Begin(Origin{RequestID: newUUID(), Method: "POST", Path: loginPath, Remote: remote})
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

func (n *node) login(roleID, secretID string) (string, TokenInfo, error) {
	n.t.Helper()
	token, info, err := n.LoginAppRole(n.t.Context(), n.stranger("127.0.0.1"), roleID, secretID)
	return token.Reveal(), info, err
}

func (n *node) block(name string, blocked bool) {
	n.t.Helper()
	var err error
	if path := "identity/applications/" + name; blocked {
		err = n.BlockApplication(n.t.Context(), n.rootCall(path+"/block"), name, "a test")
	} else {
		err = n.UnblockApplication(n.t.Context(), n.rootCall(path+"/unblock"), name)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func TestLoginGivesWhatRoleAndApplicationSay(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{Policies: []string{"App", "both"}})
	id := n.role("role", AppRoleChange{
		Application: ptr("web"), Policies: []string{"role", "BOTH"}, TTL: ptr(time.Hour), MaxTTL: ptr(2 * time.Hour), Uses: ptr(int64(7)),
		TokenCIDRs: []string{"127.0.0.0/8"}, ExplicitMax: ptr(3 * time.Hour),
	})
	secret, _ := n.secretID("role", SecretIDRequest{Metadata: map[string]string{"k": "v", "role_name": "another"}, TokenCIDRs: []string{"127.0.0.1"}})
	if n.view.Load().Application("web").State() != state.ApplicationRegistered {
		t.Fatal("active before a login")
	}
	token, info, err := n.login(" "+id+"\n", secret+"\n") // as Vault, which trims what files end with
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(info.Policies) != "[app both default role]" || info.Application != "web" || info.Path != "auth/approle/login" || info.DisplayName != "approle" ||
		fmt.Sprint(info.Meta) != "map[k:v role_name:role]" || !info.Orphan || !info.Renewable || info.Left != time.Hour || info.Uses != 7 ||
		fmt.Sprint(info.BoundCIDRs) != "[127.0.0.1]" || info.ExplicitMax != 3*time.Hour {
		t.Errorf("%+v", info)
	}
	if n.view.Load().Application("web").State() != state.ApplicationActive {
		t.Error("not active after a login")
	}
	if c := n.call(token, "GET", "x"); c.Caller.Application != "web" || c.Caller.Accessor != info.Accessor {
		t.Errorf("%+v", c.Caller)
	}
	n.restart()
	if c := n.call(token, "GET", "x"); c.Caller.Application != "web" {
		t.Error("the application is lost at a restart")
	}
	_ = n.role("bare", AppRoleChange{NoDefault: ptr(true), BindSecretID: ptr(false), SecretCIDRs: []string{"127.0.0.1"}})
	_, info, err = n.login(n.view.Load().AppRole("bare").RoleID, "")
	if err != nil || len(info.Policies) != 0 || info.Application != "" || info.Left != DefaultTTL {
		t.Errorf("%+v, %v", info, err)
	}
}

// Every cause has the same words and the same code, and none leaves a trace in the
// state: attack 52, and 18 for what is cut short.
func TestRefusedLoginsLookTheSame(t *testing.T) {
	n := newNode(t)
	id := n.role("role", AppRoleChange{})
	other := n.role("other", AppRoleChange{})
	away := n.role("away", AppRoleChange{SecretCIDRs: []string{"192.0.2.0/24"}})
	open := n.role("open", AppRoleChange{BindSecretID: ptr(false), SecretCIDRs: []string{"192.0.2.0/24"}})
	narrowed := n.role("narrowed", AppRoleChange{})
	secret, _ := n.secretID("role", SecretIDRequest{})
	custom := SecretIDFrom("0123456789abcdef")
	n.secretID("role", SecretIDRequest{Custom: &custom})
	awaySecret, _ := n.secretID("away", SecretIDRequest{})
	bound, _ := n.secretID("role", SecretIDRequest{CIDRs: []string{"192.0.2.1"}})
	spent, _ := n.secretID("role", SecretIDRequest{Uses: ptr(int64(1))})
	destroyed, info := n.secretID("role", SecretIDRequest{})
	wide, _ := n.secretID("narrowed", SecretIDRequest{TokenCIDRs: []string{"192.0.2.0/24"}})
	_ = n.role("narrowed", AppRoleChange{TokenCIDRs: []string{"192.0.2.1"}})
	if _, _, err := n.login(id, spent); err != nil {
		t.Fatal(err)
	}
	if err := n.DestroySecretID(t.Context(), n.rootCall(roleAt+"role/secret-id-accessor/destroy"), "role", SecretIDRef{Accessor: info.Accessor}); err != nil {
		t.Fatal(err)
	}
	flipped := []byte(secret)
	flipped[len(flipped)-3] ^= 1
	for what, c := range map[string]struct{ id, secret, cause string }{
		"nothing": {"", "", "role_id"}, "no secret id": {id, "", "secret_id"}, "no role id": {"", secret, "role_id"},
		"role id that nobody has": {newUUID(), secret, "role_id"}, "secret id that nobody has": {id, newSecretID(n.view.Load().Cluster.TokenKey).Reveal(), "secret_id"},
		"role id in upper case": {strings.ToUpper(id), secret, "role_id"}, "role id cut short": {id[:len(id)-1], secret, "role_id"}, "role's name": {"role", secret, "role_id"},
		"secret id cut short": {id, secret[:len(secret)-1], "secret_id"}, "secret id with more": {id, secret + "A", "secret_id"}, "secret id in upper case": {id, strings.ToUpper(secret), "secret_id"},
		"space inside": {id, secret[:9] + " " + secret[9:], "secret_id"}, "zero byte": {id, secret + "\x00", "secret_id"}, "forged": {id, string(flipped), "secret_id"},
		"custom cut short": {id, "0123456789abcde", "secret_id"}, "custom under another role": {other, "0123456789abcdef", "secret_id"},
		"another role's": {other, secret, "secret_id"}, "role's address": {away, awaySecret, "address"}, "secret id's address": {id, bound, "address"},
		"address without secret id": {open, "", "address"}, "spent": {id, spent, "secret_id"}, "destroyed": {id, destroyed, "secret_id"},
		"a token": {id, n.root, "secret_id"}, "swapped": {secret, id, "role_id"}, "endless": {id, strings.Repeat("x", 1<<20), "form"}, "endless role id": {strings.Repeat("x", 1<<20), secret, "form"},
		"wider than its role is now": {narrowed, wide, "token_bound_cidrs"},
	} {
		before := n.view.Load().Index
		c1, c2 := n.stranger("127.0.0.1"), n.stranger("127.0.0.1")
		token, _, err := n.LoginAppRole(t.Context(), c1, c.id, c.secret)
		if !errors.Is(err, ErrInvalidCredentials) || err.Error() != "invalid role or secret ID" || token.Reveal() != "" {
			t.Errorf("%s: %v", what, err)
		}
		if c1.refused["cause"] != c.cause {
			t.Errorf("%s: recorded as %v, want %s", what, c1.refused, c.cause)
		}
		if err := n.AuthenticateApplication(t.Context(), c2, c.id, c.secret); !errors.Is(err, ErrInvalidCredentials) || err.Error() != "invalid role or secret ID" || c2.Caller.Policies != nil {
			t.Errorf("%s, Basic: %v", what, err)
		}
		if n.view.Load().Index != before {
			t.Errorf("%s: something was written", what)
		}
	}
	for _, good := range []string{secret, "0123456789abcdef"} {
		if _, _, err := n.login(id, good); err != nil {
			t.Error(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	log := string(n.auditLog())
	if !strings.Contains(log, `"cause":"`) {
		t.Error("no cause is in the log")
	}
	for _, s := range []string{secret, spent, bound, wide, "0123456789abcdef", secret[4:30]} {
		if strings.Contains(log, s) {
			t.Error("a secret id is in the log")
		}
	}
	n.open()
}

// An unknown role id costs the same steps as a known one: nothing is looked up by
// how far a stranger got.
func TestAnUnknownRoleIDIsAsMuchWork(t *testing.T) {
	n := newNode(t)
	id := n.role("role", AppRoleChange{})
	secret := newSecretID(n.view.Load().Cluster.TokenKey).Reveal()
	steps := func(id string) float64 {
		c := n.stranger("127.0.0.1")
		return testing.AllocsPerRun(20, func() { c.refused = nil; c.credentials(id, secret) })
	}
	// The record of a known role has its name, in a map.
	if known, unknown := steps(id), steps(newUUID()); known-unknown > 4 {
		t.Errorf("%v allocations for a role id that exists, %v for one that does not", known, unknown)
	}
}

func TestNUsesAreNLogins(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{})
	id := n.role("role", AppRoleChange{Application: ptr("web"), SecretUses: ptr(int64(5))})
	secret, info := n.secretID("role", SecretIDRequest{})
	if info.Uses != 5 {
		t.Fatalf("%+v", info)
	}
	var logins, refused atomic.Int64
	var tokens sync.Map
	var all sync.WaitGroup
	for i := range 64 {
		c := n.stranger("127.0.0.1")
		all.Go(func() {
			var err error
			if i%4 == 0 {
				err = n.AuthenticateApplication(context.Background(), c, id, secret)
			} else {
				var token Token
				if token, _, err = n.LoginAppRole(context.Background(), c, id, secret); err == nil {
					tokens.Store(token.Reveal(), true)
				}
			}
			switch {
			case err == nil:
				logins.Add(1)
			case errors.Is(err, ErrInvalidCredentials) && err.Error() == "invalid role or secret ID":
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if logins.Load() != 5 || refused.Load() != 59 {
		t.Errorf("%d were let in and %d refused", logins.Load(), refused.Load())
	}
	tokens.Range(func(token, _ any) bool {
		n.call(token.(string), "GET", "x")
		return true
	})
	if n.view.Load().SecretIDByAccessor("role", info.Accessor) != nil {
		t.Error("a spent secret id is still there")
	}
}

// A login that looked at its role before somebody narrowed it gives nothing, spends
// nothing, and says that it may be tried again.
func TestALoginWhileItsRoleIsNarrowed(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{Policies: []string{"app"}})
	id := n.role("role", AppRoleChange{Application: ptr("web"), Policies: []string{"a", "b"}, SecretUses: ptr(int64(2))})
	secret, info := n.secretID("role", SecretIDRequest{})
	for name, narrow := range map[string]func(){
		"policies":  func() { n.role("role", AppRoleChange{Policies: []string{"a"}}) },
		"addresses": func() { n.role("role", AppRoleChange{TokenCIDRs: []string{"127.0.0.0/8"}}) },
		"lifetime":  func() { n.role("role", AppRoleChange{TTL: ptr(time.Minute)}) },
		"application": func() {
			n.application("web", ApplicationChange{Policies: []string{}})
		},
	} {
		early := n.stranger("127.0.0.1")
		narrow()
		_, _, tokens, _ := n.view.Load().Counts()
		_, _, err := n.LoginAppRole(t.Context(), early, id, secret)
		if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "log in again") {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, now, _ := n.view.Load().Counts(); now != tokens || n.view.Load().SecretIDByAccessor("role", info.Accessor).Uses != 2 {
			t.Errorf("%s: a login that was refused did something", name)
		}
	}
	if _, got, err := n.login(id, secret); err != nil || !slices.Equal(got.Policies, []string{"a", "default"}) {
		t.Errorf("logged in again: %+v, %v", got, err)
	}
}

// A login whose outcome is not known gives nothing, and whether it spent a use is
// not guessed: the log says unknown.
func TestALoginThatWasNotRecordedDoesNothing(t *testing.T) {
	n := newNode(t)
	id := n.role("role", AppRoleChange{})
	secret, _ := n.secretID("role", SecretIDRequest{Uses: ptr(int64(2))})
	c := n.stranger("127.0.0.1")
	if err := n.audit.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.LoginAppRole(t.Context(), c, id, secret); !errors.Is(err, ErrAuditUnavailable) {
		t.Fatalf("a login without its intent: %v", err)
	}
	if err := n.AuthenticateApplication(t.Context(), c, id, secret); !errors.Is(err, ErrAuditUnavailable) || c.Caller.Accessor != "" {
		t.Fatalf("a use without its intent: %v", err)
	}
	n.view.Load().SecretIDs("role", func(s *state.SecretID) {
		if s.Uses != 2 {
			t.Errorf("%d uses are left", s.Uses)
		}
	})
}

func TestBlockedApplication(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{Policies: []string{"maker"}})
	n.application("neighbour", ApplicationChange{})
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/maker"), "maker", `path "auth/token/create*" { capabilities = ["update", "sudo"] }`); err != nil {
		t.Fatal(err)
	}
	id := n.role("role", AppRoleChange{Application: ptr("web")})
	other := n.role("other", AppRoleChange{Application: ptr("neighbour")})
	secret, _ := n.secretID("role", SecretIDRequest{Uses: ptr(int64(9))})
	otherSecret, _ := n.secretID("other", SecretIDRequest{})
	token, _, err := n.login(id, secret)
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{"its own": token}
	for what, req := range map[string]TokenRequest{"a child": {}, "an orphan": {Orphan: true, OrphanPath: true}, "of few uses": {Uses: 3}} {
		made, info, err := n.CreateToken(t.Context(), n.call(token, "POST", "auth/token/create"), req)
		if err != nil || info.Application != "web" {
			t.Fatal(what, info, err)
		}
		tokens[what] = made.Reveal()
	}
	otherToken, _, err := n.login(other, otherSecret)
	if err != nil {
		t.Fatal(err)
	}
	under := n.call(token, "POST", "auth/token/create") // begun before the block
	n.block("web", true)
	for what, text := range tokens {
		c, err := n.Begin(Origin{Method: "GET", Path: "x", Remote: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Authenticate(c, text); !errors.Is(err, ErrApplicationBlocked) || !strings.Contains(err.Error(), "a test") {
			t.Errorf("%s: %v", what, err)
		}
	}
	before := n.view.Load().Index
	if _, _, err := n.login(id, secret); !errors.Is(err, ErrApplicationBlocked) {
		t.Errorf("login: %v", err)
	}
	if err := n.AuthenticateApplication(t.Context(), n.stranger("127.0.0.1"), id, secret); !errors.Is(err, ErrApplicationBlocked) {
		t.Errorf("Basic: %v", err)
	}
	if _, _, err := n.login(id, "x"); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("a stranger hears of the block: %v", err)
	}
	if n.view.Load().Index != before {
		t.Error("a refused request spent a use")
	}
	if _, _, err := n.CreateToken(t.Context(), under, TokenRequest{}); !errors.Is(err, ErrApplicationBlocked) {
		t.Errorf("a write that was begun before: %v", err)
	}
	n.call(otherToken, "GET", "x")
	n.restart()
	c, _ := n.Begin(Origin{Remote: "127.0.0.1"})
	if err := n.Authenticate(c, token); !errors.Is(err, ErrApplicationBlocked) {
		t.Errorf("after a restart: %v", err)
	}
	n.block("web", false)
	for _, text := range tokens {
		n.call(text, "GET", "x")
	}
	if _, _, err := n.login(id, secret); err != nil {
		t.Error(err)
	}
}

func TestApplicationVerbs(t *testing.T) {
	n := newNode(t)
	list := func() ([]string, error) { return n.ListApplications(n.call(n.root, "LIST", "identity/applications")) }
	if _, err := list(); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	n.application("web", ApplicationChange{Owner: ptr("team"), Description: ptr("d"), Policies: []string{"b", "A"}, Metadata: map[string]string{"tenant": "acme"}})
	n.application("web", ApplicationChange{Description: ptr("")})
	n.role("r2", AppRoleChange{Application: ptr("web")})
	n.role("r1", AppRoleChange{Application: ptr("web")})
	a, err := n.ReadApplication(n.call(n.root, "GET", "identity/applications/web"), "web")
	if err != nil || a.Owner != "team" || a.Description != "" || fmt.Sprint(a.Policies) != "[a b]" || a.Metadata["tenant"] != "acme" || fmt.Sprint(a.Roles) != "[r1 r2]" {
		t.Fatalf("%+v, %v", a, err)
	}
	n.application("web", ApplicationChange{Metadata: map[string]string{}, Policies: []string{}})
	if a := n.view.Load().Application("web"); len(a.Metadata)+len(a.Policies) != 0 || a.Owner != "team" {
		t.Errorf("%+v", a)
	}
	many := map[string]string{}
	for i := range maxMeta + 1 {
		many[fmt.Sprint(i)] = ""
	}
	secret := newSecretID(n.view.Load().Cluster.TokenKey).Reveal()
	for what, change := range map[string]ApplicationChange{
		"root": {Policies: []string{"root"}}, "root in disguise": {Policies: []string{" ROOT\t"}}, "no policy's name": {Policies: []string{"a b"}},
		"long owner": {Owner: ptr(strings.Repeat("x", maxOwner+1))}, "long description": {Description: ptr(strings.Repeat("x", maxDescription+1))},
		"secret owner": {Owner: ptr(n.root)}, "secret metadata": {Metadata: map[string]string{"a": secret}}, "secret policy": {Policies: []string{secret}},
		"metadata that no template can name": {Metadata: map[string]string{"a b": "c"}}, "metadata without a name": {Metadata: map[string]string{"": "c"}},
		"much metadata": {Metadata: map[string]string{"a": strings.Repeat("x", maxMetaBytes)}}, "many metadata": {Metadata: many},
	} {
		if err := n.WriteApplication(t.Context(), n.rootCall("identity/applications/web"), "web", change); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := n.WriteApplication(t.Context(), n.rootCall("identity/applications/x"), secret, ApplicationChange{}); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a secret as a name: %v", err)
	}
	if err := n.UnblockApplication(t.Context(), n.rootCall("x"), "web"); !errors.Is(err, ErrBadTransition) {
		t.Error(err)
	}
	if err := n.BlockApplication(t.Context(), n.rootCall("x"), "none", "r"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, reason := range []string{"", " ", strings.Repeat("x", maxReason+1), secret} {
		if err := n.BlockApplication(t.Context(), n.rootCall("x"), "web", reason); !errors.Is(err, ErrBadRequest) {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	remove := func() error {
		return n.DeleteApplication(t.Context(), n.call(n.root, "DELETE", "identity/applications/web"), "web")
	}
	if err := remove(); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "roles name") {
		t.Errorf("deleted while roles name it: %v", err)
	}
	text, _ := n.secretID("r1", SecretIDRequest{})
	token, _, err := n.login(n.view.Load().AppRole("r1").RoleID, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"r1", "r2"} {
		if err := n.DeleteAppRole(t.Context(), n.call(n.root, "DELETE", roleAt+role), role); err != nil {
			t.Fatal(err)
		}
	}
	n.call(token, "GET", "x") // a role leaves the tokens of its logins alone
	for range 2 {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := n.Begin(Origin{Remote: "127.0.0.1"})
	if err := n.Authenticate(c, token); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a token outlived its application: %v", err)
	}
	n.application("web", ApplicationChange{})
	if c, _ := n.Begin(Origin{Remote: "127.0.0.1"}); !errors.Is(n.Authenticate(c, token), ErrInvalidToken) {
		t.Error("a new application of the name found it alive")
	}
}

func TestRolesAreChecked(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{})
	id := n.role("role", AppRoleChange{})
	n.role("other", AppRoleChange{RoleID: ptr("chosen")})
	for what, change := range map[string]AppRoleChange{
		"root": {Policies: []string{"root"}}, "root in disguise": {Policies: []string{"ROOT "}}, "no name": {Policies: []string{""}},
		"no application": {Application: ptr("none")}, "a taken role id": {RoleID: ptr("chosen")}, "an empty role id": {RoleID: ptr("")}, "a role id with a space": {RoleID: ptr("a b")},
		"a long role id": {RoleID: ptr(strings.Repeat("x", maxRoleID+1))}, "a secret role id": {RoleID: ptr(n.root)},
		"no address": {SecretCIDRs: []string{"x"}}, "IPv4 in IPv6": {TokenCIDRs: []string{"::ffff:10.0.0.1"}}, "no constraint": {BindSecretID: ptr(false)},
		"negative uses": {SecretUses: ptr(int64(-1))}, "many uses": {Uses: ptr(int64(maxUses + 1))}, "negative ttl": {TTL: ptr(-time.Second)}, "long ttl": {SecretTTL: ptr(maxExplicit + time.Second)},
		"ttl over max": {TTL: ptr(2 * time.Hour), MaxTTL: ptr(time.Hour)}, "long period": {Period: ptr(MaxTTL + time.Second)},
	} {
		if err := n.writeRole("role", change); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := n.view.Load().AppRole("role"); got.RoleID != id || got.Policies != nil {
		t.Errorf("a refusal changed the role: %+v", got)
	}
	set := func(role string, change AppRoleChange) error {
		return n.SetAppRole(t.Context(), n.rootCall(roleAt+role+"/x"), role, change)
	}
	clear := func(role string, change AppRoleChange) error {
		return n.ClearAppRole(t.Context(), n.call(n.root, "DELETE", roleAt+role+"/x"), role, change)
	}
	if err := set("none", AppRoleChange{}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := clear("none", AppRoleChange{}); err != nil || n.view.Load().AppRole("none") != nil {
		t.Error(err)
	}
	if err := set("role", AppRoleChange{TTL: ptr(time.Hour), SecretCIDRs: []string{"127.0.0.1"}}); err != nil || n.view.Load().AppRole("role").TTL != 3600 {
		t.Error(err)
	}
	if err := clear("role", AppRoleChange{TTL: ptr(time.Duration(0))}); err != nil || n.view.Load().AppRole("role").TTL != 0 {
		t.Error(err)
	}
	if err := set("role", AppRoleChange{BindSecretID: ptr(false)}); err != nil {
		t.Error(err)
	}
	if err := clear("role", AppRoleChange{SecretCIDRs: []string{}}); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a role that everybody may use: %v", err)
	}
	if _, _, err := n.CreateSecretID(t.Context(), n.rootCall("x"), "role", SecretIDRequest{}); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "bind_secret_id") {
		t.Errorf("a secret id of a role that wants none: %v", err)
	}
}

func TestSecretIDsKeepWithinTheirRole(t *testing.T) {
	n := newNode(t)
	n.role("role", AppRoleChange{SecretUses: ptr(int64(3)), SecretTTL: ptr(time.Hour), SecretCIDRs: []string{"10.0.0.0/8", "::1"}, TokenCIDRs: []string{"10.1.0.0/16"}})
	n.role("free", AppRoleChange{})
	custom := func(text string) *SecretIDText { return ptr(SecretIDFrom(text)) }
	for what, req := range map[string]SecretIDRequest{
		"more uses": {Uses: ptr(int64(4))}, "no limit": {Uses: ptr(int64(0))}, "negative": {Uses: ptr(int64(-1))},
		"longer": {TTL: ptr(2 * time.Hour)}, "for ever": {TTL: ptr(time.Duration(0))}, "negative ttl": {TTL: ptr(-time.Hour)},
		"other address": {CIDRs: []string{"11.0.0.1"}}, "wider": {CIDRs: []string{"10.0.0.0/7"}}, "no address": {CIDRs: []string{"x"}}, "one inside and one not": {CIDRs: []string{"10.0.0.1", "::2"}},
		"wider token": {TokenCIDRs: []string{"10.0.0.0/8"}},
		"empty":       {Custom: custom("")}, "short": {Custom: custom("0123456789abcde")}, "with a space": {Custom: custom("0123456789 abcdef")}, "no ASCII": {Custom: custom("0123456789abcdé")},
		"long": {Custom: custom(strings.Repeat("x", maxCustomSecret+1))}, "a token": {Custom: custom(n.root)}, "like ours": {Custom: custom("sgs.0123456789abc")},
		"secret metadata": {Metadata: map[string]string{"a": n.root}}, "much metadata": {Metadata: map[string]string{"a": strings.Repeat("x", maxMetaBytes)}},
	} {
		if _, _, err := n.CreateSecretID(t.Context(), n.rootCall("x"), "role", req); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, info := n.secretID("role", SecretIDRequest{})
	if info.Uses != 3 || info.TTL != time.Hour || info.Expires.Sub(info.Created) != time.Hour {
		t.Errorf("%+v", info)
	}
	_, info = n.secretID("role", SecretIDRequest{Uses: ptr(int64(2)), TTL: ptr(time.Minute), CIDRs: []string{"10.9.0.0/16", "::1"}, TokenCIDRs: []string{"10.1.2.3"}})
	if info.Uses != 2 || info.TTL != time.Minute || len(info.CIDRs) != 2 {
		t.Errorf("%+v", info)
	}
	if _, info = n.secretID("free", SecretIDRequest{TTL: ptr(2 * MaxTTL)}); info.TTL != MaxTTL {
		t.Errorf("%+v", info)
	}
	n.secretID("free", SecretIDRequest{Custom: custom("0123456789abcdef")})
	if _, _, err := n.CreateSecretID(t.Context(), n.rootCall("x"), "free", SecretIDRequest{Custom: custom("0123456789abcdef")}); !errors.Is(err, ErrBadRequest) {
		t.Errorf("registered twice: %v", err)
	}
	n.secretID("role", SecretIDRequest{Custom: custom("0123456789abcdef")}) // another role's is another one
	if _, _, err := n.CreateSecretID(t.Context(), n.rootCall("x"), "none", SecretIDRequest{}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// An accessor leads to a secret id of its own role alone: attack 50.
func TestSecretIDsOfAnotherRoleAreOutOfReach(t *testing.T) {
	n := newNode(t)
	n.role("mine", AppRoleChange{})
	id := n.role("theirs", AppRoleChange{})
	secret, info := n.secretID("theirs", SecretIDRequest{})
	for what, ref := range map[string]SecretIDRef{"by itself": {Text: SecretIDFrom(secret)}, "by its accessor": {Accessor: info.Accessor}} {
		if found, err := n.LookupSecretID(n.rootCall("x"), "mine", ref); found != nil || err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %+v, %v", what, found, err)
		}
		if err := n.DestroySecretID(t.Context(), n.rootCall("x"), "mine", ref); err != nil && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
		if found, err := n.LookupSecretID(n.rootCall("x"), "theirs", ref); err != nil || found.Accessor != info.Accessor {
			t.Errorf("%s: %+v, %v", what, found, err)
		}
		if _, err := n.LookupSecretID(n.rootCall("x"), "none", ref); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := n.login(id, secret); err != nil {
		t.Errorf("it was destroyed from elsewhere: %v", err)
	}
	if _, err := n.ListSecretIDs(n.call(n.root, "LIST", "x"), "mine"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := n.DestroySecretID(t.Context(), n.rootCall("x"), "theirs", SecretIDRef{Text: SecretIDFrom(secret)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.login(id, secret); !errors.Is(err, ErrInvalidCredentials) {
		t.Error("a destroyed secret id logs in")
	}
	// The token accessor of a login is no accessor of a secret id, nor the other way
	// round.
	if n.view.Load().TokenByAccessor(info.Accessor) != nil {
		t.Error("the accessor of a secret id leads to a token")
	}
}

// A login's token is renewed by what its role gives now, never past its limits and
// not without the role: attack 55.
func TestRenewalOfALogin(t *testing.T) {
	n := newNode(t)
	id := n.role("role", AppRoleChange{TTL: ptr(time.Hour), MaxTTL: ptr(2 * time.Hour)})
	secret, _ := n.secretID("role", SecretIDRequest{})
	token, _, err := n.login(id, secret)
	if err != nil {
		t.Fatal(err)
	}
	renew := func(by time.Duration) (TokenInfo, error) {
		return n.RenewToken(t.Context(), n.call(n.root, "POST", "auth/token/renew"), TokenRef{Token: TokenFrom(token)}, by)
	}
	within := func(info TokenInfo, err error, least, most time.Duration) {
		t.Helper()
		if err != nil || info.Left < least-5*time.Second || info.Left > most {
			t.Errorf("left %s, %v", info.Left, err)
		}
	}
	info, err := renew(0)
	within(info, err, time.Hour, time.Hour)
	info, err = renew(50 * time.Hour)
	within(info, err, 2*time.Hour, 2*time.Hour)
	n.role("role", AppRoleChange{TTL: ptr(time.Minute), MaxTTL: ptr(30 * time.Minute)})
	info, err = renew(50 * time.Hour)
	within(info, err, 30*time.Minute, 30*time.Minute)
	info, err = renew(0)
	within(info, err, time.Minute, time.Minute)
	n.role("role", AppRoleChange{Period: ptr(10 * time.Minute)})
	info, err = renew(0)
	within(info, err, 10*time.Minute, 10*time.Minute)
	if err := n.DeleteAppRole(t.Context(), n.call(n.root, "DELETE", roleAt+"role"), "role"); err != nil {
		t.Fatal(err)
	}
	if _, err := renew(0); !errors.Is(err, ErrTokenNotRenewable) {
		t.Errorf("without its role: %v", err)
	}
	// A role of the name with another application is another role.
	n.application("web", ApplicationChange{})
	n.role("role", AppRoleChange{Application: ptr("web")})
	if _, err := renew(0); !errors.Is(err, ErrTokenNotRenewable) {
		t.Errorf("with another's role: %v", err)
	}
	// What a login's token says of a role cannot be chosen by who makes a token.
	made, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Meta: map[string]string{"role_name": "gone"}, TTL: time.Hour, Policies: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	token = made.Reveal()
	info, err = renew(0)
	within(info, err, time.Hour, time.Hour)
}

func TestAuthenticateApplication(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{Policies: []string{"signer"}})
	if err := n.WritePolicy(t.Context(), n.rootCall("x"), "signer", `path "jwt/introspect/*" { capabilities = ["update"] }`); err != nil {
		t.Fatal(err)
	}
	id := n.role("role", AppRoleChange{Application: ptr("web"), Policies: []string{"more"}})
	unlimited, info := n.secretID("role", SecretIDRequest{})
	limited, limitedInfo := n.secretID("role", SecretIDRequest{Uses: ptr(int64(2))})
	before := n.view.Load().Index
	c := n.stranger("127.0.0.1")
	if err := n.AuthenticateApplication(t.Context(), c, id, unlimited); err != nil {
		t.Fatal(err)
	}
	if c.Caller.Application != "web" || fmt.Sprint(c.Caller.Policies) != "[default more signer]" || c.Caller.Accessor != info.Accessor || c.Caller.Root || c.Caller.TokenID != "" {
		t.Errorf("%+v", c.Caller)
	}
	if !c.Caller.Allow("jwt/introspect/acme", policy.Update) || c.Caller.Allow("transit/keys/x", policy.Update) {
		t.Error("the policies are not what they say")
	}
	tokens := func() (count int) { _, _, count, _ = n.view.Load().Counts(); return count }
	if n.view.Load().Index != before || n.view.Load().Application("web").State() != state.ApplicationRegistered {
		t.Error("something was written")
	}
	made := tokens()
	for left := 1; left >= 0; left-- {
		if err := n.AuthenticateApplication(t.Context(), n.stranger("127.0.0.1"), id, limited); err != nil {
			t.Fatal(err)
		}
		got := n.view.Load().SecretIDByAccessor("role", limitedInfo.Accessor)
		if left == 1 && (got == nil || got.Uses != 1) || left == 0 && got != nil {
			t.Errorf("left: %+v", got)
		}
	}
	if err := n.AuthenticateApplication(t.Context(), n.stranger("127.0.0.1"), id, limited); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("one use too many: %v", err)
	}
	if tokens() != made {
		t.Error("a token was made")
	}
	// Such a caller has no token: it can make none, and renew and look up none of
	// its own.
	c.Path = "auth/token/create"
	c.Caller.Root = true // even if policy let it
	if _, _, err := n.CreateToken(t.Context(), c, TokenRequest{}); !errors.Is(err, ErrBadRequest) {
		t.Errorf("it made a token: %v", err)
	}
	if _, err := n.RenewToken(t.Context(), c, TokenRef{Self: true}, 0); err == nil {
		t.Error("it renewed a token")
	}
	n.Reject(c.Origin, c, ErrBadRequest)
	log := string(n.auditLog())
	if !strings.Contains(log, `"uses_left":"1"`) || !strings.Contains(log, `"operation":"auth/approle/use"`) || !strings.Contains(log, `"application":"web"`) {
		t.Error("the uses are not in the log")
	}
}

func TestQuotasByApplication(t *testing.T) {
	n := newNode(t)
	n.wantQuota(Quota{Name: "app", PerApplication: true, Path: "transit", Rate: 2, Interval: time.Hour})
	n.wantQuota(Quota{Name: "logins", PerApplication: true, Path: "auth/approle/login", Rate: 3, Interval: time.Hour})
	if q, err := n.ReadQuota(n.rootCall("x"), "app"); err != nil || !q.PerApplication || q.PerToken {
		t.Fatalf("%+v, %v", q, err)
	}
	if err := n.quota(Quota{Name: "both", PerApplication: true, PerToken: true, Rate: 1, Interval: time.Hour}); !errors.Is(err, ErrBadRequest) {
		t.Error(err)
	}
	secrets, ids, tokens := map[string]string{}, map[string]string{}, map[string][]string{}
	for _, app := range []string{"a", "b"} {
		n.application(app, ApplicationChange{})
		ids[app] = n.role(app, AppRoleChange{Application: ptr(app)})
		secrets[app], _ = n.secretID(app, SecretIDRequest{})
		for range 2 {
			token, _, err := n.login(ids[app], secrets[app])
			if err != nil {
				t.Fatal(err)
			}
			tokens[app] = append(tokens[app], token)
		}
	}
	ask := func(token string) error { return n.LimitToken(n.call(token, "POST", "transit/sign/web")) }
	if ask(tokens["a"][0]) != nil || ask(tokens["a"][1]) != nil {
		t.Error("there was room for two")
	}
	for _, token := range tokens["a"] {
		if err := ask(token); !errors.Is(err, ErrRateLimited) || !strings.Contains(err.Error(), "of this application") {
			t.Errorf("a third request of one application: %v", err)
		}
	}
	if ask(tokens["b"][0]) != nil {
		t.Error("another application is counted with it")
	}
	for range 20 {
		if err := ask(n.root); err != nil {
			t.Fatalf("a caller without application: %v", err)
		}
	}
	// What the limit by application refuses does not use up the one by token.
	n.wantQuota(Quota{Name: "token", PerToken: true, Path: "transit", Rate: 1, Interval: time.Hour})
	for range 3 {
		if err := ask(tokens["a"][0]); !errors.Is(err, ErrRateLimited) {
			t.Fatal(err)
		}
	}
	if err := n.DeleteQuota(t.Context(), n.rootCall("x"), "app"); err != nil {
		t.Fatal(err)
	}
	if err := ask(tokens["a"][0]); err != nil {
		t.Errorf("refused requests were counted: %v", err)
	}
	if err := ask(tokens["a"][0]); !errors.Is(err, ErrRateLimited) {
		t.Errorf("the limit by token: %v", err)
	}
	// Logins count for the application, wrong ones for nobody.
	for range 5 {
		if _, _, err := n.login(ids["a"], "wrong"); !errors.Is(err, ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	if _, _, err := n.login(ids["a"], secrets["a"]); err != nil {
		t.Errorf("the third login: %v", err)
	}
	if _, _, err := n.login(ids["a"], secrets["a"]); !errors.Is(err, ErrRateLimited) {
		t.Errorf("the fourth login: %v", err)
	}
	// So does Basic authentication, and only once a request.
	basic := func() error {
		c := n.stranger("127.0.0.1")
		c.Path = loginPath
		err := n.AuthenticateApplication(t.Context(), c, ids["b"], secrets["b"])
		if err == nil {
			err = n.LimitToken(c)
		}
		return err
	}
	if err := basic(); err != nil {
		t.Error(err)
	}
	if err := basic(); !errors.Is(err, ErrRateLimited) {
		t.Error(err)
	}
}

// The bounds on records of strangers hold for logins.
func TestRefusedLoginsAreBoundedInTheLog(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{})
	id := n.role("role", AppRoleChange{Application: ptr("web")})
	secret, _ := n.secretID("role", SecretIDRequest{})
	token, _, err := n.login(id, secret)
	if err != nil {
		t.Fatal(err)
	}
	n.block("web", true)
	for what, ask := range map[string]func(){
		"wrong":         func() { _, _, _ = n.login(id, "wrong") },
		"blocked login": func() { _, _, _ = n.login(id, secret) },
		"blocked token": func() {
			c := n.stranger("127.0.0.1")
			n.Reject(c.Origin, c, n.Authenticate(c, token))
		},
	} {
		before, began := strings.Count(string(n.auditLog()), "\n"), time.Now()
		for range 500 {
			ask()
		}
		most := 30 + 24*int(time.Since(began).Seconds()+2)
		time.Sleep(50 * time.Millisecond) // a bound: later there is not less
		if grown := strings.Count(string(n.auditLog()), "\n") - before; grown > most {
			t.Errorf("%s: 500 refusals made %d records, want at most %d", what, grown, most)
		}
	}
}

func TestLoginIsRecordedBeforeAndAfter(t *testing.T) {
	n := newNode(t)
	n.application("web", ApplicationChange{})
	id := n.role("role", AppRoleChange{Application: ptr("web")})
	secret, info := n.secretID("role", SecretIDRequest{Uses: ptr(int64(2))})
	c := n.stranger("127.0.0.1")
	token, made, err := n.LoginAppRole(t.Context(), c, id, secret)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for line := range strings.Lines(string(n.auditLog())) {
		if strings.Contains(line, token.Reveal()) || strings.Contains(line, secret) {
			t.Error("a secret is in the log")
		}
		var rec struct {
			Type, Outcome, Operation, Application, Proposal string
			RequestID                                       string `json:"request_id"`
			Fields                                          map[string]string
		}
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.RequestID != c.RequestID {
			continue
		}
		kinds = append(kinds, rec.Type+rec.Outcome)
		if rec.Operation != "auth/approle/login" || rec.Application != "web" || rec.Proposal == "" || rec.Fields["role"] != "role" ||
			rec.Fields["secret_id_accessor"] != info.Accessor || rec.Fields["new_accessor"] != made.Accessor {
			t.Errorf("%s", line)
		}
	}
	if !slices.Equal(kinds, []string{audit.TypeIntent, audit.TypeOutcome + audit.OutcomeOK}) {
		t.Errorf("records: %q", kinds)
	}
}

func TestSecretIDTextRedacts(t *testing.T) {
	text := SecretIDFrom("sgs.hunter2")
	outer := struct{ hidden, Shown SecretIDText }{text, text}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%c", "%U"} {
		for _, v := range []any{text, &text, outer, &outer, SecretIDRequest{Custom: &text}, SecretIDRef{Text: text}} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "hunter2") || strings.Contains(out, "68756e74") {
				t.Errorf("%s of %T shows the secret id: %s", verb, v, out)
			}
		}
	}
	if _, err := json.Marshal(text); err == nil {
		t.Error("a secret id was written as JSON")
	}
	key := state.Secret(strings.Repeat("k", 32))
	token, secret := newToken(key).Reveal(), newSecretID(key).Reveal()
	if validToken(key, secret) || wellFormed(key, "sgs."+token[4:]) || !wellFormed(key, secret) || validToken(key, "sgt."+secret[4:]) {
		t.Error("a token passes for a secret id, or the other way round")
	}
	for cut := range len(secret) {
		if cut >= 4 && wellFormed(key, secret[:cut]) {
			t.Errorf("a secret id cut at %d passes", cut)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	key := state.Secret(strings.Repeat("k", 32))
	f.Add("id", newSecretID(key).Reveal())
	f.Add("id", "0123456789abcdef")
	f.Add(" id\n", " sgs.")
	f.Add("", "")
	role := state.AppRole{Name: "role", RoleID: "id"}
	text := SecretIDFrom("the one good secret id")
	apply := func(s *state.State, seq uint64, c state.Command) *state.State {
		next, _, err := state.Apply(s, seq+1, &state.Numbered{Seq: seq + 1, Command: c})
		if err != nil {
			f.Fatal(err)
		}
		return next
	}
	s := apply(state.New(), 0, &state.Genesis{
		Cluster: state.Cluster{ID: "c", TokenKey: key, AuditKey: key}, Mount: state.Mount{UUID: "m", Path: "transit/"}, Default: state.Policy{Name: "default"},
		Root: state.Token{Hash: []byte(strings.Repeat("h", 32)), Accessor: "a", Policies: []string{"root"}},
	})
	s = apply(s, 1, &state.PutAppRole{Role: role})
	hash := text.hash(key, "role")
	s = apply(s, 2, &state.CreateSecretID{SecretID: state.SecretID{Role: "role", Hash: hash, Accessor: state.SecretIDAccessor(hash, hash[:8])}})
	f.Add("id", text.Reveal())
	f.Fuzz(func(t *testing.T, id, secret string) {
		c := &Call{view: &view{State: s, acls: &aclCache{}}}
		found, wrong := c.credentials(id, secret)
		good := strings.TrimSpace(id) == "id" && strings.TrimSpace(secret) == text.Reveal()
		if (found != nil) != good || (wrong == "") != good {
			t.Fatalf("%q, %q: %v, %s", id, secret, found, wrong)
		}
	})
}
