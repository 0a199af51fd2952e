package kms

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Who hands out a policy that is not there is told, and told which; one that is
// there, or built in, is no reason for a word.
func TestWarnsOfPoliciesThatAreNotThere(t *testing.T) {
	n := newNode(t)
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/real"), "real", `path "transit/keys" { capabilities = ["list"] }`); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func(c *Call, policies []string) error{
		"approle": func(c *Call, policies []string) error {
			return n.WriteAppRole(t.Context(), c, "r", AppRoleChange{Policies: policies})
		},
		"one setting": func(c *Call, policies []string) error {
			return n.SetAppRole(t.Context(), c, "r", AppRoleChange{Policies: policies})
		},
		"application": func(c *Call, policies []string) error {
			return n.WriteApplication(t.Context(), c, "a", ApplicationChange{Policies: policies})
		},
		"token role": func(c *Call, policies []string) error {
			return n.WriteTokenRole(t.Context(), c, "r", TokenRoleChange{Allowed: policies})
		},
		"token": func(c *Call, policies []string) error {
			_, _, err := n.CreateToken(t.Context(), c, TokenRequest{Policies: policies})
			return err
		},
	} {
		if what == "one setting" {
			if err := n.WriteAppRole(t.Context(), n.rootCall("x"), "r", AppRoleChange{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, quiet := range [][]string{{"real"}, {"real", "default"}} {
			c := n.rootCall("x")
			if err := do(c, quiet); err != nil || len(c.Warnings) != 0 {
				t.Errorf("%s of %v: %v, warnings %q", what, quiet, err, c.Warnings)
			}
		}
		c := n.rootCall("x")
		if err := do(c, []string{"real", "gone", "lost"}); err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], `no policy of the name "gone", "lost";`) {
			t.Errorf("%s: %v, warnings %q", what, err, c.Warnings)
		}
	}
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("p%02d", i)
	}
	c := n.rootCall("x")
	if err := n.WriteApplication(t.Context(), c, "many", ApplicationChange{Policies: many}); err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], `"p07" and 12 more;`) {
		t.Errorf("%v, warnings %q", err, c.Warnings)
	}
	// What is changed beside the policies is no reason to speak of them.
	owner := "team"
	c = n.rootCall("x")
	if err := n.WriteApplication(t.Context(), c, "many", ApplicationChange{Owner: &owner}); err != nil || len(c.Warnings) != 0 {
		t.Errorf("%v, warnings %q", err, c.Warnings)
	}
}

// Who may not hand a policy out is told nothing of it, there or not.
func TestNoWarningBeforePolicy(t *testing.T) {
	n := newNode(t)
	token, _ := n.token(TokenRequest{Policies: []string{"default"}})
	c := n.call(token, "POST", "auth/approle/role/r")
	if err := n.WriteAppRole(t.Context(), c, "r", AppRoleChange{Policies: []string{"gone"}}); err == nil || len(c.Warnings) != 0 {
		t.Errorf("%v, warnings %q", err, c.Warnings)
	}
	c = n.call(token, "POST", "auth/token/create")
	if _, _, err := n.CreateToken(t.Context(), c, TokenRequest{Policies: []string{"gone"}}); err == nil || len(c.Warnings) != 0 {
		t.Errorf("%v, warnings %q", err, c.Warnings)
	}
}

// A revocation of nobody's tokens is told to those who may know who is there.
func TestWarnsOfClientsThatAreNotThere(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "", `{}`)
	if err := n.WriteApplication(t.Context(), n.rootCall("x"), "web", ApplicationChange{}); err != nil {
		t.Fatal(err)
	}
	text := "path \"jwt/revoke/acme\" { capabilities = [\"update\"] }\n" + `path "identity/applications/seen*" { capabilities = ["read"] }`
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/revoker"), "revoker", text); err != nil {
		t.Fatal(err)
	}
	few, _ := n.token(TokenRequest{Policies: []string{"revoker"}})
	for _, c := range []struct {
		token, client string
		warns         bool
	}{
		{n.root, "web", false}, {n.root, "wbe", true}, {n.root, "token:0123456789abcdef", false},
		{few, "web", false}, {few, "wbe", false}, {few, "seen-by-few", true},
	} {
		call := n.call(c.token, "POST", "jwt/revoke/acme")
		_, err := n.RevokeJWT(t.Context(), call, "acme", []JWTRevocation{{ClientID: c.client}}, false)
		said := slices.ContainsFunc(call.Warnings, func(w string) bool { return strings.Contains(w, `no application of the name "`+c.client+`"`) })
		if err != nil || said != c.warns || len(call.Warnings) > 1 {
			t.Errorf("%s: %v, warnings %q", c.client, err, call.Warnings)
		}
	}
	call := n.rootCall("jwt/revoke/acme")
	if _, err := n.RevokeJWT(t.Context(), call, "acme", []JWTRevocation{{ClientID: "a"}, {ClientID: "web"}, {ClientID: "b"}}, true); err != nil || len(call.Warnings) != 1 || !strings.Contains(call.Warnings[0], `"a", "b";`) {
		t.Errorf("%v, warnings %q", err, call.Warnings)
	}
}
