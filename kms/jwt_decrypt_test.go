package kms

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// nestedIssuer makes an issuer whose profiles "rsa" and "aes" encrypt with transit
// keys of the same names, and "access" signs alone.
func (n *node) nestedIssuer(name string) {
	n.t.Helper()
	n.issuer(name, "", `{"scopes":["orders:read"]}`)
	for key, typ := range map[string]string{"rsa": "rsa-2048", "aes": "aes256-gcm96"} {
		if n.view.Load().Key(n.mountUUID(), key) == nil {
			n.key(key, typ)
		}
	}
	n.profile(name, "rsa", `{"encrypt":{"transit_key":"rsa","alg":"RSA-OAEP-256","enc":"A256GCM"}}`)
	n.profile(name, "aes", `{"encrypt":{"transit_key":"aes","alg":"dir","enc":"A256GCM"}}`)
}

func (n *node) nested(issuer, profile string) (IssuedJWT, error) {
	out, err := n.SignJWT(n.rootCall("jwt/sign/"+issuer+"/"+profile), issuer, profile, []JWTRequest{subject("user:1")}, nil, false)
	if err != nil {
		return IssuedJWT{}, err
	}
	return out[0], nil
}

func (n *node) mustNest(issuer, profile string) string {
	n.t.Helper()
	out, err := n.nested(issuer, profile)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(out.Token)
}

func (n *node) decrypted(issuer, token string, d JWTDemand) JWTVerdict {
	n.t.Helper()
	v, err := n.DecryptJWT(n.rootCall("jwt/decrypt/"+issuer), issuer, d, token)
	if err != nil {
		n.t.Fatal(err)
	}
	if v.Active != (v.Reason == "") || v.Active != (v.Claims != nil) || v.Active != (v.Header != nil) {
		n.t.Errorf("%+v", v)
	}
	return v
}

// latest is the latest version of a transit key.
func (n *node) latest(key string) *state.KeyVersion {
	st := n.view.Load()
	k := st.Key(n.mountUUID(), key)
	return st.Version(k.Mount, k.Name, k.Latest)
}

// encrypted is what a stranger makes of anything, with the public half of a key.
func (n *node) encrypted(kid, cty, content string, more map[gojose.HeaderKey]any) string {
	n.t.Helper()
	public, err := x509.ParsePKIXPublicKey(n.latest("rsa").Public)
	if err != nil {
		n.t.Fatal(err)
	}
	return encryptTo(n.t, public.(*rsa.PublicKey), kid, cty, content, more)
}

