package kms

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func (n *node) deletable(name string) KeyRef {
	n.t.Helper()
	ref := n.key(name, "ed25519")
	yes := true
	if _, err := n.ConfigKey(n.t.Context(), n.rootCall("transit/keys/"+name+"/config"), ref, ConfigKeyRequest{DeletionAllowed: &yes}); err != nil {
		n.t.Fatal(err)
	}
	return ref
}

func (n *node) delete(ref KeyRef, grace *time.Duration) error {
	return n.DeleteKey(n.t.Context(), n.call(n.root, "DELETE", "transit/keys/"+ref.Name), ref, grace)
}

func TestADeletedKeyDoesNothingUntilItIsUndeleted(t *testing.T) {
	n := newNode(t)
	ref := n.deletable("web")
	signature, err := n.sign(ref)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // to delete it again changes nothing
		if err := n.delete(ref, nil); err != nil {
			t.Fatal(err)
		}
	}
	ctx, path := t.Context(), "transit/keys/web"
	refusals := map[string]error{}
	_, refusals["sign"] = n.sign(ref)
	_, refusals["verify"] = n.Verify(n.rootCall("transit/verify/web"), ref, SignOptions{}, []Item{{Input: field("hello"), Signature: signature}}, false)
	_, refusals["rotate"] = n.RotateKey(ctx, n.rootCall(path+"/rotate"), ref)
	_, refusals["config"] = n.ConfigKey(ctx, n.rootCall(path+"/config"), ref, ConfigKeyRequest{})
	_, refusals["trim"] = n.TrimKey(ctx, n.rootCall(path+"/trim"), ref, 1)
	_, refusals["create"] = n.CreateKey(ctx, n.rootCall(path), ref, CreateKeyRequest{Type: "ed25519"})
	for what, err := range refusals {
		if !errors.Is(err, ErrKeyDeleted) || !strings.Contains(err.Error(), "undelete") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := n.ReadKey(n.call(n.root, "GET", path), ref, VersionRange{}); !errors.Is(err, ErrNotFound) || err.Error() == ErrNotFound.Error() {
		t.Errorf("read: %v", err)
	}
	if _, err := n.ListKeys(n.call(n.root, "LIST", "transit/keys"), "transit"); !errors.Is(err, ErrNotFound) {
		t.Errorf("list: %v", err)
	}
	gone, err := n.DeletedKeys(n.call(n.root, "LIST", "transit/keys"), "transit")
	if err != nil || len(gone) != 1 || time.Duration(gone[0].DestroyAt-gone[0].Deleted) != DefaultGrace {
		t.Fatalf("deleted: %+v, %v", gone, err)
	}
	day := 24 * time.Hour
	if err := n.delete(ref, &day); !errors.Is(err, ErrBadRequest) {
		t.Errorf("another grace period for a deleted key: %v", err)
	}
	n.restart()
	if _, err := n.UndeleteKey(ctx, n.rootCall(path+"/undelete"), ref); err != nil {
		t.Fatal(err)
	}
	if r, err := n.Verify(n.rootCall("transit/verify/web"), ref, SignOptions{}, []Item{{Input: field("hello"), Signature: signature}}, false); err != nil || !r[0].Valid {
		t.Fatalf("after undelete: %v", err)
	}
	if _, err := n.UndeleteKey(ctx, n.rootCall(path+"/undelete"), ref); !errors.Is(err, ErrBadRequest) {
		t.Errorf("undelete of a key in use: %v", err)
	}
}

func TestAKeyIsDestroyedWhenItsGracePeriodIsOver(t *testing.T) {
	n := newNode(t)
	ref := n.deletable("web")
	short := 50 * time.Millisecond
	if err := n.delete(ref, &short); err != nil {
		t.Fatal(err)
	}
	destroyed := func() bool { return n.view.Load().Tombstone(n.mountUUID(), "web") != nil }
	for deadline := time.Now().Add(20 * time.Second); !destroyed() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if !destroyed() || n.view.Load().Key(n.mountUUID(), "web") != nil {
		t.Fatal("the key is still there")
	}
	info, err := n.CreateKey(t.Context(), n.rootCall("transit/keys/web"), ref, CreateKeyRequest{Type: "ed25519"})
	if err != nil || info.Latest != 2 {
		t.Fatalf("the name again: %+v, %v", info.Key, err)
	}
	// The outcome of the destruction is written after its effect shows.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if bytes.Count(n.auditLog(), []byte(`"operation":"transit/keys/destroy"`)) == 2 {
			return
		}
	}
	t.Error("no intent and outcome of the destruction in the log")
}

