package faultrun

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client/wire"
)

// The paths of a backup: saved and restored, and restored whatever is newer.
const (
	snapshotPath = "sys/storage/raft/snapshot"
	forcePath    = snapshotPath + "-force"
)

// restoreTime is how long a client tries to restore a backup: what a dead node has
// prepared is in the way for 15 s.
const restoreTime = time.Minute

// oldBackup takes a backup while clients work, takes things away, and restores the
// backup: with force while the leader is killed, and without.
func oldBackup(r *run) {
	b := newBackup(r)
	b.takeAway()
	b.restore(snapshotPath, 0)
	b.check()
	b.disturb()
	// An older one than the last restore is refused, by whatever node.
	for _, n := range r.clients() {
		c := client{r: r}
		if answer, err := c.ask(n, "POST", snapshotPath, r.root, b.raw); err != nil || answer.Code() != string(wire.BadSnapshot) {
			r.h.violated("%s: a backup from before the last restore, without force: %v, %s", n.ID(), err, answer)
		}
	}
	for round := range 2 {
		b.restore(forcePath, 1+round*b.pieces/2+r.rand.IntN(b.pieces/2))
		b.check()
		b.disturb()
	}
	b.stop.Store(true)
	b.using.Wait()
	r.res.notes = fmt.Sprintf("%d restores, the leader was killed in %d of them; what was taken away was asked for %d times", b.restores, b.midway, b.asked.Load())
	if b.midway == 0 {
		r.t.Error("each restore was over before the leader was killed: the row shows nothing")
	}
}

// backup is one backup, and what happened since.
type backup struct {
	*run
	raw      []byte
	pieces   int // of its state, about
	taken    []revoked
	tokens   map[string]string // by the name that they have here
	restores int
	midway   int // kills before there was an answer

	stop  atomic.Bool
	using sync.WaitGroup
	asked atomic.Int64
}

// somePolicy is a text that is told from the others by a path.
func somePolicy(path string) object {
	return object{"policy": "path \"" + path + "\" { capabilities = [\"read\"] }\n"}
}

// newBackup makes what is taken away later, and saves a backup.
func newBackup(r *run) *backup {
	b := &backup{run: r, pieces: 8, tokens: map[string]string{}}
	n := r.leader()
	for _, key := range []string{"gone", "off", "bad", "over", "kept"} {
		n.Must("transit/keys/"+key, object{"type": "ed25519"})
		n.Must("transit/keys/"+key+"/rotate", nil)
	}
	n.Must("transit/keys/gone/config", object{"deletion_allowed": true})
	n.Must("sys/policies/acl/lost", somePolicy("lost"))
	n.Must("sys/policies/acl/other", somePolicy("before"))
	for i := range b.pieces * 256 / 60 { // so that a restore takes a while
		long := somePolicy("long")
		long["policy"] = fmt.Sprint(long["policy"]) + "#" + strings.Repeat("x", 60<<10)
		n.Must("sys/policies/acl/long-"+strconv.Itoa(i), long)
	}
	for _, name := range []string{"alive", "revoked"} {
		b.tokens[name] = n.NewToken("default")
	}
	b.tokens["jti"] = n.Must("jwt/sign/"+r.issuer+"/access", object{"sub": "user:1", "aud": "api://faults", "ttl": "2h"}).Text("data", "token")
	time.Sleep(time.Second)
	b.save()
	time.Sleep(time.Second)
	return b
}

// save takes the backup, and notes when, for the history of each key.
func (b *backup) save() {
	b.t.Helper()
	for end := time.Now().Add(writeTime); ; {
		n := b.clients()[b.rand.IntN(len(b.clients()))]
		var raw bytes.Buffer
		call := b.h.now()
		err := n.Client(b.root).Raft().Snapshot(context.Background(), &raw)
		if err == nil {
			b.raw = raw.Bytes()
			b.h.add(op{kind: "save", client: 91, call: call, ret: b.h.now(), node: n.ID()})
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("no backup can be saved: %v", err)
		}
	}
}

// takeAway takes away some of what the backup has, and asks for it from then on.
func (b *backup) takeAway() {
	b.take()
	b.disturb()
	b.askAlways()
}

