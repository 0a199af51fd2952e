package apitest_test

import (
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

const roleAt = "auth/approle/role/"

// machine is a role with a secret id, ready to log in.
type machine struct{ role, roleID, secretID, accessor string }

// newMachine makes a role with a fresh secret id.
func newMachine(t *testing.T, n *apitest.Node, role string, settings object) machine {
	t.Helper()
	n.Must(roleAt+role, settings)
	m := machine{role: role, roleID: wantStatus(t, n.Get(roleAt+role+"/role-id", n.Root()), 200).Text("data", "role_id")}
	if settings["bind_secret_id"] != false {
		m.another(n, nil)
	}
	return m
}

// another gives the machine another secret id.
func (m *machine) another(n *apitest.Node, body object) {
	r := n.Must(roleAt+m.role+"/secret-id", body)
	m.secretID, m.accessor = r.Text("data", "secret_id"), r.Text("data", "secret_id_accessor")
}

func (m machine) body() object { return object{"role_id": m.roleID, "secret_id": m.secretID} }

func (m machine) login(n *apitest.Node) apitest.Reply {
	return n.Do("PUT", "auth/approle/login", "", m.body())
}

// token logs in and returns the token.
func (m machine) token(t *testing.T, n *apitest.Node) string {
	t.Helper()
	return wantStatus(t, m.login(n), 200).Text("auth", "client_token")
}

// applicable makes what a route of applications or roles needs, and returns a body
// that it can work with; nil for other routes.
func applicable(t *testing.T, n *apitest.Node, path string) object {
	t.Helper()
	switch last := path[strings.LastIndexByte(path, '/')+1:]; {
	case path == "sys/migrate-seal":
		return object{"to": "shamir"}
	case path == "identity/applications":
		n.Must(path+"/ci", nil)
	case strings.HasPrefix(path, "identity/applications/"):
		name := strings.Split(path, "/")[2]
		n.Must("identity/applications/"+name, object{"owner": "team"})
		switch last {
		case "block":
			return object{"reason": "a test"}
		case "unblock":
			n.Must("identity/applications/"+name+"/block", object{"reason": "a test"})
			return object{}
		}
		return object{"owner": "team"}
	case strings.HasPrefix(path, "auth/approle/"):
		m := newMachine(t, n, "ci", object{"secret_id_bound_cidrs": "127.0.0.1", "bind_secret_id": true})
		body := m.body()
		for name, value := range map[string]any{
			"secret_id_accessor": m.accessor, "policies": "a", "token_policies": "a", "bind_secret_id": true, "secret_id_bound_cidrs": "127.0.0.1", "token_bound_cidrs": "127.0.0.1",
			"secret_id_num_uses": 0, "secret_id_ttl": 0, "token_ttl": 0, "token_max_ttl": 0, "token_num_uses": 0, "token_period": 0,
		} {
			body[name] = value
		}
		if last == "custom-secret-id" {
			body["secret_id"] = "chosen by who is here, the number " + m.accessor
			body["secret_id"] = strings.ReplaceAll(body["secret_id"].(string), " ", "-")
		}
		return body
	}
	return nil
}
