package apitest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

// Programs with one client of three addresses notice nothing of a leader that is
// killed and comes back sealed: what they were told is done is done, once.
func TestTheSDKThroughKillsOfTheLeader(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	load := newSDKLoad(t, c, 8)
	for range 3 {
		load.goesOn()
		leader := c.Leader()
		leader.Kill()
		load.goesOn()
		leader.Start()
		c.Unseal(leader)
		c.Settle()
	}
	load.goesOn()
	load.finish()
}

// Nor do they of nodes that are stopped in order, one after the other, the leader
// among them.
func TestTheSDKThroughARollingRestart(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	load := newSDKLoad(t, c, 8)
	for _, n := range c.Nodes {
		load.goesOn()
		told := untilToldToLeave(n, load.workers[0].name)
		n.Stop()
		if err := <-told; err != nil {
			t.Errorf("a plain client that was not told to leave %s: %v", n.ID(), err)
		}
		load.goesOn()
		n.Start()
		c.Unseal(n)
		c.Settle()
	}
	load.goesOn()
	load.finish()
}

// untilToldToLeave signs at one node, with a client that repeats nothing, until an
// answer ends its connection. It tells the error of the request that came to nothing
// before, or nil.
func untilToldToLeave(n *apitest.Node, key string) <-chan error {
	url, root, told, begun := n.URL(), n.Root(), make(chan error, 1), make(chan struct{})
	go func() {
		plain := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
		defer plain.CloseIdleConnections()
		for i := 0; ; i++ {
			req, err := http.NewRequest("POST", url+"/v1/transit/sign/"+key, strings.NewReader(`{"input":"aGk="}`))
			if err == nil {
				req.Header.Set(wire.HeaderToken, root)
				var resp *http.Response
				if resp, err = plain.Do(req); err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if err == nil && resp.StatusCode != 200 {
						err = errors.New(resp.Status)
					}
				}
				if i == 0 {
					close(begun)
				}
				if err == nil && !resp.Close {
					continue
				}
			}
			told <- err
			return
		}
	}()
	<-begun
	return told
}

// sdkLoad is programs at work through one client.
type sdkLoad struct {
	t       *testing.T
	c       *client.Client
	acked   atomic.Int64
	stop    atomic.Bool
	running sync.WaitGroup
	workers []*sdkWorker
}

// sdkWorker is a goroutine that alone changes its keys. Its fields are its own until
// it has ended.
type sdkWorker struct {
	load    *sdkLoad
	name    string
	version int           // of its key, as the last rotation was answered
	created []string      // as answered
	errs    []error       // that a program would see
	wrong   []string      // answers that are not true
	slowest time.Duration // call
	signed  []wire.VerifyRequest
}

func newSDKLoad(t *testing.T, cluster *apitest.Cluster, workers int) *sdkLoad {
	t.Helper()
	cfg := client.Config{Token: client.StaticToken(wire.SecretOf(cluster.Nodes[0].Root()))}
	for _, n := range cluster.Nodes {
		cfg.Addresses = append(cfg.Addresses, n.URL())
	}
	c, err := client.New(cfg)
	must(t, err)
	t.Cleanup(c.Close)
	load := &sdkLoad{t: t, c: c}
	t.Cleanup(func() { load.stop.Store(true); load.running.Wait() })
	for i := range workers {
		w := &sdkWorker{load: load, name: fmt.Sprintf("sdk-%d", i), version: 1}
		_, err := c.Transit("").CreateKey(context.Background(), w.name, wire.KeyCreateRequest{Type: "ed25519"})
		must(t, err)
		load.workers = append(load.workers, w)
	}
	for _, w := range load.workers {
		load.running.Go(func() {
			for i := 0; !load.stop.Load(); i++ {
				w.step(i)
			}
		})
	}
	return load
}

// goesOn waits until every kind of call was acknowledged many times more.
func (l *sdkLoad) goesOn() {
	l.t.Helper()
	l.goesOnFor(200)
}

func (l *sdkLoad) goesOnFor(calls int64) {
	l.t.Helper()
	from := l.acked.Load()
	eventually(l.t, "the programs go on", func() bool { return l.acked.Load() > from+calls })
}

