package apitest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os/exec"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client"
)

// outsider makes keys elsewhere and wraps them for a node.
type outsider struct {
	t *testing.T
	n *apitest.Node
}

// wrap returns the ciphertext of a key: bytes of a symmetric one, or a private key.
func (o outsider) wrap(key any) []byte {
	o.t.Helper()
	raw, symmetric := key.([]byte)
	if !symmetric {
		raw = mustPKCS8(o.t, key)
	}
	public := wantStatus(o.t, o.n.Get("transit/wrapping_key", o.n.Root()), 200).Text("data", "public_key")
	wrapped, err := client.WrapKey(public, raw)
	if err != nil {
		o.t.Fatal(err)
	}
	ciphertext, _ := wrapped.Ciphertext.Value()
	return ciphertext
}

// wrapped is wrap as it is sent.
func (o outsider) wrapped(key any) string {
	o.t.Helper()
	return base64.StdEncoding.EncodeToString(o.wrap(key))
}

func newEC(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newEd(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRSA(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// signedElsewhere is a token as the former signer made it.
func signedElsewhere(t *testing.T, alg, kid string, key crypto.PrivateKey, claims object) string {
	t.Helper()
	s, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.SignatureAlgorithm(alg), Key: key}, (&gojose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// verifiedElsewhere checks a token with the published keys of an issuer alone.
func verifiedElsewhere(t *testing.T, n *apitest.Node, issuer, alg, kid, token string) {
	t.Helper()
	var keys gojose.JSONWebKeySet
	published := n.Get("/issuers/"+issuer+"/jwks.json", "")
	if err := json.Unmarshal(published.Body, &keys); err != nil {
		t.Fatal(err)
	}
	sig, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	found := keys.Key(sig.Signatures[0].Header.KeyID)
	if len(found) != 1 || found[0].KeyID != kid {
		t.Fatalf("the kid %q is not published once: %s", kid, published)
	}
	if _, err := sig.Verify(found[0]); err != nil {
		t.Errorf("%s: %v", alg, err)
	}
}

func mustPKCS8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// weakKey is an RSA key of 1024 bits in PKCS #8, as openssl makes it: Go makes none.
func weakKey(t *testing.T) []byte {
	t.Helper()
	out, err := exec.Command("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024").Output()
	if err != nil {
		t.Skip("no openssl: ", err)
	}
	block, _ := pem.Decode(out)
	if block == nil {
		t.Fatal("openssl made no PEM")
	}
	return block.Bytes
}
