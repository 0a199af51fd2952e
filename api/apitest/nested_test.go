package apitest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// Tokens for a recipient outside are decrypted with its private key by two libraries,
// and what is inside verifies by the published keys of the issuer.
func TestRecipientsDecryptTheirTokens(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	var published gojose.JSONWebKeySet
	if err := json.Unmarshal(n.Get("/issuers/acme/jwks.json", "").Body, &published); err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256"} {
		for at, enc := range []string{"A128GCM", "A256GCM", "A256CBC-HS512"} {
			var key crypto.Signer = rsaKey
			if alg != "RSA-OAEP-256" {
				curve := []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}[at]
				if key, err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
					t.Fatal(err)
				}
			}
			recipient, kid := recipientOf(t, key.Public(), at == 0), "r1"
			if at != 0 { // the JWK has no kid
				kid = thumbprint(t, key.Public())
			}
			n.Must("jwt/issuers/acme/profiles/access", object{"encrypt": object{"recipient": recipient, "alg": alg, "enc": enc}})
			r := n.Must("jwt/sign/acme/access", object{"sub": "user:1", "aud": "a", "claims": object{"big": json.Number("9007199254740993")}})
			token, what := r.Text("data", "token"), alg+" "+enc
			if data, _ := r.At("data").(map[string]any); len(data) != 4 || strings.Contains(string(r.Body), `"header"`) {
				t.Errorf("%s: %s", what, r)
			}
			parsed, err := gojose.ParseEncryptedCompact(token, []gojose.KeyAlgorithm{gojose.KeyAlgorithm(alg)}, []gojose.ContentEncryption{gojose.ContentEncryption(enc)})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			inner, err := parsed.Decrypt(key)
			if err != nil || parsed.Header.KeyID != kid || parsed.Header.ExtraHeaders["cty"] != "JWT" || parsed.Header.ExtraHeaders["zip"] != nil {
				t.Fatalf("%s: %v, header %+v", what, err, parsed.Header)
			}
			wrap, known := jwa.LookupKeyEncryptionAlgorithm(alg)
			if !known {
				t.Fatal(alg)
			}
			again, err := jwe.Decrypt([]byte(token), jwe.WithKey(wrap, key))
			if err != nil || !bytes.Equal(again, inner) {
				t.Errorf("%s: jwx: %v", what, err)
			}
			sig, err := gojose.ParseSignedCompact(string(inner), []gojose.SignatureAlgorithm{gojose.ES256})
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			payload, err := sig.Verify(published.Keys[0])
			if err != nil || !bytes.Contains(payload, []byte(`"big":9007199254740993`)) || sig.Signatures[0].Header.ExtraHeaders["typ"] != "at+jwt" {
				t.Errorf("%s: %v, %s", what, err, payload)
			}
			// The key is somebody else's: this server cannot read it again.
			if v := n.Must("jwt/decrypt/acme", object{"token": token}); v.Text("data", "reason") != "unknown_key" {
				t.Errorf("%s: %s", what, v)
			}
		}
	}
}

