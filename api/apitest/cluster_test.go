package apitest_test

import (
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// Every node signs, verifies, encrypts and decrypts, and takes writes; what one
// acknowledged the others have.
func TestEveryNodeOfAClusterServes(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	root := c.Nodes[0].Root()
	for i, n := range c.Nodes {
		name := "web" + n.ID()
		wantStatus(t, n.Post("transit/keys/"+name, root, object{"type": "ecdsa-p256"}), 200)
		wantStatus(t, n.Post("transit/keys/box"+n.ID(), root, object{"type": "aes256-gcm96"}), 200)
		for _, other := range c.Nodes {
			signed := wantStatus(t, other.Post("transit/sign/"+name, root, object{"input": "aGk="}), 200)
			wantStatus(t, c.Nodes[(i+1)%3].Post("transit/verify/"+name, root, object{"input": "aGk=", "signature": signed.Text("data", "signature")}), 200)
			sealed := wantStatus(t, other.Post("transit/encrypt/box"+n.ID(), root, object{"plaintext": "aGk="}), 200)
			opened := wantStatus(t, n.Post("transit/decrypt/box"+n.ID(), root, object{"ciphertext": sealed.Text("data", "ciphertext")}), 200)
			if opened.Text("data", "plaintext") != "aGk=" {
				t.Errorf("decrypted on %s: %s", n.ID(), opened)
			}
		}
	}
	for _, n := range c.Followers() {
		token := n.NewToken("default")
		for _, other := range c.Nodes {
			wantStatus(t, other.Get("auth/token/lookup-self", token), 200)
		}
		wantStatus(t, n.Post("auth/token/revoke", root, object{"token": token}), 204)
		for _, other := range c.Nodes {
			wantError(t, other.Get("auth/token/lookup-self", token), 403, "invalid_token")
		}
	}
}