func encryptTo(t testing.TB, public *rsa.PublicKey, kid, cty, content string, more map[gojose.HeaderKey]any) string {
	t.Helper()
	o := &gojose.EncrypterOptions{}
	if cty != "" {
		o = o.WithContentType(gojose.ContentType(cty))
	}
	for name, value := range more {
		o = o.WithHeader(name, value)
	}
	e, err := gojose.NewEncrypter(gojose.A256GCM, gojose.Recipient{Algorithm: gojose.RSA_OAEP_256, Key: public, KeyID: kid}, o)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenIsSignedAndThenEncrypted(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	for _, profile := range []string{"rsa", "aes"} {
		c := n.rootCall("jwt/sign/acme/" + profile)
		out, err := n.SignJWT(c, "acme", profile, []JWTRequest{subject("user:1")}, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		e, err := jose.ParseEncrypted(string(out[0].Token))
		if err != nil || e.Header.Cty != "JWT" || e.Header.KID != n.latest(profile).KID {
			t.Fatalf("%s: %+v, %v", profile, e, err)
		}
		v := n.decrypted("acme", string(out[0].Token), JWTDemand{Profile: "access", Audience: "api://orders"})
		if !v.Active || !strings.Contains(string(v.Header), `"kid":"`+out[0].KID+`"`) || !strings.Contains(string(v.Header), `"typ":"at+jwt"`) || !strings.Contains(string(v.Claims), out[0].JTI) {
			t.Errorf("%s: %+v", profile, v)
		}
		r := n.recordsOf(c)
		r = r[len(r)-1:] // an AES key books its encryptions, under the same request
		if r[0].Fields["encrypted"] != "true" || r[0].Fields["encrypted_kid"] != e.Header.KID || r[0].Fields["encrypted_key"] != profile ||
			r[0].KID != out[0].KID || r[0].Output != n.gate.Hash(out[0].Token) {
			t.Errorf("%s is recorded as %+v", profile, r)
		}
		c = n.rootCall("jwt/decrypt/acme")
		if _, err := n.DecryptJWT(c, "acme", JWTDemand{}, string(out[0].Token)); err != nil {
			t.Fatal(err)
		}
		r = n.recordsOf(c)
		if len(r) != 1 || r[0].KID != out[0].KID || r[0].JTI != out[0].JTI || r[0].Fields["encrypted_kid"] != e.Header.KID || r[0].Fields["encrypted_version"] != "1" ||
			r[0].Input != n.gate.Hash(out[0].Token) {
			t.Errorf("%s: decryption is recorded as %+v", profile, r)
		}
	}
	if out, err := n.jwt("acme", subject("user:1")); err != nil || bytes.Count(out.Token, []byte(".")) != 2 {
		t.Errorf("a profile without encryption: %v", err)
	}
}

// What somebody makes who knows the public half, or may encrypt with the key: no
// claim of it is told. Each case is an attack.
func TestEncryptionAloneProvesNothing(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	n.nestedIssuer("other")
	kid := n.latest("rsa").KID
	signed := n.mustIssue("acme", "user:1")
	foreign := n.mustIssue("other", "user:1")
	nested := n.mustNest("acme", "rsa")
	parts := strings.Split(signed, ".")
	claims := string(mustPart(t, signed, 1))
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + parts[1] + "."
	forged := parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	in := func(content string) string { return n.encrypted(kid, "JWT", content, nil) }
	with := func(name gojose.HeaderKey, value any) string {
		return n.encrypted(kid, "JWT", signed, map[gojose.HeaderKey]any{name: value})
	}
	for attack, c := range map[string]struct{ token, reason string }{
		"a stranger encrypts a good token":              {in(signed), ""},
		"unsigned inner token, alg none":                {in(unsigned), "malformed"},
		"unsigned inner token, no signature":            {in(parts[0] + "." + parts[1] + "."), "malformed"},
		"unsigned inner token, two segments":            {in(parts[0] + "." + parts[1]), "malformed"},
		"unsigned inner token, signature of zeros":      {in(forged), "bad_signature"},
		"null inner token":                              {in("null"), "malformed"},
		"empty inner token":                             {in(""), "malformed"},
		"plain claims":                                  {in(claims), "malformed"},
		"claims as a JSON text":                         {in(`"` + signed + `"`), "malformed"},
		"inner token of another issuer":                 {in(foreign), "unknown_key"},
		"a JWE in the JWE":                              {in(nested), "malformed"},
		"white space around the inner token":            {in(signed + " "), "malformed"},
		"no cty":                                        {n.encrypted(kid, "", signed, nil), "malformed"},
		"cty of something else":                         {n.encrypted(kid, "text/xml", signed, nil), "malformed"},
		"cty as a media type":                           {n.encrypted(kid, "application/jwt", signed, nil), ""},
		"no kid":                                        {n.encrypted("", "JWT", signed, nil), "unknown_key"},
		"kid of nobody":                                 {n.encrypted("../../etc/passwd", "JWT", signed, nil), "unknown_key"},
		"kid of the issuer's own key":                   {n.encrypted(n.signerOf("acme"), "JWT", signed, nil), "unknown_key"},
		"kid of a key of another type":                  {n.encrypted(n.latest("aes").KID, "JWT", signed, nil), "bad_signature"},
		"replicated claim that is the same":             {with("aud", "api://orders"), ""},
		"replicated claim that differs":                 {with("sub", "admin"), "malformed"},
		"replicated claim of another type":              {with("aud", []string{"api://orders"}), "malformed"},
		"replicated claim that the token does not have": {with("scope", "orders:write"), "malformed"},
		"replicated claim that differs, of a number":    {with("exp", 9999999999), "malformed"},
		"a header of its own is no claim":               {with("note", "x"), ""},
		"crit":                                          {with("crit", []string{"exp"}), "malformed"},
		"a signed token alone":                          {signed, "malformed"},
		"no token":                                      {"x", "malformed"},
		"thousands of dots":                             {strings.Repeat(".", 60000), "malformed"},
		"empty encrypted key":                           {segment(nested, 1, ""), "malformed"},
		"short encrypted key":                           {segment(nested, 1, "AAAA"), "bad_signature"},
		"encrypted key of zeros":                        {segment(nested, 1, base64.RawURLEncoding.EncodeToString(make([]byte, 256))), "bad_signature"},
		"encrypted key above the modulus":               {segment(nested, 1, base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 256))), "bad_signature"},
		"broken tag":                                    {segment(nested, 4, base64.RawURLEncoding.EncodeToString(make([]byte, 16))), "bad_signature"},
		"short tag":                                     {segment(nested, 4, "AAAA"), "malformed"},
		"broken iv":                                     {segment(nested, 2, base64.RawURLEncoding.EncodeToString(make([]byte, 12))), "bad_signature"},
		"broken ciphertext":                             {segment(nested, 3, "AAAA"), "bad_signature"},
		"header replaced":                               {segment(nested, 0, strings.Split(with("note", "x"), ".")[0]), "bad_signature"},
		"a content key of another token":                {segment(nested, 1, strings.Split(in(signed), ".")[1]), "bad_signature"},
	} {
		for _, d := range []JWTDemand{{}, {SingleUse: c.reason != ""}} {
			if v := n.decrypted("acme", c.token, d); v.Reason != c.reason {
				t.Errorf("%s: %+v, want %q", attack, v, c.reason)
			}
		}
	}
	// What failed spent nothing.
	if v := n.decrypted("acme", in(signed), JWTDemand{SingleUse: true}); !v.Active {
		t.Errorf("the first use: %+v", v)
	}
	if v := n.decrypted("acme", in(signed), JWTDemand{SingleUse: true}); v.Reason != "replayed" {
		t.Errorf("the second use: %+v", v)
	}
}

