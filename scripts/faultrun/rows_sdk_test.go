package faultrun

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	sdk "github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// unattended lets nodes unseal by themselves, with the help of a second daemon that holds
// their root key.
func unattended(r *run) []apitest.Option {
	side := apitest.New(r.t)
	side.Must("transit/keys/unseal", object{"type": "aes256-gcm96"})
	side.Policy("seal", "path \"transit/encrypt/unseal\" { capabilities = [\"update\"] }\npath \"transit/decrypt/unseal\" { capabilities = [\"update\"] }\n")
	return []apitest.Option{apitest.SealedBy(fmt.Sprintf("seal \"transit\" {\n  address = %q\n  key_name = \"unseal\"\n  token = %q\n}\n", side.URL(), side.NewToken("default", "seal")))}
}

// programs are users of the SDK, each with keys of its own, that share one client with
// all addresses. They repeat nothing themselves: what fails, they see.
type programs struct {
	r      *run
	c      *sdk.Client
	calls  atomic.Int64
	mu     sync.Mutex
	failed []string
}

// rollingSDK restarts every node in order, twice, while programs use the SDK.
func rollingSDK(r *run) {
	cfg := sdk.Config{Token: sdk.StaticToken(wire.SecretOf(r.root))}
	for _, n := range r.clients() {
		cfg.Addresses = append(cfg.Addresses, n.URL())
	}
	c, err := sdk.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	p := &programs{r: r, c: c}
	stop := atomic.Bool{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { p.work(i, func() bool { return stop.Load() || r.over() }) })
	}
	for range 2 {
		leader := r.leader()
		for _, n := range append(r.others(leader), leader) {
			from := p.calls.Load()
			at := time.Now()
			n.Restart() // it unseals by itself
			r.struck(at, r.others(n))
			r.settle()
			r.eventually("the programs go on", func() bool { return p.calls.Load() > from+100 })
		}
	}
	stop.Store(true)
	wg.Wait()
	for _, text := range p.failed {
		r.h.violated("a program saw: %s", text)
	}
	r.res.notes = fmt.Sprintf("%d calls of the SDK, %d errors that programs saw", p.calls.Load(), len(p.failed))
}

func (p *programs) call(what string, err error) bool {
	p.calls.Add(1)
	if err == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, fmt.Sprintf("%s: %v", what, err))
	return false
}

// work makes keys, rotates one of them, signs with it and verifies, and compares each
// answer with what it knows: it alone changes them.
func (p *programs) work(i int, over func() bool) {
	ctx, keys := context.Background(), p.c.Transit("")
	name := fmt.Sprintf("program-%d", i)
	_, err := keys.CreateKey(ctx, name, wire.KeyCreateRequest{Type: "ed25519"})
	if !p.call("create", err) {
		return
	}
	made, version := []string{name}, int64(1)
	for step := 0; !over(); step++ {
		switch step % 6 {
		case 0:
			more := fmt.Sprintf("%s-%d", name, step)
			if _, err := keys.CreateKey(ctx, more, wire.KeyCreateRequest{Type: "aes256-gcm96"}); p.call("create", err) {
				made = append(made, more)
			}
		case 3:
			key, err := keys.RotateKey(ctx, name)
			if p.call("rotate", err) {
				if version++; int64(key.LatestVersion) != version {
					p.r.h.violated("%s has version %d after its rotation to %d", name, key.LatestVersion, version)
					version = int64(key.LatestVersion)
				}
			}
		default:
			input := wire.BytesOf(fmt.Appendf(nil, "%s %d", name, step))
			signed, err := keys.Sign(ctx, name, wire.SignRequest{Input: input})
			if !p.call("sign", err) {
				continue
			}
			if int64(signed.KeyVersion) < version {
				p.r.h.violated("%s signs with version %d after %d was answered", name, signed.KeyVersion, version)
			}
			valid, err := keys.Verify(ctx, name, wire.VerifyRequest{Input: input, Signature: signed.Signature})
			if p.call("verify", err) && !valid {
				p.r.h.violated("a signature of %s does not verify", name)
			}
		}
	}
	for _, key := range made {
		if _, err := keys.ReadKey(ctx, key); !p.call("read", err) {
			p.r.h.violated("key %s was acknowledged and is lost", key)
		}
	}
}
