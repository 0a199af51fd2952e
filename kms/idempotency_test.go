package kms

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

// keyed is a root call under an idempotency key.
func (n *node) keyed(path, key, body string) *Call {
	n.t.Helper()
	c := n.rootCall(path)
	if err := c.Idempotent(key, []byte(path), []byte(body)); err != nil {
		n.t.Fatal(err)
	}
	return c
}

func TestARepeatedRequestHasOneEffect(t *testing.T) { // I2
	n := newNode(t)
	ref := n.key("web", "ed25519")
	rotate := func() KeyInfo {
		t.Helper()
		info, err := n.RotateKey(t.Context(), n.keyed("transit/keys/web/rotate", "deploy-7", ""), ref)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := rotate()
	if _, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/web/rotate"), ref); err != nil { // somebody else's
		t.Fatal(err)
	}
	n.restart()
	again := rotate()
	if first.Latest != 2 || again.Latest != 2 || len(again.Versions) != 2 || again.Versions[1].KID != first.Versions[1].KID {
		t.Fatalf("first %+v, again %+v", first.Key, again.Key)
	}
	info, err := n.ReadKey(n.call(n.root, "GET", "transit/keys/web"), ref, VersionRange{})
	if err != nil || info.Latest != 3 {
		t.Fatalf("after two rotations, one of them sent twice: %+v, %v", info.Key, err)
	}
	if _, err := n.RotateKey(t.Context(), n.keyed("transit/keys/web/rotate", "deploy-7", "{}"), ref); !errors.Is(err, ErrIdempotencyMismatch) {
		t.Fatalf("another body under the same key: %v", err)
	}
	if log := n.auditLog(); !bytes.Contains(log, []byte(`"idempotent":"repeated"`)) || bytes.Contains(log, []byte("deploy-7")) {
		t.Error("the log does not say that a request was repeated, or repeats the key")
	}
}

func TestRepeatsAtOnceMakeOneKey(t *testing.T) {
	n := newNode(t)
	ref := KeyRef{Mount: "transit", Name: "web"}
	var mu sync.Mutex
	kids, warnings := map[string]bool{}, 0
	var wg sync.WaitGroup
	for range 16 {
		c := n.keyed("transit/keys/web", "k", `{"type":"ed25519"}`)
		wg.Go(func() {
			info, err := n.CreateKey(t.Context(), c, ref, CreateKeyRequest{Type: "ed25519"})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			kids[info.Versions[0].KID] = true
			warnings += len(c.Warnings)
		})
	}
	wg.Wait()
	if len(kids) != 1 || warnings != 0 {
		t.Errorf("%d answers, %d warnings; a repeated request answers as the first did", len(kids), warnings)
	}
}

func TestATokenIsShownOnce(t *testing.T) {
	n := newNode(t)
	create := func() (Token, TokenInfo, error) {
		return n.CreateToken(t.Context(), n.keyed("auth/token/create", "k", "body"), TokenRequest{Policies: []string{"default"}})
	}
	_, first, err := create()
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := create()
	if !errors.Is(err, ErrIdempotencySpent) || Accessor(err) != first.Accessor || !strings.Contains(err.Error(), first.Accessor) || token.Reveal() != "" {
		t.Fatalf("got %v with accessor %q, want %q", err, Accessor(err), first.Accessor)
	}
	if _, _, tokens, _ := n.view.Load().Counts(); tokens != 2 {
		t.Errorf("%d tokens, want root and one", tokens)
	}
}

func TestIdempotencyKeysThatAreNone(t *testing.T) {
	n := newNode(t)
	for _, key := range []string{"", strings.Repeat("k", 256), "line\nbreak", "\x7f", "käse"} {
		if err := n.rootCall("transit/keys/web").Idempotent(key); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{" ", strings.Repeat("k", 255)} {
		if err := n.rootCall("transit/keys/web").Idempotent(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	a, b := n.rootCall("x"), n.rootCall("x")
	_, _ = a.Idempotent("k", []byte("ab"), []byte("c")), b.Idempotent("k", []byte("a"), []byte("bc"))
	if bytes.Equal(a.once.Request, b.once.Request) {
		t.Error("two requests look the same")
	}
}

func TestAProposalSentAgainHasOneEffect(t *testing.T) {
	n := newNode(t)
	n.key("web", "ed25519")
	id, from := newProposal(), uint32(1)
	for i := range 2 {
		k := n.view.Load().Key(n.mountUUID(), "web")
		v := *n.view.Load().Version(k.Mount, k.Name, from)
		v.Number = from + 1
		done, err := n.submit(t.Context(), &state.Numbered{Proposal: id, Again: i > 0, Command: &state.RotateKey{Version: v}})
		if got, ok := done.result.(*state.Key); err != nil || !ok || got.Latest != 2 || done.replayed {
			t.Fatalf("time %d: %+v, %v", i, done.result, err)
		}
	}
}

func TestResubmitKnowsWhatItDoesNotKnow(t *testing.T) {
	yes := func(context.Context) bool { return true }
	unknown, gone := error(saying(ErrOutcomeUnknown, "lost")), error(saying(ErrNoLeader, "gone"))
	cases := []struct {
		name  string
		steps []error
		want  error
		tries int
	}{
		{"done at once", []error{nil}, nil, 1},
		{"not done is not tried again", []error{gone}, ErrNoLeader, 1},
		{"refused is not tried again", []error{ErrKeyNotFound}, ErrKeyNotFound, 1},
		{"unknown, then done", []error{unknown, nil}, nil, 2},
		{"unknown, then refused", []error{unknown, ErrKeyNotFound}, ErrKeyNotFound, 2},
		{"unknown, then not done: the first may be", []error{unknown, ErrBusy}, ErrOutcomeUnknown, 2},
		{"unknown, then no leader, then done", []error{unknown, gone, nil}, nil, 3},
		{"unknown twice, then done", []error{unknown, unknown, nil}, nil, 3},
	}
	for _, c := range cases {
		tries := 0
		_, err := resubmit(t.Context(), yes, func(again bool) (applied, error) {
			if tries++; again != (tries > 1) {
				t.Errorf("%s: try %d is told that it tries again: %t", c.name, tries, again)
			}
			return applied{}, c.steps[tries-1]
		})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || tries != c.tries {
			t.Errorf("%s: %v after %d tries", c.name, err, tries)
		}
	}
	no := func(context.Context) bool { return false }
	if _, err := resubmit(t.Context(), no, func(bool) (applied, error) { return applied{}, unknown }); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a node that leads no more: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := resubmit(ctx, yes, func(bool) (applied, error) { <-ctx.Done(); return applied{}, unknown }); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("no time left: %v", err)
	}
}
