package apitest_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

type object = map[string]any

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// long says whether the heavy counts are wanted.
func long() bool { return os.Getenv("SIGNET_TEST_LONG") == "1" }

// wantStatus expects a status and returns the answer.
func wantStatus(t *testing.T, r apitest.Reply, status int) apitest.Reply {
	t.Helper()
	if r.Status != status {
		t.Fatalf("want status %d, got %s", status, r)
	}
	return r
}

// wantError expects an error answer in the form that all have: errors, code and
// request id, and nothing else, but for the accessor of a token that was made before.
func wantError(t *testing.T, r apitest.Reply, status int, code string) apitest.Reply {
	t.Helper()
	var body map[string]json.RawMessage
	var form struct {
		Errors    *[]string `json:"errors"`
		Code      string    `json:"code"`
		RequestID string    `json:"request_id"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatalf("want an error of status %d, got %s", status, r)
	}
	members := 3
	if code == "idempotency_spent" {
		members = 4
		if r.Text("accessor") == "" {
			t.Errorf("no accessor of what was made: %s", r)
		}
	}
	if _, oauth := body["error"]; oauth { // RFC 6749, section 5.2, at the two endpoints of OAuth
		members = 5
	}
	if err := json.Unmarshal(r.Body, &form); err != nil || form.Errors == nil || form.RequestID == "" || len(body) != members {
		t.Errorf("an error is {errors, code, request_id}: %s", r)
	}
	if r.Status != status || form.Code != code {
		t.Errorf("want status %d and code %s, got %s", status, code, r)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q of an error", got)
	}
	return r
}

// wantText expects words in the sentences of an error.
func wantText(t *testing.T, r apitest.Reply, text string) {
	t.Helper()
	if !strings.Contains(r.Errors(), text) {
		t.Errorf("want %q in the error, got %s", text, r)
	}
}

// number expects a JSON number, and not a text.
func number(t *testing.T, r apitest.Reply, names ...string) int64 {
	t.Helper()
	n, ok := r.At(names...).(json.Number)
	if !ok {
		t.Fatalf("%s is %#v, want a number: %s", strings.Join(names, "."), r.At(names...), r)
	}
	i, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// strs is a list of texts of an answer.
func strs(r apitest.Reply, names ...string) []string {
	list, _ := r.At(names...).([]any)
	var out []string
	for _, v := range list {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// publicKey reads a version's public key as its type has it: SPKI in PEM, or 32
// bytes of ed25519 in base64.
func publicKey(t *testing.T, read apitest.Reply, version int) crypto.PublicKey {
	t.Helper()
	text := read.Text("data", "keys", fmt.Sprint(version), "public_key")
	if read.Text("data", "type") == "ed25519" {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			t.Fatalf("public key of ed25519: %q", text)
		}
		return ed25519.PublicKey(raw)
	}
	key := parsePEM(text)
	if key == nil {
		t.Fatalf("public key: %q", text)
	}
	return key
}

// parsePEM reads an SPKI in PEM; nil for anything else.
func parsePEM(text string) crypto.PublicKey {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 {
		return nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil
	}
	return key
}

// signatureBytes takes "vault:v<version>:<text>" apart.
func signatureBytes(t *testing.T, signature string, version int, enc *base64.Encoding) []byte {
	t.Helper()
	text, ok := strings.CutPrefix(signature, fmt.Sprintf("vault:v%d:", version))
	if !ok {
		t.Fatalf("signature %q is not of version %d", signature, version)
	}
	raw, err := enc.Strict().DecodeString(text)
	if err != nil {
		t.Fatalf("signature %q: %v", signature, err)
	}
	return raw
}

// derOf turns R || S into ASN.1.
func derOf(t *testing.T, raw []byte) []byte {
	t.Helper()
	half := len(raw) / 2
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// tool finds a program or skips the test by its name.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func writeFile(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// records reads the audit log and keeps what pick says.
func records(t *testing.T, n *apitest.Node, pick func(audit.Parsed) bool) []audit.Parsed {
	t.Helper()
	all, err := n.Audit()
	if err != nil {
		t.Fatal(err)
	}
	var out []audit.Parsed
	for _, r := range all {
		if pick(r) {
			out = append(out, r)
		}
	}
	return out
}

// ofRequest picks the records of one request.
func ofRequest(r apitest.Reply) func(audit.Parsed) bool {
	return func(rec audit.Parsed) bool { return rec.RequestID == r.RequestID() && rec.RequestID != "" }
}

// eventually waits for something that the daemon brings about by itself.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// lasting is the data of an answer without what it says of its own write.
func lasting(r apitest.Reply) any {
	data, _ := r.At("data").(map[string]any)
	data = maps.Clone(data)
	delete(data, "effective")
	delete(data, "barrier_ms")
	return data
}