func TestNothingIsDestroyedByAClockThatJumped(t *testing.T) {
	n := newNode(t)
	ref := n.deletable("web")
	short := 10 * time.Millisecond
	n.clock.mu.Lock()
	if n.clock.advance(8*24*time.Hour, time.Second, time.Now()) == 0 {
		t.Fatal("eight days in a second are no jump")
	}
	n.clock.mu.Unlock()
	if err := n.delete(ref, &short); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * short)
	n.destroyDue(t.Context(), time.Now().UnixNano())
	if n.view.Load().Key(n.mountUUID(), "web") == nil {
		t.Fatal("destroyed by a clock that had jumped")
	}
	if _, err := n.UndeleteKey(t.Context(), n.rootCall("transit/keys/web/undelete"), ref); err != nil {
		t.Fatal(err)
	}
}

func TestClockPatience(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name            string
		wall, monotonic time.Duration
		steady          bool
	}{
		{"together", 30 * time.Second, 30 * time.Second, true},
		{"slewed", 34 * time.Second, 30 * time.Second, true},
		{"ahead", time.Hour, 30 * time.Second, false},
		{"back", -time.Hour, 30 * time.Second, false},
		{"suspended", 30 * time.Second, time.Hour, false},
	} {
		k := &clock{}
		if k.advance(c.wall, c.monotonic, now); k.steady() != c.steady {
			t.Errorf("%s: steady is %t", c.name, !c.steady)
		}
	}
}

func TestClockPatienceAtUnseal(t *testing.T) {
	now, day := time.Now(), 24*time.Hour
	never := time.Unix(0, 0)
	for _, c := range []struct {
		name              string
		now, known, leapt time.Time
		steady            bool
	}{
		{"down for a minute", now, now.Add(-time.Minute), never, true},
		{"a day ahead of the cluster's time", now, now.Add(-day), never, false},
		{"the same an hour ago", now.Add(-time.Hour), now.Add(-2 * day), never, true},
		{"started again after the time was written down", now, now.Add(-time.Second), now.Add(-time.Minute), false},
		{"long after that", now, now.Add(-time.Second), now.Add(-time.Hour), true},
		{"a clock that was ahead and is right again", now, now.Add(day), now.Add(day), false},
	} {
		k := &clock{}
		if k.begin(c.now, c.known, c.leapt); k.steady() != c.steady {
			t.Errorf("%s: steady is %t", c.name, !c.steady)
		}
		if left := k.until.Sub(now); left > clockPatience {
			t.Errorf("%s: patience for %s", c.name, left)
		}
	}
	k := &clock{last: now}
	k.advance(time.Hour, time.Second, now)
	if k.begin(now, now, never); k.steady() {
		t.Error("a seal and an unseal make a jump forgotten")
	}
}

func TestAShortGracePeriodNeedsSudo(t *testing.T) {
	n := newNode(t)
	ref := n.deletable("web")
	if err := n.WritePolicy(t.Context(), n.rootCall("sys/policies/acl/p"), "p", `path "transit/keys/*" { capabilities = ["delete"] }`); err != nil {
		t.Fatal(err)
	}
	token, _, err := n.CreateToken(t.Context(), n.rootCall("auth/token/create"), TokenRequest{Policies: []string{"p"}})
	if err != nil {
		t.Fatal(err)
	}
	del := func(grace time.Duration) error {
		return n.DeleteKey(t.Context(), n.call(token.Reveal(), "DELETE", "transit/keys/web"), ref, &grace)
	}
	for _, grace := range []time.Duration{0, DefaultGrace - 1} {
		if err := del(grace); !errors.Is(err, ErrPermissionDenied) {
			t.Errorf("grace %s: %v", grace, err)
		}
	}
	if err := n.delete(ref, ptrTo(MaxGrace+1)); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a grace period of over a year: %v", err)
	}
	if err := del(DefaultGrace); err != nil {
		t.Fatal(err)
	}
	if err := del(0); !errors.Is(err, ErrPermissionDenied) {
		t.Errorf("to destroy a deleted key: %v", err)
	}
	if err := n.delete(ref, ptrTo(time.Duration(0))); err != nil {
		t.Fatal(err)
	}
	if n.view.Load().Tombstone(n.mountUUID(), "web") == nil {
		t.Error("not destroyed")
	}
	if _, err := n.UndeleteKey(t.Context(), n.rootCall("transit/keys/web/undelete"), ref); !errors.Is(err, ErrKeyNotFound) {
		t.Errorf("undelete of a destroyed key: %v", err)
	}
}

