package keyring

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkhmac "github.com/tink-crypto/tink-go/v2/mac/hmac"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	tinked25519 "github.com/tink-crypto/tink-go/v2/signature/ed25519"
	"github.com/tink-crypto/tink-go/v2/signature/rsassapss"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/jose"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

// bench is an unsealed keyring whose key versions are made from the keys of test
// vectors: as SPKI, or as sealed keysets that nothing but the keyring opens.
type bench struct {
	*Keyring
	b *barrier.Barrier
}

func newBench(t testing.TB) *bench {
	b := newBarrier(t)
	k := New()
	k.Unseal(b)
	return &bench{k, b}
}

func (w *bench) record(typ state.KeyType) *state.KeyVersion {
	return &state.KeyVersion{Mount: mount, Name: "vector", Number: 1, Type: typ, State: state.Active, KID: "vector"}
}

// publicVersion is the version of a public JWK.
func (w *bench) publicVersion(k *jose.JWK) (*state.KeyVersion, error) {
	spki, err := k.SPKI()
	if err != nil {
		return nil, err
	}
	v := w.record("")
	v.Public = spki
	switch k := k.Key().(type) {
	case *ecdsa.PublicKey:
		v.Type = map[string]state.KeyType{"P-256": state.ECDSAP256, "P-384": state.ECDSAP384, "P-521": state.ECDSAP521}[k.Params().Name]
	case *rsa.PublicKey:
		v.Type = state.KeyType(fmt.Sprintf("rsa-%d", k.N.BitLen()))
	case ed25519.PublicKey:
		v.Type = state.Ed25519
	}
	return v, nil
}

// sealedVersion is the version of a clear key.
func (w *bench) sealedVersion(typ state.KeyType, k key.Key) (*state.KeyVersion, error) {
	m := keyset.NewManager()
	id, err := m.AddKey(k)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	h, err := m.Handle()
	if err != nil {
		return nil, err
	}
	v := w.record(typ)
	if v.Sealed, err = sealKeyset(w.b, v, h); err != nil {
		return nil, err
	}
	x, err := openSecret(w.b, v)
	if err != nil {
		return nil, err
	}
	v.Public, err = x.spki()
	return v, err
}

func secretBytes(b []byte) secretdata.Bytes {
	return secretdata.NewBytesFromData(b, insecuresecretdataaccess.Token{})
}

func (w *bench) hmacVersion(raw []byte) (*state.KeyVersion, error) {
	p, err := macParameters(len(raw))
	if err != nil {
		return nil, err
	}
	k, err := tinkhmac.NewKey(secretBytes(raw), p.(*tinkhmac.Parameters), 0)
	if err != nil {
		return nil, err
	}
	return w.sealedVersion(state.HMAC, k)
}

func (w *bench) aesVersion(raw []byte) (*state.KeyVersion, error) {
	typ := map[int]state.KeyType{16: state.AES128GCM, 32: state.AES256GCM}[len(raw)]
	p, err := parameters(typ)
	if err != nil {
		return nil, err
	}
	k, err := aesgcm.NewKey(secretBytes(raw), 0, p.(*aesgcm.Parameters))
	if err != nil {
		return nil, err
	}
	return w.sealedVersion(typ, k)
}

func (w *bench) edVersion(seed []byte) (*state.KeyVersion, error) {
	p, err := parameters(state.Ed25519)
	if err != nil {
		return nil, err
	}
	k, err := tinked25519.NewPrivateKey(secretBytes(seed), 0, *p.(*tinked25519.Parameters))
	if err != nil {
		return nil, err
	}
	return w.sealedVersion(state.Ed25519, k)
}

// secretJWK are the private members of a JWK in clear, which production code never
// reads.
type secretJWK struct {
	D, P, Q, DP, DQ, QI, K, N, X, Y string
	Crv                             string
}