// call makes one call, and keeps how it went.
func (w *sdkWorker) call(what string, do func(ctx context.Context, keys client.Transit) error) bool {
	begin := time.Now()
	err := do(context.Background(), w.load.c.Transit(""))
	w.slowest = max(w.slowest, time.Since(begin))
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("%s: %w", what, err))
		return false
	}
	w.load.acked.Add(1)
	return true
}

func (w *sdkWorker) step(i int) {
	switch i % 8 {
	case 0:
		name := fmt.Sprintf("%s-%d", w.name, i)
		if w.call("create", func(ctx context.Context, keys client.Transit) error {
			_, err := keys.CreateKey(ctx, name, wire.KeyCreateRequest{Type: "aes256-gcm96"})
			return err
		}) {
			w.created = append(w.created, name)
		}
	case 4:
		w.rotate()
	default:
		w.sign(i)
	}
}

// rotate wants each rotation to give the next version: one that happened twice would
// leave one out.
func (w *sdkWorker) rotate() {
	var got int64
	if !w.call("rotate", func(ctx context.Context, keys client.Transit) error {
		key, err := keys.RotateKey(ctx, w.name)
		if err == nil {
			got = int64(key.LatestVersion)
		}
		return err
	}) {
		return
	}
	if int(got) != w.version+1 {
		w.wrong = append(w.wrong, fmt.Sprintf("the rotation after version %d gave version %d", w.version, got))
	}
	w.version = int(got)
}

// sign signs with what the last rotation made, and verifies it.
func (w *sdkWorker) sign(i int) {
	input := fmt.Appendf(nil, "%s %d", w.name, i)
	var signed wire.SignData
	if !w.call("sign", func(ctx context.Context, keys client.Transit) (err error) {
		signed, err = keys.Sign(ctx, w.name, wire.SignRequest{Input: wire.BytesOf(input)})
		return err
	}) {
		return
	}
	if int(signed.KeyVersion) < w.version && w.load.c.Index() > 0 {
		w.wrong = append(w.wrong, fmt.Sprintf("signed with version %d after version %d was answered", signed.KeyVersion, w.version))
	}
	made := wire.VerifyRequest{Input: wire.BytesOf(input), Signature: signed.Signature}
	if i%16 == 1 {
		w.signed = append(w.signed, made)
	}
	w.verify(made)
}

func (w *sdkWorker) verify(made wire.VerifyRequest) {
	valid := false
	if w.call("verify", func(ctx context.Context, keys client.Transit) (err error) {
		valid, err = keys.Verify(ctx, w.name, made)
		return err
	}) && !valid {
		w.wrong = append(w.wrong, "a signature does not verify: "+made.Signature)
	}
}

// finish stops the programs, and compares what they were told with what is there.
func (l *sdkLoad) finish() {
	l.t.Helper()
	l.stop.Store(true)
	l.running.Wait()
	errs, unknown, lost, twice := 0, 0, 0, 0
	slowest := time.Duration(0)
	ctx, keys := context.Background(), l.c.Transit("")
	for _, w := range l.workers {
		for _, err := range w.errs {
			errs++
			if errors.Is(err, client.ErrOutcomeUnknown) {
				unknown++
			}
			l.t.Errorf("%s: a program saw: %v", w.name, err)
		}
		slowest = max(slowest, w.slowest)
		key, err := keys.ReadKey(ctx, w.name)
		must(l.t, err)
		if v := int(key.LatestVersion); v < w.version {
			lost += w.version - v
		} else {
			twice += v - w.version
		}
		for _, name := range w.created {
			if _, err := keys.ReadKey(ctx, name); err != nil {
				lost++
				l.t.Errorf("key %s was acknowledged: %v", name, err)
			}
		}
		for _, made := range w.signed {
			w.verify(made)
		}
		for _, text := range w.wrong {
			l.t.Errorf("%s: %s", w.name, text)
		}
	}
	l.t.Logf("%d calls acknowledged, %d client-visible errors (%d of them of unknown outcome), %d acknowledged writes lost, %d effects too many; the slowest call took %v",
		l.acked.Load(), errs, unknown, lost, twice, slowest.Round(time.Millisecond))
	if lost > 0 || twice > unknown {
		l.t.Errorf("%d acknowledged writes are lost, %d effects are there that nobody asked for", lost, twice-unknown)
	}
}