// take takes away some of what the backup has.
func (b *backup) take() {
	n, issuer := b.leader(), b.issuer
	signed := map[string]string{}
	for _, key := range []string{"gone", "off", "bad", "over", "kept"} {
		signed[key] = n.Must("transit/sign/"+key, object{"input": "aGk=", "key_version": 1}).Text("data", "signature")
	}
	if answer := n.Do("DELETE", "transit/keys/gone?grace=0s", b.root, nil); answer.Status != 204 {
		b.t.Fatalf("deleting a key: %s", answer)
	}
	n.Must("transit/keys/off/state", object{"version": 1, "state": "suspended"})
	n.Must("transit/keys/bad/state", object{"version": 1, "state": "compromised"})
	for _, state := range []string{"retired", "destroyed"} {
		n.Must("transit/keys/over/state", object{"version": 1, "state": state})
	}
	n.Must("transit/keys/kept/config", object{"min_decryption_version": 2})
	n.Must("auth/token/revoke", object{"token": b.tokens["revoked"]})
	n.Must("jwt/revoke/"+b.issuer, object{"token": b.tokens["jti"]})
	for key, signature := range signed {
		b.taken = append(b.taken,
			revoked{"version 1 of " + key, func(n *apitest.Node) (bool, bool, apitest.Reply) {
				r, known := b.told(n, "POST", "transit/verify/"+key, b.root, object{"input": "aGk=", "signature": signature})
				return r.At("data", "valid") == true, known, r
			}})
		if key != "kept" { // a minimum for decryption lets it sign
			b.taken = append(b.taken, revoked{"signing with version 1 of " + key, func(n *apitest.Node) (bool, bool, apitest.Reply) {
				r, known := b.told(n, "POST", "transit/sign/"+key, b.root, object{"input": "aGk=", "key_version": 1})
				return r.Status == 200, known, r
			}})
		}
	}
	b.taken = append(b.taken,
		revoked{"auth/token/revoke", func(n *apitest.Node) (bool, bool, apitest.Reply) {
			r, known := b.told(n, "GET", "auth/token/lookup-self", b.tokens["revoked"], nil)
			return r.Status == 200, known, r
		}},
		revoked{"jwt/revoke", func(n *apitest.Node) (bool, bool, apitest.Reply) {
			r, known := b.told(n, "POST", "jwt/verify/"+issuer, b.root, object{"token": b.tokens["jti"]})
			return r.At("data", "active") == true, known, r
		}})
	for _, v := range b.taken {
		b.keepRevoked(v) // and at the end
	}
}

