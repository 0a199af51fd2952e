package apitest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// A follower has an entry on its disk before it tells the leader so: what a majority
// acknowledged is on the disks of a majority. kill -9 cannot show that.
func TestAFollowerSyncsBeforeItAcknowledges(t *testing.T) {
	t.Parallel()
	strace := tool(t, "strace")
	c := apitest.NewCluster(t, 3)
	leader, follower := c.Leader(), c.Followers()[0]
	tr := startTrace(t, strace, follower)
	for range 5 {
		leader.Must("auth/token/create", object{"policies": "default"})
	}
	time.Sleep(500 * time.Millisecond) // what was written last is synced
	tr.stop()
	entries := 0
	for i, call := range tr.calls {
		if !call.is(step{"pwrite64", "raft.db", ""}) {
			continue
		}
		entries++
		// The answer to the leader is the next thing that leaves on the stream that
		// the entries came on; before anything of raft's is read again, it is synced.
		later := tr.calls[i+1:]
		synced := slices.IndexFunc(later, func(c traced) bool { return c.is(step{"fdatasync", "raft.db", ""}) })
		if synced < 0 {
			t.Fatalf("the entry that was written in line %d of the trace is never synced", call.begin)
		}
	}
	if entries == 0 {
		t.Fatalf("no entry reached the follower's log in a trace of %d calls", len(tr.calls))
	}
}

// A follower too has the record of an answer on its disk before the answer leaves, and
// the intent of a write before the leader hears of it.
func TestAFollowerRecordsBeforeItAnswers(t *testing.T) {
	t.Parallel()
	strace := tool(t, "strace")
	c := apitest.NewCluster(t, 3)
	follower := c.Followers()[0]
	follower.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	tr := startTrace(t, strace, follower)
	var signs []apitest.Reply // several: one may be recorded in time by chance
	for range 10 {
		signs = append(signs, follower.Must("transit/sign/web", object{"input": b64("traced")}))
	}
	create := follower.Must("transit/keys/traced", object{"type": "ecdsa-p256"})
	tr.stop()
	for _, sign := range signs {
		tr.want(t, "sign", " /v1/transit/sign/web ", []step{
			{"read", "TCP", " HTTP/1.1"},
			{"write", "audit.log", sign.RequestID()},
			{"fdatasync", "audit.log", ""},
			{"write", "TCP", sign.RequestID()},
		})
	}
	tr.want(t, "create", " /v1/transit/keys/traced ", []step{
		{"read", "TCP", " HTTP/1.1"},
		{"write", "audit.log", `\"intent\"&` + create.RequestID()},
		{"fdatasync", "audit.log", ""},
		{"pwrite64", "raft.db", ""},
		{"fdatasync", "raft.db", ""},
		{"write", "audit.log", `\"outcome\"&` + create.RequestID()},
		{"fdatasync", "audit.log", ""},
		{"write", "TCP", create.RequestID()},
	})
}
