package apitest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/signet-kms/signet/api/apitest"
)

// verifier is somebody else's: it keeps the JWKS as HTTP allows, fetches when it
// has to, and judges signatures with a library that is not ours.
type verifier struct {
	n      *apitest.Node
	issuer string
	keys   *gojose.JSONWebKeySet
	until  time.Time
}

// get fetches the JWKS if what is kept is over. The age counts from the answer's
// arrival (RFC 9111, section 4.2.3, without an Age or a slow answer), which keeps it
// longer than from the request. false: the node did not answer.
func (v *verifier) get() bool {
	if time.Now().Before(v.until) {
		return true
	}
	r, err := v.n.Send("GET", "/issuers/"+v.issuer+"/jwks.json", "", nil)
	if err != nil || r.Status != 200 {
		return false
	}
	var maxAge int
	if _, err := fmt.Sscanf(r.Header.Get("Cache-Control"), "public, max-age=%d", &maxAge); err != nil {
		return false
	}
	v.keys = &gojose.JSONWebKeySet{}
	if json.Unmarshal(r.Body, v.keys) != nil {
		return false
	}
	v.until = time.Now().Add(time.Duration(maxAge) * time.Second)
	return true
}

// mint is a token and how long it lives.
type mint struct {
	token   string
	expires time.Time
}

// busy is one issuer with all that goes on about it.
type busy struct {
	n    *apitest.Node
	name string
	mu   sync.Mutex
	live []mint

	signed, verified, rotated *atomic.Int64
	failed                    func(format string, args ...any)
}

func (b *busy) sign(ctx context.Context) {
	for ctx.Err() == nil {
		ttl := 1 + rand.IntN(2)
		r, err := b.n.Send("POST", "jwt/sign/"+b.name+"/access", b.n.Root(), object{"sub": "u", "aud": "api", "ttl": ttl})
		if err != nil || r.Status >= 500 {
			time.Sleep(50 * time.Millisecond) // the node is down
			continue
		}
		if r.Status != 200 {
			b.failed("sign: %s", r)
			return
		}
		expires, _ := time.Parse(time.RFC3339, r.Text("data", "expires_at"))
		b.signed.Add(1)
		b.mu.Lock()
		b.live = append(b.live, mint{r.Text("data", "token"), expires})
		if len(b.live) > 200 {
			b.live = b.live[100:]
		}
		b.mu.Unlock()
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
	}
}

func (b *busy) verify(ctx context.Context) {
	v := &verifier{n: b.n, issuer: b.name}
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		b.mu.Lock()
		var m mint
		if len(b.live) != 0 {
			m = b.live[rand.IntN(len(b.live))]
		}
		b.mu.Unlock()
		if m.token == "" || !time.Now().Before(m.expires) || !v.get() {
			continue
		}
		if !time.Now().Before(m.expires) {
			continue // it ended while the keys were fetched
		}
		parsed, err := gojose.ParseSignedCompact(m.token, []gojose.SignatureAlgorithm{gojose.ES256})
		if err != nil {
			b.failed("%v", err)
			return
		}
		keys := v.keys.Key(parsed.Signatures[0].Header.KeyID)
		if len(keys) != 1 {
			b.failed("a live token of %s is under %s, and the JWKS kept for %s more has %d keys without it", b.name, parsed.Signatures[0].Header.KeyID, time.Until(v.until), len(v.keys.Keys))
			continue
		}
		if _, err := parsed.Verify(keys[0]); err != nil {
			b.failed("%v", err)
		}
		b.verified.Add(1)
	}
}

// change rotates, takes back and reconfigures.
func (b *busy) change(ctx context.Context) {
	for ctx.Err() == nil {
		path, body := "jwt/rotate/"+b.name, any(nil)
		switch rand.IntN(12) {
		case 0:
			path = "jwt/rotation/" + b.name + "/cancel"
		case 1:
			path, body = "jwt/issuers/"+b.name, object{"jwks_max_age": 2, "rotation": object{"lead_time": 4}}
		case 2:
			path, body = "jwt/issuers/"+b.name, object{"jwks_max_age": 1, "rotation": object{"lead_time": 2}}
		}
		r, err := b.n.Send("POST", path, b.n.Root(), body)
		if err == nil && r.Status == 200 && strings.HasPrefix(path, "jwt/rotate/") {
			b.rotated.Add(1)
		}
		time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
	}
}

// Attack 26, I6, on a real node that is killed and started again: every token
// verifies for its whole life, at everybody who keeps the JWKS as HTTP allows.
func TestEveryTokenVerifiesWhileKeysRotate(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	issuers, lasts, kills := 5, 14*time.Second, 2
	if long() {
		issuers, lasts, kills = 50, 3*time.Minute, 12
	}
	var signed, verified, rotated, failures atomic.Int64
	failed := func(format string, args ...any) {
		if failures.Add(1) < 10 {
			t.Errorf(format, args...)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var wg sync.WaitGroup
	for i := range issuers {
		b := &busy{n: n, name: fmt.Sprintf("i%d", i), signed: &signed, verified: &verified, rotated: &rotated, failed: failed}
		brisk(n, b.name)
		for _, do := range []func(context.Context){b.sign, b.verify, b.verify, b.change} {
			wg.Go(func() { do(ctx) })
		}
	}
	for range kills {
		time.Sleep(lasts / time.Duration(kills+1))
		n.Kill()
		n.Start()
		n.Unseal()
	}
	wg.Wait()
	t.Logf("%d tokens, %d verifications, %d rotations, %d failures", signed.Load(), verified.Load(), rotated.Load(), failures.Load())
	if signed.Load() < 50 || verified.Load() < 100 || rotated.Load() < int64(issuers) {
		t.Error("too few for the test to show anything")
	}
}