// askAlways asks for what was taken away, on all nodes, until stop.
func (b *backup) askAlways() {
	for _, n := range b.clients() {
		b.using.Go(func() {
			for i := 0; !b.stop.Load() && !b.over(); i++ {
				b.never(n, b.taken[i%len(b.taken)])
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

// told asks a node; known says that it answered of itself, and not that it cannot.
func (b *backup) told(n *apitest.Node, method, path, token string, body any) (answer apitest.Reply, known bool) {
	c := client{r: b.run}
	answer, err := c.ask(n, method, path, token, body)
	return answer, err == nil && answer.Status != 429 && answer.Status < 500
}

// never asks for what was taken away. known says that the node answered.
func (b *backup) never(n *apitest.Node, v revoked) (known bool) {
	alive, known, answer := v.use(n)
	if alive {
		b.h.violated("%s was taken away, and %s says: %s", v.what, n.ID(), answer)
	}
	if known {
		b.asked.Add(1)
	}
	return known
}

// disturb makes what a restore undoes, by its contract, and what it leaves.
func (b *backup) disturb() {
	n := b.leader()
	if answer := n.Do("DELETE", "sys/policies/acl/lost", b.root, nil); answer.Status != 204 {
		b.t.Fatalf("deleting a policy: %s", answer)
	}
	n.Must("sys/policies/acl/other", somePolicy("since"))
	n.Must("sys/policies/acl/new-"+strconv.Itoa(b.restores), somePolicy("new"))
	n.Must("transit/keys/since-"+strconv.Itoa(b.restores), object{"type": "ed25519"})
	b.tokens["since"] = n.NewToken("default")
}

// restore restores the backup, on one node after the other until one says that it is
// done; once, under one idempotency key. With kill the leader is killed when so many
// pieces are there.
func (b *backup) restore(path string, kill int) {
	b.t.Helper()
	leader := b.leader()
	from := b.others(leader)[b.rand.IntN(2)]
	before := b.generation()
	key, o := fmt.Sprintf("restore-%d-%d", b.seed, b.restores), op{kind: "restore", client: 91, call: b.h.now(), ret: never}
	b.restoring.Add(1) // odd: tokens may go at any moment
	type outcome struct {
		answer apitest.Reply
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := b.sendBackup(from, path, key)
		done <- outcome{answer, err}
	}()
	if kill > 0 {
		b.killAt(leader, from, kill, func() bool { return len(done) > 0 })
	}
	last := <-done
	for end := time.Now().Add(restoreTime); last.err != nil || last.answer.Status != 200; {
		code := wire.Code(last.answer.Code())
		if time.Now().After(end) || last.err == nil && last.answer.Status < 500 && last.answer.Status != 409 && !code.NothingHappened() {
			b.t.Fatalf("the backup cannot be restored: %v, %s", last.err, last.answer)
		}
		time.Sleep(500 * time.Millisecond)
		last.answer, last.err = b.sendBackup(b.clients()[b.rand.IntN(3)], path, key)
	}
	o.ret = b.h.now()
	b.h.add(o)
	b.restoring.Add(1)
	b.restores++
	if kill > 0 {
		b.revive(leader)
	}
	b.settle()
	if after := b.generation(); after != before+1 {
		b.h.violated("the generation went from %d to %d with one restore", before, after)
	}
	if changes, _ := last.answer.At("data", "changes").([]any); changes == nil {
		return // it was done by a request before this one, which did not come back
	}
	for _, want := range [][3]string{{"policies", "restored", "lost"}, {"policies", "changed", "other"}, {"keys", "withheld", "gone"}, {"key_versions", "withheld", "transit/over:1"}} {
		if !named(last.answer, want) {
			b.h.violated("the answer to the restore does not name %v: %s", want, last.answer)
		}
	}
}

// killAt kills the leader when the restore that from was asked for has so many pieces,
// or is over.
func (b *backup) killAt(leader, from *apitest.Node, pieces int, over func() bool) {
	for most := int64(0); !over(); {
		now := number(b.look(from, "sys/storage/raft/snapshot-status"), "data", "restoring", "pieces")
		if most = max(most, now); now >= int64(pieces) || now < most {
			break
		}
	}
	if !over() {
		b.midway++
	}
	at := time.Now()
	leader.Kill()
	b.struck(at, b.others(leader))
}

func (b *backup) sendBackup(n *apitest.Node, path, key string) (apitest.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	b.count()
	answer, err := n.SendContext(ctx, "POST", path, b.root, b.raw, "Idempotency-Key", key)
	if err == nil && answer.Status == 200 {
		b.h.acknowledged(n, answer, path)
	}
	return answer, err
}

// named says whether an answer to a restore has a name in a list of a sort of record.
func named(answer apitest.Reply, want [3]string) bool {
	changes, _ := answer.At("data", "changes").([]any)
	for _, c := range changes {
		change, _ := c.(map[string]any)
		part, _ := change[want[1]].(map[string]any)
		if change["what"] == want[0] && strings.Contains(fmt.Sprint(part["names"]), want[2]) {
			return true
		}
	}
	return false
}

func (b *backup) generation() int64 {
	b.t.Helper()
	var answer apitest.Reply
	b.eventually("somebody knows the generation", func() bool {
		answer = b.look(b.leader(), "sys/storage/raft/snapshot-status")
		return answer.Status == 200
	})
	return number(answer, "data", "generation")
}

// check asks every node for what was taken away, for what the restore brings back, for
// what it takes, and for what it leaves.
func (b *backup) check() {
	b.t.Helper()
	for _, n := range b.clients() {
		for _, v := range b.taken {
			b.eventually(n.ID()+" tells about "+v.what, func() bool { return b.never(n, v) })
		}
		last := strconv.Itoa(b.restores - 1)
		for _, want := range []struct {
			path, token, text string
			status            int
		}{
			{"auth/token/lookup-self", b.tokens["alive"], "", 200},
			{"auth/token/lookup-self", b.tokens["since"], "", 403},
			{"sys/policies/acl/lost", b.root, `\"lost\"`, 200},
			{"sys/policies/acl/other", b.root, `\"before\"`, 200},
			{"sys/policies/acl/new-" + last, b.root, `\"new\"`, 200},
			{"transit/keys/since-" + last, b.root, "", 200},
			{"transit/keys/gone", b.root, "", 404},
		} {
			b.eventually(n.ID()+" tells about "+want.path, func() bool {
				answer, known := b.told(n, "GET", want.path, want.token, nil)
				if known && (answer.Status != want.status || !bytes.Contains(answer.Body, []byte(want.text))) {
					b.h.violated("after a restore %s says of %s, where %d %s is right: %s", n.ID(), want.path, want.status, want.text, answer)
				}
				return known
			})
		}
	}
}
