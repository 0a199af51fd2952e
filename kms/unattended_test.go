package kms

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/raftstore"
	"github.com/signet-kms/signet/seal"
)

// gated is a mirror that somebody may take away.
type gated struct {
	mirror
	away  atomic.Bool
	asked atomic.Int64
	slow  chan struct{} // nil, or what an unwrap waits for
}

func (g *gated) Unwrap(ctx context.Context, w seal.Wrapping, binding []byte) ([]byte, error) {
	g.asked.Add(1)
	if g.slow != nil {
		<-g.slow
	}
	if g.away.Load() {
		return nil, errors.New("nobody answers")
	}
	return g.mirror.Unwrap(ctx, w, binding)
}

func openWith(t *testing.T, dir string, seals ...seal.Wrapper) *node {
	t.Helper()
	s, err := Open(Config{
		Store:  raftstore.Options{Dir: filepath.Join(dir, "raft"), Dev: true},
		Audit:  audit.Options{Dir: filepath.Join(dir, "audit"), Durability: audit.DurabilityOS},
		Logger: hclog.NewNullLogger(), Version: "0.0.0-test", Seals: seals,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &node{Service: s, t: t, dir: dir}
}

// made is a node whose cluster is made, sealed.
func made(t *testing.T, side seal.Wrapper) *node {
	t.Helper()
	n := openWith(t, t.TempDir(), side)
	out, err := n.Init(t.Context(), Origin{}, InitRequest{Shares: 1, Threshold: 1, Recovery: true})
	if err != nil {
		t.Fatal(err)
	}
	if !out.Recovery {
		t.Error("the shares are not called recovery shares")
	}
	n.share, n.root = out.Shares[0].Hex(), out.RootToken.Reveal()
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestUnattendedUnsealEndsWithAnyUnseal(t *testing.T) {
	side := &gated{mirror: mirror{"a"}}
	n := made(t, side)
	side.asked.Store(0)
	side.away.Store(true)
	var running sync.WaitGroup
	running.Go(func() { n.UnsealUnattended(t.Context()) })
	for side.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	n.unseal() // with the share
	running.Wait()
	if st := n.SealStatus(); st.Sealed || st.Waiting != "" || !st.Recovery || st.Type != "exec" {
		t.Errorf("%+v", st)
	}
	side.away.Store(false)
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	n.UnsealUnattended(t.Context()) // returns at once
	if st := n.SealStatus(); !st.Sealed || !strings.Contains(st.Waiting, "an operator sealed") {
		t.Errorf("%+v", st)
	}
	n.unseal()
}

// An operator who seals wins against an unwrap that is under way, and so do shares.
func TestUnwrapThatComesTooLate(t *testing.T) {
	for _, seals := range []bool{true, false} {
		side := &gated{mirror: mirror{"a"}}
		n := made(t, side)
		side.asked.Store(0)
		side.slow = make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() { n.UnsealUnattended(t.Context()) })
		for side.asked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		n.unseal()
		bar := n.numbering.bar
		if seals {
			if err := n.Seal(n.rootCall("sys/seal")); err != nil {
				t.Fatal(err)
			}
		}
		close(side.slow)
		running.Wait()
		if st := n.SealStatus(); st.Sealed != seals {
			t.Errorf("sealed: %t", st.Sealed)
		}
		if !seals && n.numbering.bar != bar {
			t.Error("it was unsealed twice")
		}
	}
}

func TestUnattendedUnsealGivesUpWithItsContext(t *testing.T) {
	side := &gated{mirror: mirror{"a"}}
	n := made(t, side)
	side.asked.Store(0)
	side.away.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { n.UnsealUnattended(ctx) })
	for n.SealStatus().Waiting == "" {
		time.Sleep(time.Millisecond)
	}
	if h := n.Health(); !strings.Contains(h.Why, "the exec seal a: nobody answers") || h.Serving {
		t.Errorf("%+v", h)
	}
	cancel()
	running.Wait()
	n.unseal()
}

// A node that was never asked to wrap refuses what it has not.
func TestNoSealNoMigration(t *testing.T) {
	n := newNode(t)
	for _, to := range []string{"transit", ""} { // nothing said takes nothing away
		if _, err := n.MigrateSeal(t.Context(), n.rootCall("sys/migrate-seal"), to); !errors.Is(err, ErrBadRequest) {
			t.Error(err)
		}
	}
	done, err := n.MigrateSeal(t.Context(), n.rootCall("sys/migrate-seal"), seal.TypeShamir)
	if err != nil || done.Type != seal.TypeShamir || done.Revision != 0 || len(done.Wrapped) != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	n.UnsealUnattended(t.Context()) // nothing to do
}

// Migrations and rotations of the barrier at the same time: each is done or
// refused, and the node stays what it is.
func TestMigrationsAmongRotations(t *testing.T) {
	side := &gated{mirror: mirror{"a"}}
	n := made(t, side)
	n.unseal()
	var running sync.WaitGroup
	for i := range 3 {
		running.Go(func() {
			for j := range 4 {
				to := []string{"", seal.TypeShamir}[(i+j)%2]
				if _, err := n.MigrateSeal(t.Context(), n.rootCall("sys/migrate-seal"), to); err != nil {
					t.Error(err)
				}
				if _, err := n.RotateTerm(t.Context(), n.rootCall("sys/rotate")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if _, err := n.MigrateSeal(t.Context(), n.rootCall("sys/migrate-seal"), ""); err != nil {
		t.Fatal(err)
	}
	if term := n.term().Term; term != 13 {
		t.Errorf("term %d", term)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again := openWith(t, n.dir, side)
	again.UnsealUnattended(t.Context())
	if again.Sealed() {
		t.Error("it did not unseal by itself")
	}
	n.Service = again.Service // which the cleanup closes
}
