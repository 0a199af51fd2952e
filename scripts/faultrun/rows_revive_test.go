package faultrun

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// formerIssuer is the issuer of the cluster that is lost; the clients have another one.
const formerIssuer = "former"

// revived has the row's cluster begin out of the backup of another one.
func revived(r *run) []apitest.Option {
	r.makes = reviveCluster
	return nil
}

// reviveCluster makes a cluster, saves a backup of it, takes things away, and restores
// the backup into an empty directory with the tombstones: cut short by kills, and then
// to its end. Two nodes join, and the one that leads is killed in between.
func reviveCluster(r *run, opts []apitest.Option) *apitest.Cluster {
	former := apitest.NewCluster(r.t, 1, opts...)
	n := former.Nodes[0]
	acme := r.issuer
	r.c, r.root, r.issuer = former, n.Root(), formerIssuer
	n.Must("jwt/issuers/"+formerIssuer, object{"issuer": "https://former.example", "alg": "ES256"})
	n.Must("jwt/issuers/"+formerIssuer+"/profiles/access", object{"max_ttl": "2h"})
	b := newBackup(r)
	b.take()
	n.Must("auth/token/revoke", object{"token": b.tokens["alive"]}) // no token comes back at all
	var tombstones bytes.Buffer
	if err := n.Client(r.root).Raft().Tombstones(context.Background(), &tombstones); err != nil {
		r.t.Fatal(err)
	}
	dir := r.t.TempDir()
	file := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			r.t.Fatal(err)
		}
		return name
	}
	backup, stones := file("backup", b.raw), file("tombstones", tombstones.Bytes())

	first := former.Add("r1", opts...)
	former.Nodes = former.Nodes[:1]
	cut := 0
	for range 6 {
		cut += b.reviveKilled(first, n, backup, stones)
	}
	fresh := first.Revive(n, backup, "--tombstones", stones)
	r.root = first.Root()
	for _, id := range []string{"r2", "r3"} {
		fresh.Join(fresh.Add(id, opts...), false)
		fresh.Settle()
		leader := fresh.Leader()
		leader.Kill()
		leader.Start()
		fresh.Unseal(leader)
		fresh.Settle()
	}
	r.c, r.issuer, r.revived, b.midway = fresh, acme, b, cut
	return fresh
}

// reviveKilled begins the restore and kills it. It says how many were not over: one or
// none.
func (b *backup) reviveKilled(n, from *apitest.Node, backup, tombstones string) int {
	b.t.Helper()
	cmd := exec.Command(apitest.Binary(b.t), "operator", "snapshot", "restore", backup, "--config", n.ConfigFile(), "--tombstones", tombstones, "-o", "json")
	cmd.Stdin = strings.NewReader(strings.Join(from.Shares(), "\n"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	mark := filepath.Join(n.DataDir(), "raft", "restore-unfinished")
	begun := false
	for end := time.Now().Add(10 * time.Second); !begun && time.Now().Before(end); {
		_, err := os.Stat(mark)
		begun = err == nil
	}
	time.Sleep(time.Duration(b.rand.IntN(8)) * time.Millisecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed, or over
	if !begun {
		b.t.Fatalf("the restore does not begin: %s", out.String())
	}
	if _, err := os.Stat(mark); err != nil { // it was over: away with it, as an operator would
		if err := os.RemoveAll(n.DataDir()); err != nil {
			b.t.Fatal(err)
		}
		return 0
	}
	return 1
}

// useRevived asks for what was taken away from the former cluster, on all nodes, while
// what is there is put to use and the leader is killed.
func useRevived(r *run) {
	b := r.revived
	b.askAlways()
	for _, key := range []string{"kept", "off"} { // a name that is there is told from one that is not
		if answer := r.look(r.leader(), "transit/keys/"+key); answer.Status != 200 {
			r.h.violated("%s did not come back: %s", key, answer)
		}
	}
	for range 3 {
		leader := r.leader()
		at := time.Now()
		leader.Kill()
		b.tryAgain()
		r.struck(at, r.others(leader))
		r.revive(leader)
		r.settle()
		b.tryAgain()
	}
	r.eventually("a version is put to use", func() bool {
		answer, known := b.told(r.leader(), "POST", "transit/keys/kept/state", r.root, object{"version": 2, "state": "active"})
		return known && answer.Status == 200
	})
	for _, n := range r.clients() {
		r.eventually(n.ID()+" signs with it", func() bool {
			answer, _ := b.told(n, "POST", "transit/sign/kept", r.root, object{"input": "aGk="})
			return answer.Status == 200
		})
		for _, v := range b.taken {
			r.eventually(n.ID()+" tells about "+v.what, func() bool { return b.never(n, v) })
		}
	}
	b.stop.Store(true)
	b.using.Wait()
	r.res.notes = fmt.Sprintf("the restore was killed %d times; what was taken away was asked for %d times", b.midway, b.asked.Load())
	if b.midway == 0 {
		r.t.Error("each restore was over before it was killed: the row shows nothing")
	}
}

// tryAgain tries to put to use what was destroyed or given up, and a name that was
// destroyed with its key.
func (b *backup) tryAgain() {
	for _, n := range b.clients() {
		for _, key := range []string{"gone", "bad", "over"} {
			answer, known := b.told(n, "POST", "transit/keys/"+key+"/state", b.root, object{"version": 1, "state": "active"})
			if known && answer.Status < 300 {
				b.h.violated("version 1 of %s is in use again, says %s: %s", key, n.ID(), answer)
			}
		}
		if answer, known := b.told(n, "GET", "transit/keys/gone", b.root, nil); known && answer.Status != 404 {
			b.h.violated("the key that was destroyed is there, says %s: %s", n.ID(), answer)
		}
	}
}
