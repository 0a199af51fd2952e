package kms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/audit"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
	"github.com/signet-kms/signet/raftstore"
)

// node is a service on a directory of its own, made with one share.
type node struct {
	*Service
	t     testing.TB
	dir   string
	share string
	root  string
}

func newNode(t testing.TB) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir()}
	n.open()
	made, err := n.Init(t.Context(), Origin{}, InitRequest{Shares: 1, Threshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	n.share, n.root = made.Shares[0].Hex(), made.RootToken.Reveal()
	n.unseal()
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

func (n *node) open() {
	n.t.Helper()
	s, err := Open(Config{
		Store:  raftstore.Options{Dir: filepath.Join(n.dir, "raft"), Dev: true},
		Audit:  audit.Options{Dir: filepath.Join(n.dir, "audit"), Durability: audit.DurabilityOS},
		Logger: hclog.NewNullLogger(), Version: "0.0.0-test",
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.Service = s
}

func (n *node) unseal() {
	n.t.Helper()
	if _, err := n.Unseal(n.t.Context(), Origin{}, n.share); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) restart() {
	n.t.Helper()
	if err := n.Close(); err != nil {
		n.t.Fatal(err)
	}
	n.open()
	n.unseal()
}

// call is an authenticated request of token at path.
func (n *node) call(token, method, path string) *Call {
	n.t.Helper()
	c, err := n.Begin(Origin{RequestID: newUUID(), Method: method, Path: path, Remote: "127.0.0.1"})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.Authenticate(c, token); err != nil {
		n.t.Fatal(err)
	}
	return c
}

func (n *node) rootCall(path string) *Call { return n.call(n.root, "POST", path) }

func (n *node) key(name, typ string) KeyRef {
	n.t.Helper()
	ref := KeyRef{Mount: "transit", Name: name}
	if _, err := n.CreateKey(n.t.Context(), n.rootCall("transit/keys/"+name), ref, CreateKeyRequest{Type: typ}); err != nil {
		n.t.Fatal(err)
	}
	return ref
}

func (n *node) sign(ref KeyRef) (string, error) {
	r, err := n.Sign(n.rootCall("transit/sign/"+ref.Name), ref, SignOptions{}, []Item{{Input: field("hello")}}, false)
	if err != nil {
		return "", err
	}
	return r[0].Text, nil
}

func field(s string) Field { return Field{Bytes: []byte(s), Set: true} }

func (n *node) auditLog() []byte {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, "audit", "audit.log"))
	if err != nil {
		n.t.Fatal(err)
	}
	return b
}

func TestEverythingSurvivesARestartAndASnapshot(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ecdsa-p256")
	sig, err := n.sign(ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/web/rotate"), ref); err != nil {
		t.Fatal(err)
	}
	before, _ := n.view.Load().Digest()
	for _, step := range []string{"log alone", "snapshot and log"} {
		if step == "snapshot and log" {
			if err := n.store.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		n.restart()
		st := *n.view.Load().State
		r, err := n.Verify(n.rootCall("transit/verify/web"), ref, SignOptions{}, []Item{{Input: field("hello"), Signature: sig}}, false)
		if err != nil || !r[0].Valid {
			t.Fatalf("%s: a signature from before does not verify: %v", step, err)
		}
		if k := st.Key(n.mountUUID(), "web"); k == nil || k.Latest != 2 {
			t.Fatalf("%s: key after restart: %+v", step, k)
		}
	}
	if after, _ := n.view.Load().Digest(); after == before {
		t.Fatal("the epochs of two restarts left no trace in the state")
	}
}

func (n *node) mountUUID() string { return n.view.Load().Mount("transit/").UUID }

func TestSealedNodeKeepsWhatIsCommittedAndAnswersNothing(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	digest, _ := n.view.Load().Digest()
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Begin(Origin{}); !errors.Is(err, ErrSealed) {
		t.Fatalf("a sealed node began a request: %v", err)
	}
	if n.machine.state != nil || n.machine.opened != nil {
		t.Fatal("seal left state or keys behind")
	}
	// A snapshot of a sealed node must carry what it never opened.
	if err := n.store.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.unseal()
	if _, err := n.sign(ref); err != nil {
		t.Fatal(err)
	}
	n.restart()
	if _, err := n.sign(ref); err != nil {
		t.Fatal(err)
	}
	if again, _ := n.view.Load().Digest(); again == digest {
		t.Fatal("no epoch was opened")
	}
}

func TestResultIsWithheldWhenTheNodeSealsMeanwhile(t *testing.T) {
	n := newNode(t)
	n.key("web", "ed25519")
	c := n.rootCall("transit/sign/web")
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	if err := n.Confirm(c); !errors.Is(err, ErrSealed) {
		t.Fatalf("a request begun before the seal may answer: %v", err)
	}
	n.unseal()
	if err := n.Confirm(c); err == nil {
		t.Fatal("a request from before the seal may answer after the next unseal")
	}
	if err := n.act(c, verb{operation: "transit/sign", need: policy.Update}, noop); err == nil {
		t.Fatal("act released a result of another serving period")
	}
	if !bytes.Contains(n.auditLog(), []byte(`"outcome":"withheld"`)) {
		t.Fatal("the withheld result is not in the audit log")
	}
}

func TestNothingIsDoneWithoutAnAuditLog(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	c := n.rootCall("transit/sign/web")
	log := filepath.Join(n.dir, "audit", "audit.log")
	if err := os.Rename(log, log+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Sign(c, ref, SignOptions{}, []Item{{Input: field("x")}}, false); !errors.Is(err, ErrAuditUnavailable) {
		t.Fatalf("sign without a log: %v", err)
	}
	if _, err := n.Begin(Origin{}); !errors.Is(err, ErrAuditUnavailable) {
		t.Fatalf("begin without a log: %v", err)
	}
	if h := n.Health(); h.Serving || h.Reason != "audit_unavailable" || h.Why == "" {
		t.Fatalf("health without a log: %+v", h)
	}
	if err := os.Rename(log+".gone", log); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); n.audit.Err() != nil && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	if _, err := n.sign(ref); err != nil {
		t.Fatalf("sign after the log came back: %v", err)
	}
}

func TestWriteHasIntentBeforeAndOutcomeAfter(t *testing.T) {
	n := newNode(t)
	n.key("web", "ed25519")
	var seen []string
	for line := range bytes.Lines(n.auditLog()) {
		var rec struct{ Type, Operation, Proposal, Outcome string }
		if err := json.Unmarshal(line, &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Operation == "transit/keys/create" {
			seen = append(seen, rec.Type+" "+rec.Outcome)
			if rec.Proposal == "" {
				t.Error("a record of a write without the proposal's id")
			}
		}
	}
	if got := strings.Join(seen, ","); got != "intent ,outcome ok" {
		t.Fatalf("records of a create: %s", got)
	}
}

func TestConcurrentRotationsMakeOneVersionEach(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/web/rotate"), ref); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	info, err := n.ReadKey(n.call(n.root, "GET", "transit/keys/web"), ref, VersionRange{})
	if err != nil || info.Latest != 17 || len(info.Versions) != 17 {
		t.Fatalf("after 16 rotations: %+v, %v", info.Key, err)
	}
}

func TestCreateOfAnExistingKeyChangesNothing(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	c := n.rootCall("transit/keys/web")
	info, err := n.CreateKey(t.Context(), c, ref, CreateKeyRequest{Type: "rsa-2048"})
	if err != nil || info.Type != state.Ed25519 || info.Latest != 1 || len(c.Warnings) != 1 {
		t.Fatalf("second create: %+v, %v, warnings %q", info.Key, err, c.Warnings)
	}
}

func TestEncryptionIsBookedBeforeItIsMade(t *testing.T) {
	n := newNode(t)
	ref := n.key("box", "aes256-gcm96")
	encrypt := func() error {
		_, err := n.Encrypt(n.rootCall("transit/encrypt/box"), ref, []Item{{Input: field("x")}}, false)
		return err
	}
	if err := encrypt(); err != nil {
		t.Fatal(err)
	}
	booked := func() uint64 { return n.view.Load().Version(n.mountUUID(), "box", 1).Encryptions }
	if booked() != firstBlock {
		t.Fatalf("booked %d, want %d", booked(), firstBlock)
	}
	n.restart() // what was left of the block is given up
	if err := encrypt(); err != nil {
		t.Fatal(err)
	}
	if booked() != 2*firstBlock {
		t.Fatalf("booked %d after a restart, want %d", booked(), 2*firstBlock)
	}
	// Near the end: half of what is safe rotates the key, all of it stops it.
	fill := func(left uint64) {
		count := state.MaxEncryptions - left - booked()
		if _, err := n.propose(t.Context(), newProposal(), &state.ReserveEncryptions{Mount: n.mountUUID(), Name: "box", Number: 1, Count: count}); err != nil {
			t.Fatal(err)
		}
		n.budgets.Clear()
	}
	fill(state.MaxEncryptions - state.RotateEncryptions)
	if err := encrypt(); err != nil {
		t.Fatal(err)
	}
	latest := func() uint32 { return n.view.Load().Key(n.mountUUID(), "box").Latest }
	for deadline := time.Now().Add(10 * time.Second); latest() != 2 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if latest() != 2 {
		t.Fatal("the key did not rotate by itself")
	}
	fill(firstBlock - 1)
	_, err := n.Encrypt(n.rootCall("transit/encrypt/box"), ref, []Item{{Input: field("x"), Version: 1}}, false)
	if !errors.Is(err, ErrEncryptionsSpent) {
		t.Fatalf("an encryption that could not be booked: %v", err)
	}
	if err := encrypt(); err != nil { // the new version goes on
		t.Fatal(err)
	}
}

func TestKeysRotateByThemselvesWhenTheirPeriodIsOver(t *testing.T) {
	n := newNode(t)
	ref := KeyRef{Mount: "transit", Name: "web"}
	if _, err := n.CreateKey(t.Context(), n.rootCall("transit/keys/web"), ref, CreateKeyRequest{Type: "ed25519", AutoRotate: time.Hour}); err != nil {
		t.Fatal(err)
	}
	n.autoRotate(t.Context(), n.view.Load(), time.Now().UnixNano())
	if k := n.view.Load().Key(n.mountUUID(), "web"); k.Latest != 1 {
		t.Fatal("rotated before its time")
	}
	n.autoRotate(t.Context(), n.view.Load(), time.Now().Add(time.Hour+time.Minute).UnixNano())
	if k := n.view.Load().Key(n.mountUUID(), "web"); k.Latest != 2 {
		t.Fatal("did not rotate when its time was over")
	}
}

func TestTokensAreForgedInVain(t *testing.T) {
	n := newNode(t)
	key := n.view.Load().Cluster.TokenKey
	good := newToken(key).Reveal() // carries the MAC, and was never issued
	flipped := "A"
	if n.root[10:11] == flipped {
		flipped = "B"
	}
	for name, token := range map[string]string{
		"empty": "", "not issued": good, "other cluster": newToken(randomBytes(32)).Reveal(),
		"cut": n.root[:len(n.root)-1], "longer": n.root + "A", "changed": n.root[:10] + flipped + n.root[11:],
		"case": strings.ToUpper(n.root), "space": n.root + " ", "hash": string(tokenOf(n.root).hash()), "chosen": "root",
	} {
		c, err := n.Begin(Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Authenticate(c, token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: %v, want ErrInvalidToken", name, err)
		}
	}
}

func TestWrongSharesAreSlowedDown(t *testing.T) {
	n := newNode(t)
	if err := n.Seal(n.rootCall("sys/seal")); err != nil {
		t.Fatal(err)
	}
	for range maxWrongShares {
		if _, err := n.Unseal(t.Context(), Origin{}, "00"); !errors.Is(err, ErrShareLength) {
			t.Fatalf("wrong share: %v", err)
		}
	}
	if _, err := n.Unseal(t.Context(), Origin{}, "00"); !errors.Is(err, ErrRateLimited) {
		t.Fatalf("after %d wrong shares: %v", maxWrongShares, err)
	}
	if _, err := n.VerifyShare(Origin{}, "00"); !errors.Is(err, ErrRateLimited) {
		t.Fatal("verify-share is a way around the limit")
	}
	// A right share is taken: strangers cannot keep the node sealed.
	n.unseal()
	if got := bytes.Count(n.auditLog(), []byte(`"code":"share_length"`)); got != maxWrongShares {
		t.Fatalf("%d wrong shares were recorded singly, want %d", got, maxWrongShares)
	}
}

func TestResetsWithoutProgressAreNotRecordedSingly(t *testing.T) {
	n := newNode(t)
	for range 50 {
		if _, err := n.ResetUnseal(Origin{}); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Contains(n.auditLog(), []byte("unseal-reset")) {
		t.Fatal("a stranger can fill the log with resets")
	}
}

func TestPolicyNamesHaveOneSpelling(t *testing.T) {
	n := newNode(t)
	for _, name := range []string{"ADMIN", "Admin", " admin", "admin "} {
		c := n.rootCall("sys/policies/acl/" + name)
		if err := n.WritePolicy(t.Context(), c, name, `path "a" { capabilities = ["read"] }`); !errors.Is(err, ErrBadPolicy) {
			t.Errorf("write %q: %v", name, err)
		}
		if _, err := n.ReadPolicy(c, name); !errors.Is(err, ErrBadPolicy) {
			t.Errorf("read %q: %v", name, err)
		}
		if err := n.DeletePolicy(t.Context(), c, name); !errors.Is(err, ErrBadPolicy) {
			t.Errorf("delete %q: %v", name, err)
		}
	}
}

func TestAChildHasNoMoreThanItsParent(t *testing.T) {
	n := newNode(t)
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/maker"), "maker", `path "auth/token/create" { capabilities = ["update"] }`); err != nil {
		t.Fatal(err)
	}
	parent, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"maker"}, NoDefaultPolicy: true})
	if err != nil {
		t.Fatal(err)
	}
	child := func(req TokenRequest) (TokenInfo, error) {
		_, info, err := n.CreateToken(t.Context(), n.call(parent.Reveal(), "POST", "auth/token/create"), req)
		return info, err
	}
	if info, err := child(TokenRequest{}); err != nil || strings.Join(info.Policies, ",") != "maker" {
		t.Errorf("child: %v, %v", info.Policies, err)
	}
	for _, policies := range [][]string{{"default"}, {"root"}, {"other"}, {"ROOT"}} {
		if _, err := child(TokenRequest{Policies: policies}); !errors.Is(err, ErrBadRequest) {
			t.Errorf("a child with %v: %v", policies, err)
		}
	}
	if _, err := child(TokenRequest{Orphan: true}); !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("an orphan without sudo: %v", err)
	}
}

func TestLifetimesDoNotOverflow(t *testing.T) {
	n := newNode(t)
	for _, ttl := range []time.Duration{MaxTTL + time.Second, 1<<63 - 1} {
		c := n.rootCall("auth/token/create")
		tok, info, err := n.CreateToken(t.Context(), c, TokenRequest{TTL: ttl})
		if err != nil || info.Left != MaxTTL || len(c.Warnings) != 1 {
			t.Fatalf("ttl %d: %+v, %v, %q", ttl, info, err, c.Warnings)
		}
		again, err := n.RenewToken(t.Context(), n.rootCall("auth/token/renew"), TokenRef{Token: tok}, 1<<63-1)
		if err != nil || again.Left > MaxTTL || again.Left < MaxTTL-time.Minute {
			t.Fatalf("renewed: %+v, %v", again, err)
		}
	}
}

func TestRevokingTwiceIsNoError(t *testing.T) {
	n := newNode(t)
	tok, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.RevokeToken(t.Context(), n.rootCall("auth/token/revoke"), TokenRef{Token: tok}, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.RevokeToken(t.Context(), n.rootCall("auth/token/revoke-accessor"), TokenRef{Accessor: "none"}, false); !errors.Is(err, ErrTokenNotFound) {
		t.Fatalf("an accessor that does not exist: %v", err)
	}
}

func TestNothingIsEncryptedThatNobodyCouldDecrypt(t *testing.T) {
	n := newNode(t)
	ref := n.key("box", "aes256-gcm96")
	for range 2 {
		if _, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/box/rotate"), ref); err != nil {
			t.Fatal(err)
		}
	}
	three := int64(3)
	if _, err := n.ConfigKey(t.Context(), n.rootCall("transit/keys/box/config"), ref, ConfigKeyRequest{MinDecryption: &three}); err != nil {
		t.Fatal(err)
	}
	_, err := n.Encrypt(n.rootCall("transit/encrypt/box"), ref, []Item{{Input: field("x"), Version: 1}}, false)
	if !errors.Is(err, ErrVersionTooOld) {
		t.Fatalf("encrypted below the minimum for decryption: %v", err)
	}
}

// TestAWriteThatMeetsASealIsUnknown: the entry is kept, and applied at unseal.
func TestAWriteThatMeetsASealIsUnknown(t *testing.T) {
	n := newNode(t)
	opened, err := n.machine.seal()
	if err != nil { // the machine alone: the proposal is under way
		t.Fatal(err)
	}
	_, err = n.propose(t.Context(), newProposal(), &state.PutPolicy{Policy: state.Policy{Name: "late", Text: "x"}})
	if !errors.Is(err, ErrOutcomeUnknown) {
		t.Fatalf("got %v", err)
	}
	if err := n.machine.unseal(opened); err != nil {
		t.Fatal(err)
	}
	if n.view.Load().Policy("late") == nil {
		t.Fatal("what a sealed node kept was not applied at unseal")
	}
}

func TestUnknownErrorsAreInternal(t *testing.T) {
	if Code(errors.New("pq: password is hunter2")) != "internal" || Code(nil) != "" {
		t.Fatal("code of an error that is no sentinel")
	}
	for _, e := range Sentinels() {
		if Code(fmt.Errorf("wrapped: %w", e)) != e.code {
			t.Errorf("%s does not survive wrapping", e.code)
		}
		if got := translate(fmt.Errorf("wrapped: %w", e)); !errors.Is(got, e) {
			t.Errorf("translate lost %s", e.code)
		}
	}
	for _, tr := range translations {
		err := translate(fmt.Errorf("details: %w", tr.from))
		if !errors.Is(err, tr.to) || !strings.Contains(err.Error(), "details") {
			t.Errorf("%v became %v", tr.from, err)
		}
	}
}

func TestTokenRedacts(t *testing.T) {
	tok := tokenOf("sgt.hunter2")
	outer := struct{ hidden, Shown Token }{tok, tok}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%c", "%U"} {
		for _, v := range []any{tok, &tok, outer, &outer} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "hunter2") || strings.Contains(out, "68756e74") {
				t.Errorf("%s of %T shows the token: %s", verb, v, out)
			}
		}
	}
	if _, err := json.Marshal(tok); err == nil {
		t.Error("a token was written as JSON")
	}
}

// impatient is alive when a proposal is handed over and over when it is waited
// for: the wait ends before the outcome can be known.
type impatient struct{ context.Context }

func (impatient) Done() <-chan struct{} {
	over := make(chan struct{})
	close(over)
	return over
}

func TestAWriteThatWaitedTooLongIsNotBegun(t *testing.T) {
	n := newNode(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := n.view.Load().Index
	if _, err := n.propose(ctx, newProposal(), &state.Tick{}); !errors.Is(err, ErrBusy) {
		t.Fatalf("got %v", err)
	}
	if n.view.Load().Index != before {
		t.Fatal("it was written all the same")
	}
}

func TestUnknownOutcomeIsNeitherSuccessNorFailure(t *testing.T) {
	n := newNode(t)
	_, err := n.submit(impatient{t.Context()}, &state.Numbered{Proposal: newProposal(), Command: &state.Tick{}})
	if !errors.Is(err, ErrOutcomeUnknown) || outcome(err) != audit.OutcomeUnknown {
		t.Fatalf("got %v (%s)", err, outcome(err))
	}
}
