package faultrun

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// rotating is many issuers that rotate as fast as they may, and verifiers elsewhere that
// keep what they fetched for as long as they were told to.
type rotating struct {
	*direct
	rotations atomic.Int64
	wanted    int64
	verified  atomic.Int64
	fetched   atomic.Int64
	failed    atomic.Int64
}

// verifiers is how many there are of all issuers.
const verifiers = 50

// rotateIssuers makes count rotations of issuers in parallel, while harm is done to one
// node after the other: the leader, a follower, and so on. what names the harm.
func rotateIssuers(r *run, issuers, count int, what string, harm func(*run, *apitest.Node)) {
	o := &rotating{direct: newDirect(r), wanted: int64(count)}
	first := r.clients()[0]
	for i := range issuers {
		name := "r" + strconv.Itoa(i)
		first.Must("jwt/issuers/"+name, object{"issuer": "https://" + name + ".example", "alg": "ES256", "jwks_max_age": 1, "leeway": 0, "rotation": object{"lead_time": 2}})
		first.Must("jwt/issuers/"+name+"/profiles/access", object{"ttl": "5s", "max_ttl": "5s"})
	}
	var wg, verifying sync.WaitGroup
	over := atomic.Bool{}
	for i := range issuers {
		name, random := "r"+strconv.Itoa(i), func(k int) *rand.Rand { return rand.New(rand.NewPCG(r.seed, uint64(1000*k+i))) }
		wg.Go(func() { o.rotate(name, random(1)) })
		for k := range verifiers / issuers {
			verifying.Go(func() {
				v := &verifier{rotating: o, issuer: name, random: random(2 + k)}
				for !over.Load() && !r.over() {
					v.step()
					time.Sleep(time.Duration(150+v.random.IntN(150)) * time.Millisecond)
				}
			})
		}
	}
	harms := 0
	for o.rotations.Load() < o.wanted && !r.t.Failed() {
		n := r.leader()
		if harms%2 == 1 {
			n = r.others(n)[r.rand.IntN(2)]
		}
		harm(r, n)
		harms++
		time.Sleep(2 * time.Second)
	}
	wg.Wait()
	over.Store(true)
	verifying.Wait()
	r.res.notes = fmt.Sprintf("%d rotations of %d issuers through %d %s, %d tokens verified elsewhere with %d fetched sets, %d failed", o.rotations.Load(), issuers, harms, what, o.verified.Load(), o.fetched.Load(), o.failed.Load())
}

// killed kills a node, and starts it.
func killed(r *run, n *apitest.Node) {
	at := time.Now()
	n.Kill()
	r.struck(at, r.others(n))
	r.revive(n)
	r.settle()
}

// cutOff cuts a node off from the others for longer than its lease; clients reach it.
func cutOff(r *run, n *apitest.Node) { r.isolate(n, 5*time.Second) }

// rotate rotates an issuer again and again until there were enough of all.
func (o *rotating) rotate(name string, random *rand.Rand) {
	for i := 0; o.rotations.Load() < o.wanted && !o.r.over(); i++ {
		key := fmt.Sprintf("rotate-%d-%s-%d", o.r.seed, name, i)
		for try := 0; !o.r.over(); try++ { // refused while the last one is under way
			status, _, _ := o.ask(o.any(random), "POST", "/v1/jwt/rotate/"+name, nil, "Idempotency-Key", key)
			if status >= 200 && status < 300 {
				o.rotations.Add(1)
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// verifier is somebody elsewhere who has nothing but an issuer's JWKS.
type verifier struct {
	*rotating
	issuer string
	random *rand.Rand

	keys  map[string]*ecdsa.PublicKey
	until time.Time // it may be kept
	held  []heldToken
}

// heldToken is a token that was good once, and is until it expires.
type heldToken struct {
	text    string
	kid     string
	expires int64
}

// step gets a token, and verifies it and those of before.
func (v *verifier) step() {
	status, _, raw := v.ask(v.any(v.random), "POST", "/v1/jwt/sign/"+v.issuer+"/access", object{"sub": "user:1", "aud": "api://rotating"})
	var signed struct{ Data struct{ Token string } }
	if status == 200 && json.Unmarshal(raw, &signed) == nil {
		token, err := parseToken(signed.Data.Token)
		if err != nil {
			v.r.h.violated("issuer %s: %v", v.issuer, err)
			return
		}
		v.held = append(v.held, token)
	}
	kept := v.held[:0]
	for _, token := range v.held {
		if !v.fresh() {
			return // nobody could tell it the keys
		}
		if time.Now().Unix() >= token.expires {
			continue
		}
		if err := v.check(token); err != nil {
			v.failed.Add(1)
			v.r.h.violated("issuer %s, keys that may be kept for %v more: %v", v.issuer, time.Until(v.until).Round(time.Millisecond), err)
			continue
		}
		v.verified.Add(1)
		kept = append(kept, token)
	}
	v.held = kept
}

// fresh fetches the keys when they may be kept no longer. Their age counts from the
// request, as that of a cache does (RFC 9111, section 4.2.3).
func (v *verifier) fresh() bool {
	for try := 0; try < 50; try++ {
		if time.Now().Before(v.until) {
			return true
		}
		asked := time.Now()
		status, header, raw := v.ask(v.any(v.random), "GET", "/issuers/"+v.issuer+"/jwks.json", nil)
		age, err := strconv.Atoi(strings.TrimPrefix(header.Get("Cache-Control"), "public, max-age="))
		if status == 200 && err == nil {
			if v.keys, err = parseJWKS(raw); err == nil {
				v.fetched.Add(1)
				v.until = asked.Add(time.Duration(age) * time.Second)
				if age == 0 { // good for this once
					v.until = time.Now().Add(10 * time.Millisecond)
				}
				continue
			}
		}
		if status == 200 {
			v.r.h.violated("issuer %s: its JWKS: %v: %.300s", v.issuer, err, raw)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

func (v *verifier) check(t heldToken) error {
	key := v.keys[t.kid]
	if key == nil {
		return fmt.Errorf("a token's key %s is not in it, of %d", t.kid, len(v.keys))
	}
	at := strings.LastIndexByte(t.text, '.')
	sig, err := base64.RawURLEncoding.DecodeString(t.text[at+1:])
	digest := sha256.Sum256([]byte(t.text[:at]))
	if err != nil || len(sig) != 64 || !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return fmt.Errorf("a signature of %s is not right", t.kid)
	}
	return nil
}

func parseToken(text string) (heldToken, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return heldToken{}, errors.New("what was signed is no token")
	}
	var header struct{ Kid string }
	var claims struct{ Exp int64 }
	for i, to := range []any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, to)
		}
		if err != nil {
			return heldToken{}, err
		}
	}
	return heldToken{text, header.Kid, claims.Exp}, nil
}

func parseJWKS(raw []byte) (map[string]*ecdsa.PublicKey, error) {
	var set struct {
		Keys []struct{ Kid, Crv, X, Y string }
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, err
	}
	keys := map[string]*ecdsa.PublicKey{}
	for _, k := range set.Keys {
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if errX != nil || errY != nil || k.Crv != "P-256" {
			return nil, fmt.Errorf("key %s is none of P-256", k.Kid)
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		if err != nil {
			return nil, err
		}
		keys[k.Kid] = key
	}
	return keys, nil
}
