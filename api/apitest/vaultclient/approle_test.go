package vaultclient

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A machine logs in with the library's own package, uses its token, and has it
// renewed.
func TestAppRole(t *testing.T) {
	t.Parallel()
	c := dev(t)
	write := func(path string, body object) *secret {
		t.Helper()
		return must[*secret](t)(c.Logical().Write(path, body))
	}
	write("identity/applications/web", object{"owner": "team", "policies": "signer"})
	wantNil(t, c.Sys().PutPolicy("signer", `path "transit/sign/web" { capabilities = ["update"] }`))
	write("transit/keys/web", object{"type": "ed25519"})
	write("auth/approle/role/web", object{"token_ttl": "4s", "token_max_ttl": "1h", "application": "web", "secret_id_num_uses": 2})
	role := must[*secret](t)(c.Logical().Read("auth/approle/role/web"))
	if fmt.Sprintf("%v %v %v", role.Data["token_ttl"], role.Data["bind_secret_id"], role.Data["application"]) != "4 true web" {
		t.Errorf("the role: %v", role.Data)
	}
	listed := func(path string) string {
		t.Helper()
		return fmt.Sprint(must[*secret](t)(c.Logical().List(path)).Data["keys"])
	}
	if got := listed("auth/approle/role"); got != "[web]" {
		t.Errorf("the roles: %s", got)
	}
	roleID, _ := must[*secret](t)(c.Logical().Read("auth/approle/role/web/role-id")).Data["role_id"].(string)
	made := write("auth/approle/role/web/secret-id", object{"metadata": `{"tag":"prod"}`})
	secretID, _ := made.Data["secret_id"].(string)
	accessor, _ := made.Data["secret_id_accessor"].(string)
	looked := write("auth/approle/role/web/secret-id/lookup", object{"secret_id": secretID})
	if looked == nil || looked.Data["secret_id_accessor"] != accessor || fmt.Sprint(looked.Data["secret_id_num_uses"]) != "2" {
		t.Errorf("looked up: %+v", looked)
	}
	if got := listed("auth/approle/role/web/secret-id"); got != "["+accessor+"]" {
		t.Errorf("the accessors: %s", got)
	}

	own := with(t, c, "")
	login := must[*secret](t)(approleLogin(t.Context(), own, roleID, secretID))
	if login.Auth == nil || login.Auth.ClientToken == "" || own.Token() != login.Auth.ClientToken || login.Auth.Metadata["role_name"] != "web" || login.Auth.Metadata["tag"] != "prod" ||
		!login.Auth.Renewable || !login.Auth.Orphan || login.Auth.LeaseDuration > 4 {
		t.Fatalf("login: %+v", login.Auth)
	}
	same(t, "the policies", login.Auth.Policies, []string{"default", "signer"})
	must[*secret](t)(own.Logical().Write("transit/sign/web", object{"input": "aGk="}))

	// The watcher renews it past its first lifetime.
	w := watch(t, own, &watcherInput{Secret: login, RenewBehavior: errorOnErrors})
	for range 2 {
		if s := renewed(t, w); s.Auth == nil || s.Auth.LeaseDuration > 4 {
			t.Errorf("renewed: %+v", s)
		}
	}
	must[*secret](t)(own.Logical().Write("transit/sign/web", object{"input": "aGk="}))

	must[*secret](t)(approleLogin(t.Context(), with(t, c, ""), roleID, secretID))
	_, err := approleLogin(t.Context(), with(t, c, ""), roleID, secretID) // one too many
	var refused *responseError
	if !errors.As(err, &refused) || refused.StatusCode != 400 || !strings.Contains(err.Error(), "invalid role or secret ID") {
		t.Errorf("a spent secret id: %v", err)
	}
	again, _ := write("auth/approle/role/web/secret-id", nil).Data["secret_id_accessor"].(string)
	_, err = c.Logical().DeleteWithData("auth/approle/role/web/secret-id-accessor/destroy", map[string][]string{"secret_id_accessor": {again}})
	wantNil(t, err)
	if s, err := c.Logical().List("auth/approle/role/web/secret-id"); err != nil || s != nil {
		t.Errorf("the accessors after that: %+v, %v", s, err)
	}
	_, err = c.Logical().Delete("auth/approle/role/web/token-ttl")
	wantNil(t, err)
	write("identity/applications/web/block", object{"reason": "a test"})
	_, err = own.Auth().Token().LookupSelf()
	if !errors.As(err, &refused) || refused.StatusCode != 403 || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("a blocked application: %v", err)
	}
	_, err = c.Logical().Delete("auth/approle/role/web")
	wantNil(t, err)
}