// Whoever may encrypt with the AES key can make a JWE of anything too.
func TestATransitCallerMakesNoToken(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	header := jose.NewEncProtected(jose.Dir, jose.A256GCM, n.latest("aes").KID, "JWT")
	make := func(content string) string {
		out, err := n.Encrypt(n.rootCall("transit/encrypt/aes"), KeyRef{Mount: "transit", Name: "aes"}, []Item{{Input: field(content), AAD: field(string(header))}}, false)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(out[0].Text, "vault:v1:"))
		if err != nil {
			t.Fatal(err)
		}
		return jose.CompactJWE(header, nil, sealed[:12], sealed[12:len(sealed)-16], sealed[len(sealed)-16:])
	}
	for content, reason := range map[string]string{
		n.mustIssue("acme", "user:1"): "", `{"sub":"admin","exp":9999999999}`: "malformed", "null": "malformed", "": "malformed",
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.": "malformed",
	} {
		if v := n.decrypted("acme", make(content), JWTDemand{}); v.Reason != reason {
			t.Errorf("%s: %+v", content, v)
		}
	}
	// AES tokens have no encrypted key, and other algorithms than dir no say.
	token := n.mustNest("acme", "aes")
	if v := n.decrypted("acme", segment(token, 1, "AAAA"), JWTDemand{}); v.Reason != "malformed" {
		t.Errorf("%+v", v)
	}
	if v := n.decrypted("acme", segment(token, 4, base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{1}, 16))), JWTDemand{}); v.Reason != "bad_signature" {
		t.Errorf("%+v", v)
	}
}