func recipientOf(t *testing.T, public crypto.PublicKey, named bool) json.RawMessage {
	t.Helper()
	k := gojose.JSONWebKey{Key: public, Use: "enc"}
	if named {
		k.KeyID = "r1"
	}
	out, err := k.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// thumbprint is that of RFC 7638, by a library that is not ours.
func thumbprint(t *testing.T, public crypto.PublicKey) string {
	t.Helper()
	sum, err := (&gojose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// What others encrypt around our tokens with the public half of a transit key is
// decrypted and verified in one call.
func TestTokensThatOthersEncrypted(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	n.Must("transit/keys/rsa", object{"type": "rsa-2048"})
	n.Must("jwt/issuers/acme/profiles/nested", object{"encrypt": object{"transit_key": "rsa", "alg": "RSA-OAEP-256", "enc": "A256GCM"}})
	public := publicKey(t, n.Get("transit/keys/rsa", n.Root()), 1)
	kid := thumbprint(t, public)
	signed := n.Must("jwt/sign/acme/access", object{"sub": "user:1", "aud": "a"}).Text("data", "token")
	payload := part(t, signed, 1)
	want := func(what, token string) {
		t.Helper()
		v := n.Must("jwt/decrypt/acme", object{"token": token, "audience": "a", "profile": "access", "max_age": "1h"})
		data, _ := v.At("data").(map[string]any)
		if len(data) != 5 || data["active"] != true || data["signed"] != true || data["encrypted"] != true || v.Header.Get("Cache-Control") != "no-store" ||
			!bytes.Contains(v.Body, append([]byte(`"claims":`), payload...)) || !bytes.Contains(v.Body, append([]byte(`"header":`), part(t, signed, 0)...)) {
			t.Errorf("%s: %s", what, v)
		}
	}
	for _, enc := range []gojose.ContentEncryption{gojose.A128GCM, gojose.A256GCM, gojose.A256CBC_HS512} {
		e, err := gojose.NewEncrypter(enc, gojose.Recipient{Algorithm: gojose.RSA_OAEP_256, Key: public, KeyID: kid}, (&gojose.EncrypterOptions{}).WithContentType("JWT"))
		if err != nil {
			t.Fatal(err)
		}
		object, err := e.Encrypt([]byte(signed))
		if err != nil {
			t.Fatal(err)
		}
		token, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		want("go-jose "+string(enc), token)
	}
	headers := jwe.NewHeaders()
	for name, value := range map[string]any{"kid": kid, "cty": "JWT"} {
		if err := headers.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	token, err := jwe.Encrypt([]byte(signed), jwe.WithKey(jwa.RSA_OAEP_256(), public), jwe.WithContentEncryption(jwa.A256CBC_HS512()), jwe.WithProtectedHeaders(headers))
	if err != nil {
		t.Fatal(err)
	}
	want("jwx", string(token))
}

// Whoever decrypts for an issuer needs nothing on the key, and whoever may encrypt
// with the key gets no claim; nothing of a token is in a log.
func TestNestedTokensByPolicy(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	mintable(n, "acme", "ES256", object{})
	n.Must("transit/keys/box", object{"type": "aes256-gcm96"})
	n.Must("jwt/issuers/acme/profiles/nested", object{"encrypt": object{"transit_key": "box", "alg": "dir", "enc": "A256GCM"}})
	minter := n.Allow("minter", "jwt/sign/acme/nested", "update")
	reader := n.Allow("reader", "jwt/decrypt/acme", "update")
	made := wantStatus(t, n.Post("jwt/sign/acme/nested", minter, object{"sub": "canary-user", "aud": "a"}), 200)
	token := made.Text("data", "token")
	r := wantStatus(t, n.Post("jwt/decrypt/acme", reader, object{"token": token}), 200)
	if r.At("data", "active") != true || r.Text("data", "claims", "sub") != "canary-user" {
		t.Error(r)
	}
	for _, path := range []string{"jwt/decrypt/nobody", "jwt/verify/acme", "transit/decrypt/box"} {
		wantError(t, n.Post(path, reader, nil), 403, "permission_denied")
	}
	for _, path := range []string{"jwt/decrypt/acme", "jwt/decrypt/nobody", "transit/encrypt/box"} {
		wantError(t, n.Post(path, minter, nil), 403, "permission_denied")
	}
	wantError(t, n.Post("jwt/decrypt/acme", reader, object{}), 400, "bad_request")
	wantText(t, wantError(t, n.Post("jwt/decrypt/acme", reader, object{"token": token, "batch_input": []object{}}), 400, "unknown_field"), "batch_input")
	wantError(t, n.Post("jwt/decrypt/acme", reader, object{"token": token, "profile": "other"}), 400, "profile_not_found")
	wantError(t, n.Post("jwt/decrypt/other", n.Root(), object{"token": token}), 400, "issuer_not_found")

	once := n.Must("jwt/sign/acme/nested", object{"sub": "user:2", "aud": "a"}).Text("data", "token")
	for _, reason := range []string{"", "replayed"} {
		if v := n.Must("jwt/decrypt/acme", object{"token": once, "single_use": true}); (v.At("data", "active") == true) != (reason == "") || reason != "" && v.Text("data", "reason") != reason {
			t.Errorf("want %q: %s", reason, v)
		}
	}
	v := n.Must("jwt/verify/acme", object{"token": token})
	if v.Text("data", "reason") != "malformed" || !strings.Contains(fmt.Sprint(v.At("warnings")), "jwt/decrypt") {
		t.Error(v)
	}
	for _, c := range []struct {
		reply  apitest.Reply
		fields map[string]string
	}{
		{made, map[string]string{"encrypted": "true", "encrypted_key": "box", "encrypted_version": "1"}},
		{r, map[string]string{"encrypted_key": "box", "encrypted_version": "1"}},
	} {
		found := records(t, n, func(p audit.Parsed) bool { return ofRequest(c.reply)(p) && strings.HasPrefix(p.Operation, "jwt/") })
		if len(found) != 1 || found[0].KID == "" || found[0].Fields["encrypted_kid"] == "" || found[0].Fields["encrypted_kid"] == found[0].KID {
			t.Fatalf("%+v", found)
		}
		for name, value := range c.fields {
			if found[0].Fields[name] != value {
				t.Errorf("%s is %q", name, found[0].Fields[name])
			}
		}
	}
	raw, err := os.ReadFile(n.AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	if log := string(raw) + n.Log(); strings.Contains(log, "canary-user") || strings.Contains(log, strings.Split(token, ".")[3]) {
		t.Error("a token, or what is in it, is in a log")
	}
}
