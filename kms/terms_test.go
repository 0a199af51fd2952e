package kms

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/seal/barrier"
)

func (n *node) rotateTerm() TermStatus {
	n.t.Helper()
	st, err := n.RotateTerm(n.t.Context(), n.rootCall("sys/rotate"))
	if err != nil {
		n.t.Fatal(err)
	}
	return st
}

func (n *node) term() TermStatus {
	n.t.Helper()
	st, err := n.KeyStatus(n.call(n.root, "GET", "sys/key-status"))
	if err != nil {
		n.t.Fatal(err)
	}
	if bar := n.numbering.bar.Term(); bar != st.Term {
		n.t.Fatalf("the state has term %d, the barrier %d", st.Term, bar)
	}
	return st
}

func TestTermsRotateAndOldOnesOpen(t *testing.T) {
	n := newNode(t)
	sealed := make(map[KeyRef]string)
	box := n.key("box", "aes256-gcm96")
	encrypt := func() string {
		r, err := n.Encrypt(n.rootCall("transit/encrypt/box"), box, []Item{{Input: field("hello")}}, false)
		if err != nil {
			t.Fatal(err)
		}
		return r[0].Text
	}
	var texts []string
	var refs []KeyRef
	check := func(step string) {
		t.Helper()
		for _, ref := range refs {
			r, err := n.Verify(n.rootCall("transit/verify/"+ref.Name), ref, SignOptions{}, []Item{{Input: field("hello"), Signature: sealed[ref]}}, false)
			if err != nil || !r[0].Valid {
				t.Fatalf("%s: a signature of %s does not verify: %v", step, ref.Name, err)
			}
			if _, err := n.sign(ref); err != nil {
				t.Fatalf("%s: %s does not sign: %v", step, ref.Name, err)
			}
		}
		for _, text := range texts {
			r, err := n.Decrypt(n.rootCall("transit/decrypt/box"), box, []Item{{Ciphertext: text}}, false)
			if err != nil || string(r[0].Plain) != "hello" {
				t.Fatalf("%s: a ciphertext does not open: %v", step, err)
			}
		}
	}
	if st := n.term(); st.Term != 1 || st.Commands == 0 || st.Since.IsZero() {
		t.Fatalf("at the start: %+v", st)
	}
	for i := range 4 {
		ref := n.key("key-"+string(rune('a'+i)), "ecdsa-p256")
		text, err := n.sign(ref)
		if err != nil {
			t.Fatal(err)
		}
		sealed[ref], refs, texts = text, append(refs, ref), append(texts, encrypt())
		before := n.term()
		st := n.rotateTerm()
		if st.Term != before.Term+1 || st.Commands != 0 || st.Since.Before(before.Since) {
			t.Fatalf("rotation: %+v after %+v", st, before)
		}
		check("rotated")
		switch i {
		case 1:
			n.restart() // from the log: the rotations are in the sealed tail
		case 2:
			if err := n.store.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		check("then")
		if st := n.term(); st.Term != uint64(i+2) {
			t.Fatalf("term %d after %d rotations", st.Term, i+1)
		}
	}
	n.restart() // from a snapshot and the log after it
	check("restarted")
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	n.unseal()
	check("sealed and unsealed")
	n.rotateTerm()
	if st := n.term(); st.Term != 6 {
		t.Fatalf("term %d", st.Term)
	}
	check("rotated after all that")
}

func TestRotationIsRecorded(t *testing.T) {
	n := newNode(t)
	n.rotateTerm()
	log := string(n.auditLog())
	for _, want := range []string{`"sys/rotate"`, `"term":"2"`, `"intent"`, `"outcome"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log lacks %s", want)
		}
	}
}

func TestConcurrentRotations(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]int{}
	for range 8 {
		c, w := n.rootCall("sys/rotate"), n.rootCall("sys/policies/acl/x")
		wg.Go(func() {
			st, err := n.RotateTerm(context.Background(), c)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			seen[st.Term]++
			mu.Unlock()
		})
		wg.Go(func() {
			if err := n.WritePolicy(context.Background(), w, "x", `path "a" { capabilities = ["read"] }`); err != nil {
				t.Error(err)
			}
			if _, err := n.Sign(w, ref, SignOptions{}, []Item{{Input: field("hello")}}, false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for term := uint64(2); term <= 9; term++ {
		if seen[term] != 1 {
			t.Errorf("term %d was answered %d times: %v", term, seen[term], seen)
		}
	}
	n.restart()
	if st := n.term(); st.Term != 9 {
		t.Errorf("term %d after the restart", st.Term)
	}
}

// A rotation whose outcome nobody waited for is settled before the next is built.
func TestRotationAfterOneOfUnknownOutcome(t *testing.T) {
	n := newNode(t)
	for range 20 {
		gone, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Millisecond))
		_, err := n.RotateTerm(gone, n.rootCall("sys/rotate"))
		cancel()
		if err != nil && !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
		n.rotateTerm()
	}
	before := n.term().Term
	n.restart()
	if after := n.term().Term; after != before || after < 21 {
		t.Errorf("term %d, then %d", before, after)
	}
}

func TestRotationRefusals(t *testing.T) {
	n := newNode(t)
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/p"), "p", `path "sys/*" { capabilities = ["create", "read", "update"] }`); err != nil {
		t.Fatal(err)
	}
	made, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	weak := made.Reveal()
	on, interval := true, 48*time.Hour
	for what, err := range map[string]error{
		"rotate without sudo": func() error { _, err := n.RotateTerm(t.Context(), n.call(weak, "POST", "sys/rotate")); return err }(),
		"config without sudo": n.ConfigRotation(t.Context(), n.call(weak, "POST", "sys/rotate/config"), RotationRequest{Enabled: &on, Interval: &interval}),
	} {
		if !errors.Is(err, ErrPermissionDenied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := n.KeyStatus(n.call(weak, "GET", "sys/key-status")); err != nil {
		t.Error(err)
	}
	for _, bad := range []RotationRequest{
		{Commands: new(int64)}, {Commands: ptr(int64(999))}, {Commands: ptr(int64(-1))},
		{Interval: ptr(time.Nanosecond)}, {Interval: ptr(24*time.Hour - 1)}, {Interval: ptr(-time.Hour)}, {Interval: ptr(maxRotationInterval + 1)},
	} {
		if err := n.ConfigRotation(t.Context(), n.rootCall("sys/rotate/config"), bad); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if r, err := n.ReadRotation(n.call(weak, "GET", "sys/rotate/config")); err != nil || r != (RotationConfig{true, state.DefaultRotationCommands, state.DefaultRotationInterval}) {
		t.Errorf("%+v, %v", r, err)
	}
	if st := n.term(); st.Term != 1 {
		t.Errorf("a refused rotation had an effect: term %d", st.Term)
	}
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.machine.nextTerm(1); !errors.Is(err, ErrSealed) {
		t.Errorf("a sealed node made a term: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }

func TestConfigRotation(t *testing.T) {
	n := newNode(t)
	set := func(req RotationRequest) RotationConfig {
		t.Helper()
		if err := n.ConfigRotation(t.Context(), n.rootCall("sys/rotate/config"), req); err != nil {
			t.Fatal(err)
		}
		r, err := n.ReadRotation(n.call(n.root, "GET", "sys/rotate/config"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := RotationConfig{true, state.DefaultRotationCommands, state.DefaultRotationInterval}
	if got := set(RotationRequest{}); got != want {
		t.Errorf("nothing asked for: %+v", got)
	}
	want.Interval = 0
	if got := set(RotationRequest{Interval: ptr(time.Duration(0))}); got != want {
		t.Errorf("without age: %+v", got)
	}
	want.Enabled = false
	if got := set(RotationRequest{Enabled: ptr(false)}); got != want {
		t.Errorf("off: %+v", got)
	}
	want = RotationConfig{true, 5000, 24 * time.Hour}
	if got := set(RotationRequest{ptr(true), ptr(int64(5000)), ptr(24 * time.Hour)}); got != want {
		t.Errorf("all: %+v", got)
	}
	n.restart()
	if got := set(RotationRequest{}); got != want {
		t.Errorf("after a restart: %+v", got)
	}
}

func TestTermDue(t *testing.T) {
	day := int64(24 * time.Hour)
	base := state.New()
	base.Cluster.ID = "x"
	for what, c := range map[string]struct {
		change func(s *state.State)
		now    int64
		want   bool
	}{
		"fresh":                 {func(*state.State) {}, 0, false},
		"young":                 {func(*state.State) {}, 90*day - 1, false},
		"old":                   {func(*state.State) {}, 90 * day, true},
		"old but off":           {func(s *state.State) { s.Rotation = state.Rotation{Disabled: true, Commands: 1000} }, 900 * day, false},
		"age does not count":    {func(s *state.State) { s.Rotation.Commands = 1000 }, 900 * day, false},
		"nearly used":           {func(s *state.State) { s.Rotation.Commands, s.TermUses = 1000, 999 }, 0, false},
		"used":                  {func(s *state.State) { s.Rotation.Commands, s.TermUses = 1000, 1000 }, 0, true},
		"used, none in hand":    {func(s *state.State) { s.Rotation.Commands, s.TermUses, s.Term = 1000, 1000, 64 }, day - 1, false},
		"used, one a day":       {func(s *state.State) { s.Rotation.Commands, s.TermUses, s.Term = 1000, 1000, 64 }, day, true},
		"used, all made":        {func(s *state.State) { s.Rotation.Commands, s.TermUses, s.Term = 1000, 1000, maxTerms }, maxTerms * day, false},
		"before genesis":        {func(s *state.State) { s.Cluster.ID = "" }, 90 * day, false},
		"clock behind creation": {func(s *state.State) { s.Cluster.Created, s.TermUses = day, 1<<40 }, 0, true},
	} {
		s := *base
		c.change(&s)
		if got := termDue(&s, c.now); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestTermRotatesByUse(t *testing.T) {
	n := newNode(t)
	if err := n.ConfigRotation(t.Context(), n.rootCall("sys/rotate/config"), RotationRequest{Commands: ptr(int64(1000))}); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := n.propose(t.Context(), newProposal(), &state.Tick{}); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); n.term().Term == 1; pause(t.Context(), time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not rotated: %+v", n.term())
		}
	}
	if st := n.term(); st.Term != 2 || st.Commands >= 1000 {
		t.Errorf("%+v", st)
	}
	if log := string(n.auditLog()); !strings.Contains(log, `"auto-rotate"`) {
		t.Error("the audit log does not say who rotated")
	}
}

// Sealing takes the root key too.
func TestSealWipesTheRootKey(t *testing.T) {
	n := newNode(t)
	n.rotateTerm()
	opened := n.machine.opened
	record := n.machine.sealRecord()
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	if _, err := opened.NextTerm(1); !errors.Is(err, barrier.ErrWiped) {
		t.Errorf("the root key is still there: %v", err)
	}
	if _, err := opened.Barrier().Seal(commandName, nil); !errors.Is(err, barrier.ErrWiped) {
		t.Errorf("the barrier is still there: %v", err)
	}
	if err := opened.Reach(record); !errors.Is(err, barrier.ErrWiped) {
		t.Errorf("the record still opens: %v", err)
	}
}

// The root key is in no file, also after rotations, snapshots and a seal: what is
// on disk is wrapped by it.
func TestRootKeyIsInNoFile(t *testing.T) {
	n := newNode(t)
	n.rotateTerm()
	if err := n.store.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.rotateTerm()
	record := *n.machine.sealRecord()
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	// Of one share of one, the value is the shared secret.
	share, err := hex.DecodeString(n.share)
	if err != nil {
		t.Fatal(err)
	}
	root, err := hkdf.Key(sha256.New, share[12:44], []byte(record.ClusterID), "signet root v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := record.Wrapped
	record.Wrapped = nil
	head, err := json.Marshal(&record)
	if err != nil {
		t.Fatal(err)
	}
	ts, err := barrier.UnwrapTermStore(root, append([]byte("signet seal record v1\x00"), head...), wrapped)
	if err != nil || ts.Active() != 3 {
		t.Fatalf("this is not the root key: %v", err)
	}
	forms := map[string][]byte{
		"raw": root, "hex": []byte(hex.EncodeToString(root)), "base64": []byte(base64.RawStdEncoding.EncodeToString(root)[:42]),
	}
	files, sawRecord := 0, false
	err = filepath.WalkDir(n.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files++
		sawRecord = sawRecord || bytes.Contains(content, []byte(base64.StdEncoding.EncodeToString(wrapped)))
		for form, b := range forms {
			if bytes.Contains(content, b) {
				t.Errorf("%s holds the root key, %s", path, form)
			}
		}
		return err
	})
	if err != nil || files < 4 || !sawRecord {
		t.Errorf("%d files were looked at, the record in force was among them: %t, %v", files, sawRecord, err)
	}
}

// Snapshots are taken while the term moves, and the node starts from each.
func TestSnapshotsAmongRotations(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	for range 3 {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = n.store.Snapshot(context.Background()) // nothing new is an error
				}
			}
		})
		for range 10 {
			n.rotateTerm()
		}
		close(stop)
		wg.Wait()
		before := n.term().Term
		n.restart()
		if after := n.term().Term; after != before {
			t.Fatalf("term %d, then %d", before, after)
		}
		if _, err := n.sign(ref); err != nil {
			t.Fatal(err)
		}
	}
}
