package keyring

import (
	"bytes"
	"compress/flate"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
)

// victim is an issuer with one key, and checks tokens as one does: the kid finds
// the key, and the key has its algorithm.
type victim struct {
	*bench
	v   *state.KeyVersion
	alg jose.Alg
}

var errRefused = errors.New("refused")

// accept says why a token is refused.
func (i *victim) accept(t testing.TB, token string) error {
	parsed, err := jose.Parse(token)
	if err != nil {
		return err
	}
	if parsed.Header.KID != i.v.KID {
		return fmt.Errorf("%w: unknown key", errRefused)
	}
	if err := i.alg.Check(&parsed.Header); err != nil {
		return err
	}
	ok, err := i.use(t, pass.Verify, i.v).VerifyJOSE(i.v, i.alg, parsed.SigningInput, parsed.Signature)
	if err == nil && !ok {
		err = fmt.Errorf("%w: signature", errRefused)
	}
	return err
}

// claims are what the attacker wants to be believed.
const claims = `{"sub":"admin"}`

// forge puts a token together; sig is as the attacker made it.
func forge(header, payload string, sig []byte) string {
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode(sig)
}

// mac signs a header with a secret the attacker knows.
func mac(header string, secret []byte) string {
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(input))
	return input + "." + encode(h.Sum(nil))
}

func newVictim(t testing.TB) *victim {
	w := &bench{Keyring: shared(t).Keyring}
	return &victim{w, shared(t).versions[state.RSA2048], jose.RS256}
}