// mustPart decodes a segment.
func mustPart(t testing.TB, token string, at int) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[at])
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// segment replaces one segment.
func segment(token string, at int, by string) string {
	parts := strings.Split(token, ".")
	parts[at] = by
	return strings.Join(parts, ".")
}

// signerOf is the kid of the version that signs for an issuer.
func (n *node) signerOf(issuer string) string {
	n.t.Helper()
	i, err := n.rootCall("x").view.issuer(issuer)
	if err != nil {
		n.t.Fatal(err)
	}
	return i.signer.KID
}

// The inner token is asked all that verify asks, in the same words.
func TestTheInnerTokenIsVerified(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	n.profile("acme", "id", `{"typ":"JWT"}`)
	token := n.mustNest("acme", "rsa")
	for what, c := range map[string]struct {
		d    JWTDemand
		want string
	}{
		"good":     {JWTDemand{Audience: "api://orders", Typ: "at+jwt", Profile: "rsa", MaxAge: time.Hour}, ""},
		"audience": {JWTDemand{Audience: "api://other"}, "wrong_audience"},
		"typ":      {JWTDemand{Typ: "JWT"}, "wrong_type"},
		"profile":  {JWTDemand{Profile: "id"}, "wrong_type"},
		"scope":    {JWTDemand{Scope: "orders:read"}, "insufficient_scope"},
	} {
		if v := n.decrypted("acme", token, c.d); v.Reason != c.want {
			t.Errorf("%s: %+v", what, v)
		}
	}
	n.mustRevoke("acme", JWTRevocation{Subject: "user:1"})
	if v := n.decrypted("acme", token, JWTDemand{}); v.Reason != "revoked" {
		t.Errorf("%+v", v)
	}
	decrypt := func(issuer string, d JWTDemand, token string) error {
		_, err := n.DecryptJWT(n.rootCall("jwt/decrypt/"+issuer), issuer, d, token)
		return err
	}
	if err := decrypt("nobody", JWTDemand{}, token); !errors.Is(err, ErrIssuerNotFound) {
		t.Error(err)
	}
	if err := decrypt("acme", JWTDemand{Profile: "nobody"}, token); !errors.Is(err, ErrProfileNotFound) {
		t.Error(err)
	}
	if err := decrypt("acme", JWTDemand{}, ""); !errors.Is(err, ErrBadRequest) {
		t.Error(err)
	}
	if err := decrypt("acme", JWTDemand{MaxAge: time.Millisecond}, token); !errors.Is(err, ErrBadRequest) {
		t.Error(err)
	}
	// verify takes signed tokens alone, and says where the others go.
	c := n.rootCall("jwt/verify/acme")
	out, err := n.VerifyJWT(c, "acme", JWTDemand{}, []string{token, token}, true)
	if err != nil || out[0].Reason != "malformed" || out[1].Claims != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "jwt/decrypt") {
		t.Errorf("%+v, %v, warnings %q", out, err, c.Warnings)
	}
}

// Another issuer's profile may name the same key: the token is still its issuer's.
func TestAKeyOfTwoIssuers(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	n.nestedIssuer("other")
	n.issuer("third", "", `{}`)
	token := n.mustNest("acme", "rsa")
	if v := n.decrypted("other", token, JWTDemand{}); v.Reason != "unknown_key" {
		t.Errorf("%+v", v)
	}
	if v := n.decrypted("third", token, JWTDemand{}); v.Reason != "unknown_key" {
		t.Errorf("an issuer that names no key: %+v", v)
	}
	if v := n.decrypted("acme", token, JWTDemand{}); !v.Active {
		t.Errorf("%+v", v)
	}
}

