package apitest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// issuance expects of each token of an issuer what it was, and that issuers and
// applications go on.
func (m *left) issuance(t *testing.T, n *apitest.Node) {
	t.Helper()
	if (len(m.Issuers) > 0) != (m.Version >= "0.3.0") {
		t.Fatalf("the manifest of %s has %d issuers", m.Version, len(m.Issuers))
	}
	for _, token := range m.Issued {
		want := token.Reason
		if left := time.Until(token.Expires); left < time.Minute && want != "key_compromised" {
			if left.Abs() < time.Minute {
				continue // it expires while the test runs
			}
			want = "expired"
		}
		r := n.Must("jwt/verify/"+token.Issuer, object{"token": token.Token, "audience": token.Audience})
		if r.At("data", "active") != (want == "") || r.Text("data", "reason") != want {
			t.Errorf("the token of %s by %s: want %q, got %s", token.Subject, token.Issuer, want, r)
		}
		if want == "" && (r.Text("data", "claims", "jti") != token.JTI || r.Text("data", "claims", "tenant") != "t1" || r.Text("data", "header", "kid") != token.KID) {
			t.Errorf("the token of %s by %s says something else: %s", token.Subject, token.Issuer, r)
		}
	}
	for _, issuer := range m.Issuers {
		signed := n.Must("jwt/sign/"+issuer+"/access", object{"sub": "new", "aud": "api://fixture"}).Text("data", "token")
		if r := n.Must("jwt/verify/"+issuer, object{"token": signed}); r.At("data", "active") != true || r.Text("data", "claims", "tenant") != "t1" {
			t.Errorf("%s signs: %s", issuer, r)
		}
		jwks := string(wantStatus(t, n.Get("/issuers/"+issuer+"/jwks.json", ""), 200).Body)
		for _, token := range m.Issued {
			if token.Issuer == issuer && strings.Contains(jwks, `"`+token.KID+`"`) != (token.Reason != "key_compromised") {
				t.Errorf("kid %s of %s, whose token is refused as %q: %s", token.KID, issuer, token.Reason, jwks)
			}
		}
	}
	for _, login := range m.Logins {
		r := n.Post("auth/approle/login", "", object{"role_id": login.RoleID, "secret_id": login.SecretID})
		if r.Code() != login.Code {
			t.Errorf("login of %s: want %q, got %s", login.Application, login.Code, r)
			continue
		}
		if login.Code == "" {
			token := r.Text("auth", "client_token")
			n.HandedOut("a token of "+login.Application, token)
			wantStatus(t, n.Post("transit/sign/ed25519", token, object{"input": "aGk="}), 200)
		}
	}
}