func ptrTo[T any](v T) *T { return &v }

func TestTrimErasesOldVersions(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	for range 4 {
		if _, err := n.RotateKey(t.Context(), n.rootCall("transit/keys/web/rotate"), ref); err != nil {
			t.Fatal(err)
		}
	}
	trim := func(to int64) error {
		_, err := n.TrimKey(t.Context(), n.rootCall("transit/keys/web/trim"), ref, to)
		return err
	}
	config := func(dec, enc int64) {
		t.Helper()
		if _, err := n.ConfigKey(t.Context(), n.rootCall("transit/keys/web/config"), ref, ConfigKeyRequest{MinDecryption: &dec, MinEncryption: &enc}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dec, enc, to int64
		text         string
	}{{1, 0, 0, "missing"}, {1, 0, -1, "missing"}, {3, 0, 3, "min_encryption_version"}, {3, 3, 4, "at most"}, {3, 3, 1 << 40, "at most"}} {
		config(c.dec, c.enc)
		if err := trim(c.to); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("trim to %d: %v", c.to, err)
		}
	}
	for range 2 { // again changes nothing
		if err := trim(3); err != nil {
			t.Fatal(err)
		}
	}
	if err := trim(2); !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), "never falls") {
		t.Errorf("back to 2: %v", err)
	}
	info, err := n.ReadKey(n.call(n.root, "GET", "transit/keys/web"), ref, VersionRange{})
	if err != nil || info.MinAvailable != 3 || len(info.Versions) != 3 || info.Versions[0].Number != 3 {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := n.ReadKey(n.call(n.root, "GET", "transit/keys/web"), ref, VersionRange{Only: 2}); !errors.Is(err, ErrVersionTooOld) {
		t.Errorf("a version that was trimmed: %v", err)
	}
}

func TestAnswersShowABoundedNumberOfVersions(t *testing.T) {
	n := newNode(t)
	ref := n.key("web", "ed25519")
	c := n.rootCall("transit/keys/web/rotate")
	for range MaxVersions + 4 {
		c = n.rootCall("transit/keys/web/rotate")
		if _, err := n.RotateKey(t.Context(), c, ref); err != nil {
			t.Fatal(err)
		}
	}
	latest := uint32(MaxVersions + 5)
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "after=0") {
		t.Errorf("warnings of an answer that leaves versions out: %q", c.Warnings)
	}
	for _, want := range []struct {
		name        string
		r           VersionRange
		first, last uint32
		count       int
	}{
		{"the newest", VersionRange{}, latest - NewestVersions + 1, latest, NewestVersions},
		{"more of the newest", VersionRange{Limit: 7}, latest - 6, latest, 7},
		{"one", VersionRange{Only: 3}, 3, 3, 1},
		{"the oldest", VersionRange{After: ptrTo(uint32(0)), Limit: 4}, 1, 4, 4},
		{"the last page", VersionRange{After: ptrTo(latest - 2), Limit: 4}, latest - 1, latest, 2},
		{"after the last", VersionRange{After: ptrTo(latest)}, 0, 0, 0},
		{"after all", VersionRange{After: ptrTo(^uint32(0))}, 0, 0, 0},
	} {
		info, err := n.ReadKey(n.call(n.root, "GET", "transit/keys/web"), ref, want.r)
		if err != nil || len(info.Versions) != want.count {
			t.Errorf("%s: %d versions, %v", want.name, len(info.Versions), err)
			continue
		}
		if n := len(info.Versions); n > 0 && (info.Versions[0].Number != want.first || info.Versions[n-1].Number != want.last) {
			t.Errorf("%s: versions %d to %d", want.name, info.Versions[0].Number, info.Versions[n-1].Number)
		}
	}
	if _, err := n.ReadKey(n.call(n.root, "GET", "transit/keys/web"), ref, VersionRange{Limit: 1001}); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a limit of 1001: %v", err)
	}
	if _, err := n.ReadKey(n.call(n.root, "GET", "transit/keys/web"), ref, VersionRange{Only: latest + 1}); !errors.Is(err, ErrVersionTooNew) {
		t.Errorf("a version that is not there yet: %v", err)
	}
}
