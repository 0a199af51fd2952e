package keyring

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/signet-kms/signet/kms/jose"
)

// oracleKey is a key of the vectors with its algorithm, as three libraries want it.
type oracleKey struct {
	raw    json.RawMessage
	alg    jose.Alg
	gojose any
	jwx    jwk.Key
	jwxAlg jwa.SignatureAlgorithm
}

func newOracleKey(raw json.RawMessage) (*oracleKey, bool) {
	p, err := jose.ReadJWK(raw)
	if err != nil || !jose.Alg(p.Alg).Known() || p.CheckVerify(jose.Alg(p.Alg)) != nil {
		return nil, false
	}
	k := &oracleKey{raw: raw, alg: jose.Alg(p.Alg)}
	var g gojose.JSONWebKey
	if g.UnmarshalJSON(raw) != nil {
		return nil, false
	}
	k.gojose = g.Key
	if k.jwx, err = jwk.ParseKey(raw); err != nil {
		return nil, false
	}
	var known bool
	k.jwxAlg, known = jwa.LookupSignatureAlgorithm(p.Alg)
	return k, known
}

// payloads are what the two libraries take the token to have signed.
func (k *oracleKey) payloads(token string) (out []string) {
	if parsed, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(k.alg)}); err == nil {
		if payload, err := parsed.Verify(k.gojose); err == nil {
			out = append(out, string(payload))
		}
	}
	if payload, err := jws.Verify([]byte(token), jws.WithKey(k.jwxAlg, k.jwx), jws.WithCompact()); err == nil {
		out = append(out, string(payload))
	}
	return out
}

// seeds gives add each token of the vectors with the number of its key.
func oracleSeeds(t testing.TB, add func(key uint, token string)) []*oracleKey {
	var keys []*oracleKey
	for _, name := range vectorFiles()[:3] {
		for _, g := range readVectors(t, name).TestGroups {
			raw := g.Public
			if raw == nil {
				raw = g.Private
			}
			k, ok := newOracleKey(raw)
			if !ok {
				continue
			}
			keys = append(keys, k)
			for _, c := range g.Tests {
				add(uint(len(keys)-1), string(c.JWS))
			}
		}
	}
	files, _ := filepath.Glob(filepath.Join(os.Getenv("SIGNET_VECTORS"), "jose-cookbook", "jws", "*.json"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c cookbook
		if json.Unmarshal(raw, &c) != nil || c.Output.Compact == "" {
			continue
		}
		if k, ok := newOracleKey(c.Input.Key); ok {
			keys = append(keys, k)
			add(uint(len(keys)-1), c.Output.Compact)
		}
	}
	return keys
}

// agree fails when a token is accepted here that go-jose and jwx both refuse, or
// with a payload that neither of them reads. That they accept more is known.
func (w *bench) agree(t testing.TB, k *oracleKey, token string) bool {
	parsed, err := w.verifyVector(t, k.raw, token)
	if err != nil {
		return false
	}
	for _, payload := range k.payloads(token) {
		if payload == string(parsed.Payload) {
			return true
		}
	}
	t.Fatalf("only here does this verify under %s: %q", k.alg, token)
	return false
}

// The oracles work: of the seeds, what is accepted here is accepted there.
func TestLibrariesAgreeOnTheSeeds(t *testing.T) {
	w := newBench(t)
	type seed struct {
		key   uint
		token string
	}
	var seeds []seed
	keys := oracleSeeds(t, func(key uint, token string) { seeds = append(seeds, seed{key, token}) })
	accepted := 0
	for _, s := range seeds {
		if w.agree(t, keys[s.key], s.token) {
			accepted++
		}
	}
	if len(keys) < 20 || accepted < 40 {
		t.Errorf("%d keys, %d tokens accepted", len(keys), accepted)
	}
}

func FuzzVerifyAgainstLibraries(f *testing.F) {
	keys := oracleSeeds(f, func(key uint, token string) { f.Add(key, token) })
	w := newBench(f)
	f.Fuzz(func(t *testing.T, key uint, token string) {
		w.agree(t, keys[key%uint(len(keys))], token)
	})
}