// Attacks on the header and the signature of a JWS. Each token carries the kid of
// the issuer's key, so that nothing else stops it.
func TestAttacksOnSignedTokens(t *testing.T) {
	i := newVictim(t)
	good := i.token(t, i.v, i.alg, claims)
	if err := i.accept(t, good); err != nil {
		t.Fatal(err)
	}
	sig := good[strings.LastIndexByte(good, '.')+1:]
	signed := good[:strings.LastIndexByte(good, '.')]
	kid := `"kid":"` + i.v.KID + `"`
	h := func(members string) string { return "{" + members + "," + kid + "}" }
	attacks := map[string]string{
		"broken signature":                         forge(h(`"alg":"RS256"`), claims, []byte("broken")),
		"signature of another token":               forge(h(`"alg":"RS256"`), claims, unb64(t, sig)),
		"null signature":                           signed + ".",
		"no signature at all":                      signed,
		"payload changed under the signature":      strings.Split(good, ".")[0] + "." + encode([]byte(`{"sub":"root"}`)) + "." + sig,
		"duplicate alg, none first":                forge(h(`"alg":"none","alg":"RS256"`), claims, unb64(t, sig)),
		"duplicate alg, none last":                 forge(h(`"alg":"RS256","alg":"none"`), claims, nil),
		"alg under an escaped name":                forge(h(`"\u0061lg":"none"`), claims, []byte("x")),
		"alg in another case of the name":          forge(h(`"Alg":"none"`), claims, []byte("x")),
		"alg in another case, beside the real":     forge(h(`"ALG":"none","alg":"RS256"`), claims, []byte("x")),
		"alg with NUL":                             forge(h(`"alg":"RS256\u0000"`), claims, []byte("x")),
		"alg as an array":                          forge(h(`"alg":["RS256","none"]`), claims, []byte("x")),
		"kid twice":                                forge(`{"alg":"RS256",`+kid+`,"kid":"/dev/null"}`, claims, []byte("x")),
		"kid that climbs to /dev/null":             mac(`{"alg":"HS256","kid":"../../../../dev/null"}`, nil),
		"kid with SQL":                             mac(`{"alg":"HS256","kid":"x' UNION SELECT 'k' --"}`, []byte("k")),
		"kid with a command":                       mac(`{"alg":"HS256","kid":"x; id"}`, nil),
		"kid as an object":                         forge(`{"alg":"RS256","kid":{"$ne":""}}`, claims, []byte("x")),
		"kid of nobody":                            forge(`{"alg":"RS256","kid":"nobody"}`, claims, []byte("x")),
		"no kid":                                   forge(`{"alg":"RS256"}`, claims, []byte("x")),
		"crit that nobody understands":             forge(h(`"alg":"RS256","crit":["http://x"],"http://x":1`), claims, unb64(t, sig)),
		"b64 false":                                forge(h(`"alg":"RS256","crit":["b64"],"b64":false`), claims, unb64(t, sig)),
		"compressed payload":                       forge(h(`"alg":"RS256","zip":"DEF"`), claims, unb64(t, sig)),
		"UTF-16 header":                            forge("\xff\xfe{\x00}\x00", claims, []byte("x")),
		"byte order mark":                          forge("\ufeff"+h(`"alg":"RS256"`), claims, []byte("x")),
		"NUL in the header":                        forge(h(`"alg":"RS256"`)+"\x00", claims, []byte("x")),
		"deep header":                              forge(h(`"alg":"RS256","x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)), claims, []byte("x")),
		"huge number in the header":                forge(h(`"alg":1e400`), claims, []byte("x")),
		"header of another format":                 forge(`<alg>RS256</alg>`, claims, []byte("x")),
		"header that is a token":                   forge(good, claims, []byte("x")),
		"padding":                                  good + "==",
		"overlong base64, one spelling more":       good[:len(good)-1] + next(good[len(good)-1]),
		"standard alphabet":                        strings.ReplaceAll(strings.ReplaceAll(good, "-", "+"), "_", "/") + "+",
		"whitespace":                               strings.Replace(good, ".", " .", 1),
		"line breaks":                              strings.Replace(good, ".", "\r\n.", 1),
		"a thousand dots":                          strings.Repeat(".", 1000),
		"a million dots":                           strings.Repeat(".", 1000000),
		"four segments":                            good + "." + sig,
		"five segments, as an encrypted token":     good + "." + sig + "." + sig,
		"JSON serialization":                       `{"payload":"` + encode([]byte(claims)) + `","protected":"` + encode([]byte(h(`"alg":"RS256"`))) + `","signature":"` + sig + `"}`,
		"polyglot of JSON and compact":             `{"a":"` + good + `"}`,
		"JSON with two signatures, one of them ok": `{"payload":"x","signatures":[{"signature":"` + sig + `"},{"protected":"x"}]}`,
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", "noNe", " none", "none ", "no\\u006ee", ""} {
		attacks["alg "+none+", empty signature"] = forge(h(`"alg":"`+none+`"`), claims, nil)
		attacks["alg "+none+", some signature"] = forge(h(`"alg":"`+none+`"`), claims, []byte("x"))
		attacks["alg "+none+", the real signature"] = forge(h(`"alg":"`+none+`"`), claims, unb64(t, sig))
	}
	for name, token := range attacks {
		if token == good {
			t.Errorf("%s is no attack", name)
		}
		t.Run(name, func(t *testing.T) { i.refuses(t, token) })
	}
}

// next is the letter behind c in the alphabet of base64url, which changes the
// spare bits of a 256-byte signature alone.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)+1:][:1]
}

func (i *victim) refuses(t *testing.T, token string) {
	t.Helper()
	err := i.accept(t, token)
	if err == nil {
		t.Fatal("accepted")
	}
	if !errors.Is(err, jose.ErrMalformed) && !errors.Is(err, jose.ErrAlg) && !errors.Is(err, errRefused) {
		t.Errorf("refused by accident: %v", err)
	}
}

// HS256 with each spelling of the public key as the secret (CVE-2015-9235 and its
// regressions), with weak secrets and with none.
func TestAttackPublicKeyAsSecret(t *testing.T) {
	i := newVictim(t)
	public, err := x509.ParsePKIXPublicKey(i.v.Public)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(public.(*rsa.PublicKey))
	jwk, err := jose.PublicJWK(i.v.Public, i.alg, i.v.KID)
	if err != nil {
		t.Fatal(err)
	}
	spkiPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: i.v.Public})
	pkcs1PEM := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})
	secrets := map[string][]byte{"SPKI": i.v.Public, "PKCS #1": pkcs1, "JWK": jwk, "JWK set": jose.AppendJWKS(nil, jwk), "modulus": public.(*rsa.PublicKey).N.Bytes(),
		"nothing": {}, "a zero byte": {0}, "secret": []byte("secret"), "password": []byte("password"), "the kid": []byte(i.v.KID)}
	for name, text := range map[string][]byte{"SPKI in PEM": spkiPEM, "PKCS #1 in PEM": pkcs1PEM} {
		secrets[name] = text
		secrets[name+" without the last line break"] = bytes.TrimSpace(text)
		secrets[name+" behind a line break"] = append([]byte("\n"), text...)
		secrets[name+" behind spaces"] = append([]byte("   "), text...)
		secrets[name+" with CRLF"] = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
		secrets[name+" without lines"] = bytes.ReplaceAll(text, []byte("\n"), nil)
	}
	for name, secret := range secrets {
		t.Run(name, func(t *testing.T) { i.refuses(t, mac(`{"alg":"HS256","kid":"`+i.v.KID+`"}`, secret)) })
	}
	// Even a caller who took the algorithm from the token would get no further.
	if _, err := i.use(t, pass.Verify, i.v).VerifyJOSE(i.v, jose.HS256, []byte("x"), []byte("x")); !errors.Is(err, ErrAlg) {
		t.Errorf("%v", err)
	}
}

// A token that brings its own key, or says where to fetch it, is checked with the
// issuer's key, and nothing is fetched.
func TestAttackTokenBringsItsKey(t *testing.T) {
	i := newVictim(t)
	w := newBench(t)
	own := w.versionFor(t, state.RSA2048)
	jwk, err := jose.PublicJWK(own.Public, i.alg, i.v.KID)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	visited := make(chan struct{}, 1)
	go func() {
		if c, err := listener.Accept(); err == nil {
			_ = c.Close()
			visited <- struct{}{}
		}
	}()
	url := "http://" + listener.Addr().String() + "/jwks.json"
	for name, member := range map[string]string{
		"jwk": `"jwk":` + string(jwk), "jku": `"jku":"` + url + `"`, "x5u": `"x5u":"` + url + `"`, "x5c": `"x5c":["` + encode(own.Public) + `"]`,
		"jwk and jku": `"jwk":` + string(jwk) + `,"jku":"` + url + `"`, "x5t": `"x5t":"x","x5t#S256":"x"`,
	} {
		t.Run(name, func(t *testing.T) {
			input := encode([]byte(`{"alg":"RS256","kid":"`+i.v.KID+`",`+member+`}`)) + "." + encode([]byte(claims))
			i.refuses(t, input+"."+encode(w.signJOSE(t, own, i.alg, input)))
			// Beside the real signature these members say nothing.
			if err := i.accept(t, input+"."+encode(i.signJOSE(t, i.v, i.alg, input))); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	select {
	case <-visited:
		t.Error("somebody followed the address in a header")
	case <-time.After(50 * time.Millisecond): // whoever fetched would have to have dialled by now
	}
}

// A key is used with its one algorithm, whatever the others of its type could do.
func TestAttackAnotherAlgOfTheKey(t *testing.T) {
	i := newVictim(t)
	for _, alg := range jose.Algs() {
		if alg == i.alg || alg.Kty() != jose.KtyRSA {
			continue
		}
		i.refuses(t, i.token(t, i.v, alg, claims))
	}
	ed := &victim{i.bench, shared(t).versions[state.Ed25519], jose.EdDSA}
	ed.refuses(t, ed.token(t, ed.v, jose.Ed25519, claims))
}

// r = s = 0 and its relatives (CVE-2022-21449), the order of Ed25519 added to S,
// DER where R || S belongs, and lengths that are not the curve's.
func TestAttackSignatureValues(t *testing.T) {
	w := &bench{Keyring: shared(t).Keyring}
	ec := &victim{w, shared(t).versions[state.ECDSAP256], jose.ES256}
	good := ec.token(t, ec.v, ec.alg, claims)
	input, sig := good[:strings.LastIndexByte(good, '.')], unb64(t, good[strings.LastIndexByte(good, '.')+1:])
	for name, bad := range map[string][]byte{
		"psychic": make([]byte, 64), "psychic, one byte": {0}, "psychic, DER": {0x30, 6, 2, 1, 0, 2, 1, 0}, "DER": derFromRaw(sig, 32),
		"P-384's length": append(make([]byte, 32), sig...), "leading zeros": append(append(make([]byte, 1), sig[:32]...), append(make([]byte, 1), sig[32:]...)...),
		"r alone": sig[:32], "twice": append(bytes.Clone(sig), sig...), "swapped": append(bytes.Clone(sig[32:]), sig[:32]...),
	} {
		t.Run("ECDSA "+name, func(t *testing.T) { ec.refuses(t, input+"."+encode(bad)) })
	}
	ed := &victim{w, shared(t).versions[state.Ed25519], jose.EdDSA}
	good = ed.token(t, ed.v, ed.alg, claims)
	input, sig = good[:strings.LastIndexByte(good, '.')], unb64(t, good[strings.LastIndexByte(good, '.')+1:])
	order := unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010") // little-endian
	plus := bytes.Clone(sig)
	carry := 0
	for n := range 32 {
		carry += int(plus[32+n]) + int(order[n])
		plus[32+n] = byte(carry)
		carry >>= 8
	}
	for name, bad := range map[string][]byte{"S plus the order": plus, "zero": make([]byte, 64), "neutral R, S = 0": append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...), "63 bytes": sig[:63], "65 bytes": append(bytes.Clone(sig), 0)} {
		t.Run("Ed25519 "+name, func(t *testing.T) { ed.refuses(t, input+"."+encode(bad)) })
	}
}

// bomb is deflated zeros that inflate to many megabytes.
func bomb(t testing.TB) string {
	t.Helper()
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
