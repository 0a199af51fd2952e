package apitest_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// What a newcomer does with curl and a development node.
func TestANewcomerSignsAJWTWithCurl(t *testing.T) {
	t.Parallel()
	n := apitest.Dev(t)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"} // what curl -d sends
	made := wantStatus(t, n.Do("POST", "transit/keys/web", n.Root(), `{"type":"ecdsa-p256"}`, form...), 200)
	kid := made.Text("data", "keys", "1", "kid")
	if kid == "" {
		t.Fatalf("no kid: %s", made)
	}
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"`+kid+`","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"user:1","n":9007199254740993}`))
	signed := wantStatus(t, n.Do("POST", "transit/sign/web", n.Root(),
		object{"input": b64(input), "marshaling_algorithm": "jws"}, form...), 200)
	signature := signed.Text("data", "signature")
	verified := wantStatus(t, n.Do("POST", "transit/verify/web", n.Root(),
		object{"input": b64(input), "marshaling_algorithm": "jws", "signature": signature}, form...), 200)
	if verified.At("data", "valid") != true {
		t.Fatalf("verify: %s", verified)
	}
	read := n.Get("transit/keys/web", n.Root())
	public := publicKey(t, read, 1).(*ecdsa.PublicKey)
	raw := signatureBytes(t, signature, 1, base64.RawURLEncoding)

	t.Run("go-jose verifies the token", func(t *testing.T) {
		token := input + "." + strings.TrimPrefix(signature, "vault:v1:")
		parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := parsed.Verify(public)
		if err != nil || !strings.Contains(string(payload), "9007199254740993") {
			t.Fatalf("payload %q, %v", payload, err)
		}
		if parsed.Signatures[0].Header.KeyID != kid {
			t.Errorf("kid %q", parsed.Signatures[0].Header.KeyID)
		}
		if thumb, err := (&jose.JSONWebKey{Key: public}).Thumbprint(5); err != nil || base64.RawURLEncoding.EncodeToString(thumb) != kid {
			t.Errorf("kid %s is not the RFC 7638 thumbprint %x (%v)", kid, thumb, err)
		}
	})
	t.Run("openssl verifies the signature in DER", func(t *testing.T) {
		openssl := tool(t, "openssl")
		dir := t.TempDir()
		pemFile := writeFile(t, filepath.Join(dir, "pub.pem"), []byte(read.Text("data", "keys", "1", "public_key")))
		der := writeFile(t, filepath.Join(dir, "sig.der"), derOf(t, raw))
		text := writeFile(t, filepath.Join(dir, "input"), []byte(input))
		if out, err := exec.Command(openssl, "dgst", "-sha256", "-verify", pemFile, "-signature", der, text).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		writeFile(t, text, []byte(input+"x"))
		if out, err := exec.Command(openssl, "dgst", "-sha256", "-verify", pemFile, "-signature", der, text).CombinedOutput(); err == nil {
			t.Fatalf("a changed input verifies: %s", out)
		}
	})
	t.Run("the standard library verifies it", func(t *testing.T) {
		digest := sha256.Sum256([]byte(input))
		if !ecdsa.VerifyASN1(public, digest[:], derOf(t, raw)) {
			t.Error("it does not")
		}
	})
	t.Run("the audit log has it", func(t *testing.T) {
		recs := records(t, n, ofRequest(signed))
		if len(recs) != 1 || recs[0].Type != audit.TypeRequest || recs[0].Operation != "transit/sign" || recs[0].Outcome != "ok" ||
			recs[0].Key != "web" || recs[0].KID != kid || recs[0].KeyVersion != 1 || recs[0].Input == "" || recs[0].Output == "" || recs[0].Accessor == "" {
			t.Errorf("records of the signature: %+v", recs)
		}
	})
	t.Run("the log says where it is", func(t *testing.T) {
		if !strings.Contains(n.Log(), n.AuditLog()) {
			t.Errorf("no audit log in %s", n.Log())
		}
	})
}

// Without --data-dir nothing stays of a development node.
func TestADevNodeLeavesNothing(t *testing.T) {
	t.Parallel()
	n := apitest.Dev(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	dir := n.DataDir()
	n.CheckAll(t)
	n.Stop()
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "signet-dev-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A development node with a data directory finds its keys again, and its
// directory is not taken for a configured node's, nor the other way round.
func TestADevNodeWithADataDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "dev")
	first := runServer(t, "--dev", "--dev-root-token", "a-root-token-of-choice", "--listen", "127.0.0.1:0", "--data-dir", dir)
	first.post(t, "transit/keys/web", "a-root-token-of-choice", `{"type":"ecdsa-p384"}`, 200)
	before := first.get(t, "transit/keys/web", "a-root-token-of-choice", 200)
	first.stop(t)
	second := runServer(t, "--dev", "--listen", "127.0.0.1:0", "--data-dir", dir)
	after := second.get(t, "transit/keys/web", "a-root-token-of-choice", 200)
	second.stop(t)
	key := func(body []byte) string {
		r := apitest.Reply{Body: body}
		block, _ := pem.Decode([]byte(r.Text("data", "keys", "1", "public_key")))
		return string(block.Bytes)
	}
	if key(before) != key(after) {
		t.Error("another key after a restart")
	}
	wantExit(t, 1, "belongs to a development node", "server", "--config", configFor(t, dir, ""))

	n := apitest.New(t)
	wantExit(t, 1, "configured node", "server", "--dev", "--listen", "127.0.0.1:0", "--data-dir", n.DataDir())
}
