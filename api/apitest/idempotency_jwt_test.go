package apitest_test

import (
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// prepareIssuer is prepare for a route of issuers and their tokens: name is the issuer's and
// the profile's. It returns the body, and whether it knows the route.
func prepareIssuer(t *testing.T, n *apitest.Node, r tableRoute, name string, deleting bool) (body any, known bool) {
	t.Helper()
	settings := object{"issuer": "https://" + name + ".example", "deletion_allowed": true}
	switch strings.TrimPrefix(r.pattern, "jwt/issuers/{issuer}") {
	case "":
		if deleting {
			n.Must("jwt/issuers/"+name, settings)
		}
		return settings, true
	case "/undelete":
		n.Must("jwt/issuers/"+name, settings)
		wantStatus(t, n.Do("DELETE", "jwt/issuers/"+name, n.Root(), nil), 204)
		return nil, true
	case "/profiles/{profile}":
		n.Must("jwt/issuers/"+name, settings)
		if deleting {
			n.Must("jwt/issuers/"+name+"/profiles/"+name, object{})
		}
		return object{"ttl": "5m"}, true
	case "/state":
		n.Must("jwt/issuers/"+name, settings)
		return object{"version": 1, "state": "suspended", "reason": "a test"}, true
	case "jwt/rotate/{issuer}":
		n.Must("jwt/issuers/"+name, settings)
		return nil, true
	case "jwt/rotation/{issuer}/cancel":
		n.Must("jwt/issuers/"+name, settings)
		n.Must("jwt/rotate/"+name, nil)
		return nil, true
	case "jwt/compromise/{issuer}":
		return object{"kid": versionOf(n.Must("jwt/issuers/"+name, settings), 0)["kid"]}, true
	}
	if r.pattern == "jwt/revoke/{issuer}" {
		n.Must("jwt/issuers/"+name, settings)
		return object{"sub": "user:1"}, true
	}
	return nil, false
}