func readSecret(t testing.TB, raw []byte) *secretJWK {
	t.Helper()
	s := &secretJWK{}
	if err := json.Unmarshal(raw, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *bench) rsaVersion(t testing.TB, s *secretJWK) (*state.KeyVersion, error) {
	n := unb64(t, s.N)
	typ := state.KeyType(fmt.Sprintf("rsa-%d", new(big.Int).SetBytes(n).BitLen()))
	p, err := parameters(typ)
	if err != nil {
		return nil, err
	}
	public, err := rsassapss.NewPublicKey(n, 0, p.(*rsassapss.Parameters))
	if err != nil {
		return nil, err
	}
	k, err := rsassapss.NewPrivateKey(public, rsassapss.PrivateKeyValues{
		P: secretBytes(unb64(t, s.P)), Q: secretBytes(unb64(t, s.Q)), D: secretBytes(unb64(t, s.D)),
	})
	if err != nil {
		return nil, err
	}
	return w.sealedVersion(typ, k)
}

func (s *secretJWK) ec(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	typ := map[string]state.KeyType{"P-256": state.ECDSAP256, "P-384": state.ECDSAP384, "P-521": state.ECDSAP521}[s.Crv]
	k, err := ecdsa.ParseRawPrivateKey(curve(typ), unb64(t, s.D))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var errNoKey = errors.New("no key of the set has this kid")

// publicHalf takes the private members away: parsing a private JWK as a public
// one is refused, which has its own tests.
func publicHalf(t testing.TB, raw []byte) []byte {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
		delete(m, name)
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// verifyVector checks a token as an issuer does: the key comes from the kid, the
// algorithm from the key. raw is a JWK or a set of them, private or public.
func (w *bench) verifyVector(t testing.TB, raw []byte, token string) (*jose.Token, error) {
	parsed, err := jose.Parse(token)
	if err != nil {
		return nil, err
	}
	entry, err := choose(raw, parsed.Header.KID)
	if err != nil {
		return nil, err
	}
	alg := jose.Alg(entry.Alg)
	if alg == "" {
		alg = parsed.Header.Alg // whoever does not say is asked for use and key_ops all the same
	}
	if err := alg.Check(&parsed.Header); err != nil {
		return nil, err
	}
	if err := entry.CheckVerify(alg); err != nil {
		return nil, err
	}
	v, err := w.verifier(t, entry)
	if err != nil {
		return nil, err
	}
	u, err := w.Open(pass.Mint(pass.Verify, v.ID()), pass.Verify, v.ID())
	if err != nil {
		return nil, err
	}
	defer u.Close()
	ok, err := u.VerifyJOSE(v, alg, parsed.SigningInput, parsed.Signature)
	if err == nil && !ok {
		err = errors.New("the signature does not verify")
	}
	return parsed, err
}

func (w *bench) verifier(t testing.TB, entry *jose.Entry) (*state.KeyVersion, error) {
	if entry.KTY == jose.KtyOct {
		return w.hmacVersion(unb64(t, readSecret(t, entry.Raw).K))
	}
	k, err := jose.ParseJWK(publicHalf(t, entry.Raw))
	if err != nil {
		return nil, err
	}
	return w.publicVersion(k)
}

// choose finds the key of a kid in a set, or the one key there is.
func choose(raw []byte, kid string) (*jose.Entry, error) {
	var shape struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(raw, &shape); err != nil {
		return nil, err
	}
	if shape.Keys == nil {
		p, err := jose.ReadJWK(raw)
		if err != nil {
			return nil, err
		}
		if kid != "" && p.KID != "" && kid != p.KID {
			return nil, errNoKey
		}
		return &jose.Entry{Params: *p, Raw: raw}, nil
	}
	entries, err := jose.ReadJWKS(raw)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if kid != "" && e.KID == kid {
			return &e, nil
		}
	}
	return nil, errNoKey
}

// decryptVector decrypts a token with a private JWK under every algorithm that this
// code knows.
func (w *bench) decryptVector(t testing.TB, raw []byte, token string) ([]byte, error) {
	e, err := jose.ParseEncryptedAllowing(token, wide())
	if err != nil {
		return nil, err
	}
	entry, err := choose(raw, e.Header.KID)
	if err != nil {
		return nil, err
	}
	if err := entry.CheckDecrypt(e.Header.Alg, e.Header.Enc); err != nil {
		return nil, err
	}
	s := readSecret(t, raw)
	var v *state.KeyVersion
	switch e.Header.Alg {
	case jose.RSAOAEP256:
		v, err = w.rsaVersion(t, s)
	case jose.Dir:
		v, err = w.aesVersion(unb64(t, s.K))
	case jose.RSAOAEP:
		if v, err = w.rsaVersion(t, s); err != nil {
			return nil, err
		}
		x, err := openSecret(w.b, v)
		if err != nil {
			return nil, err
		}
		return decryptJWE(&oaep{key: x.rsa, alg: jose.RSAOAEP, enc: e.Header.Enc}, e)
	default:
		if entry.KTY == jose.KtyEC {
			return decryptJWE(s.ec(t), e)
		}
		return decryptJWE(unb64(t, s.K), e)
	}
	if err != nil {
		return nil, err
	}
	u, err := w.Open(pass.Mint(pass.Decrypt, v.ID()), pass.Decrypt, v.ID())
	if err != nil {
		return nil, err
	}
	defer u.Close()
	return u.DecryptJWE(v, e.Header.Alg, e)
}

// wide are all algorithms but RSA1_5 and PBES2, which nothing here knows.
func wide() jose.Allowed {
	return jose.Allowed{
		Algs: []jose.KeyAlg{jose.ECDHES, jose.ECDHESA128KW, jose.ECDHESA192KW, jose.ECDHESA256KW, jose.RSAOAEP, jose.RSAOAEP256,
			jose.Dir, jose.A128KW, jose.A192KW, jose.A256KW, jose.A128GCMKW, jose.A192GCMKW, jose.A256GCMKW},
		Encs: []jose.Enc{jose.A128GCM, jose.A192GCM, jose.A256GCM, jose.A128CBCHS256, jose.A192CBCHS384, jose.A256CBCHS512},
	}
}