// Which versions of the transit key encrypt and decrypt tokens.
func TestTheTransitKeysVersions(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	for _, name := range []string{"rsa", "aes"} {
		ref := KeyRef{Mount: "transit", Name: name}
		first := n.mustNest("acme", name)
		if _, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/"+name+"/rotate"), ref); err != nil {
			t.Fatal(err)
		}
		second := n.mustNest("acme", name)
		if e, err := jose.ParseEncrypted(second); err != nil || e.Header.KID != n.latest(name).KID || n.latest(name).Number != 2 {
			t.Fatalf("%s: %+v, %v", name, e, err)
		}
		want := func(token, reason string) {
			t.Helper()
			if v := n.decrypted("acme", token, JWTDemand{}); v.Reason != reason {
				t.Errorf("%s: %+v, want %q", name, v, reason)
			}
		}
		move := func(version int64, to state.VersionState) {
			t.Helper()
			if _, err := n.SetKeyState(t.Context(), n.rootCall("transit/keys/"+name+"/state"), ref, StateRequest{Version: version, State: string(to)}); err != nil {
				t.Fatal(err)
			}
		}
		want(first, "")
		want(second, "")
		move(2, state.Suspended)
		if _, err := n.nested("acme", name); !errors.Is(err, ErrVersionState) {
			t.Errorf("%s: a suspended version encrypts: %v", name, err)
		}
		want(second, "unknown_key")
		want(first, "")
		move(2, state.Active)
		want(second, "")
		minimum := int64(2)
		if _, err := n.ConfigKey(t.Context(), n.rootCall("transit/keys/"+name+"/config"), ref, ConfigKeyRequest{MinDecryption: &minimum}); err != nil {
			t.Fatal(err)
		}
		want(first, "unknown_key")
		move(2, state.Compromised)
		want(second, "unknown_key")
		deletable := true
		if _, err := n.ConfigKey(t.Context(), n.rootCall("transit/keys/"+name+"/config"), ref, ConfigKeyRequest{DeletionAllowed: &deletable}); err != nil {
			t.Fatal(err)
		}
		if err := n.delete(ref, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := n.nested("acme", name); !errors.Is(err, ErrKeyDeleted) {
			t.Errorf("%s: a deleted key encrypts: %v", name, err)
		}
		want(second, "unknown_key")
	}
}

// AES encryptions of tokens count as those of transit do.
func TestNestedTokensAreCounted(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	before := n.latest("aes").Encryptions
	n.mustNest("acme", "aes")
	if after := n.latest("aes").Encryptions; after <= before {
		t.Errorf("%d encryptions are booked, %d before", after, before)
	}
}

// The whole outer token counts, and a batch has its errors one by one.
func TestLongNestedTokens(t *testing.T) {
	n := newNode(t)
	n.nestedIssuer("acme")
	n.profile("acme", "aes", `{"max_token_bytes":900,"encrypt":{"transit_key":"aes","alg":"dir","enc":"A256GCM"}}`)
	req := func(size int) JWTRequest {
		r := subject("user:1")
		r.Claims = []byte(`{"x":"` + strings.Repeat("x", size) + `"}`)
		return r
	}
	out, err := n.SignJWT(n.rootCall("jwt/sign/acme/aes"), "acme", "aes", []JWTRequest{req(1), req(130), req(2000), subject("user:2")}, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, long := range []bool{false, true, true, false} {
		if errors.Is(out[i].Err, ErrClaimNotAllowed) != long || (out[i].Token == nil) != long || !long && len(out[i].Token) > 900 {
			t.Errorf("%d: %d bytes, %v", i, len(out[i].Token), out[i].Err)
		}
		if !long {
			if v := n.decrypted("acme", string(out[i].Token), JWTDemand{}); !v.Active {
				t.Errorf("%d: %+v", i, v)
			}
		}
	}
	if err := out[1].Err; err == nil || !strings.Contains(err.Error(), "when it is encrypted") {
		t.Error(err)
	}
}
