package faultrun

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/signet-kms/signet/api/apitest"
)

// finish ends the clients and judges what they saw. pictures is the directory for
// porcupine's, or "".
func (r *run) finish(pictures string) {
	r.t.Helper()
	r.settle()
	time.Sleep(2 * time.Second)
	r.ended.Store(true)
	r.wg.Wait()
	r.nothingLost()
	r.sameDigest()
	r.audited()
	r.h.staleReads()
	file := ""
	if pictures != "" {
		file = filepath.Join(pictures, strings.ReplaceAll(r.name, " ", "-")+".html")
	}
	switch r.h.linearizable(file) {
	case porcupine.Ok:
		r.res.linearizable = "yes"
	case porcupine.Illegal:
		r.res.linearizable = "NO"
		r.h.violated("the writes are not linearizable")
	case porcupine.Unknown:
		r.res.linearizable = "not decided"
	}
	r.res.fault, r.res.seed = r.name, r.seed
	r.res.operations, r.res.acked, r.res.unknown = r.h.tried, len(r.h.acked), r.h.unknown
	r.res.violations = len(r.h.violations) - r.res.lost
	r.res.failures = r.h.violations
	for _, v := range r.h.violations {
		r.t.Error(v)
	}
	if r.res.acked < 20 {
		r.t.Errorf("%d writes were acknowledged: the row shows nothing", r.res.acked)
	}
}

// nothingLost reads every key on every node, and uses all that was revoked.
func (r *run) nothingLost() {
	c := &client{r: r, id: 90, rand: r.rand}
	before := len(r.h.violations)
	for _, n := range r.clients() {
		for _, key := range r.keysNow() {
			if !c.read(key, n) {
				r.h.violated("key %s cannot be read at %s", key, n.ID())
			}
		}
		for _, v := range r.revoked {
			alive, known, answer := v.use(n)
			for try := 0; !known && try < 50; try++ { // it may be waiting for a leader
				time.Sleep(100 * time.Millisecond)
				alive, known, answer = v.use(n)
			}
			if alive || !known {
				r.h.violated("%s was revoked, and %s says at the end: %s", v.what, n.ID(), answer)
			}
		}
	}
	r.res.lost = len(r.h.violations) - before
}

// sameDigest compares the states of all members.
func (r *run) sameDigest() {
	r.t.Helper()
	var last apitest.Reply
	r.eventually("all members stand at the same index", func() bool {
		last = r.look(r.leader(), "sys/storage/raft/configuration?digest=true")
		servers, _ := last.At("data", "config", "servers").([]any)
		at := map[string]bool{}
		for _, s := range servers {
			m, _ := s.(map[string]any)
			digest, _ := m["digest"].(string)
			at[string(member(m, "state_index"))+" "+digest] = true
			if digest == "" {
				return false
			}
		}
		if len(at) > 1 { // another index, which is no fault, or another state at the same
			indexes := map[string]bool{}
			for k := range at {
				index, _, _ := strings.Cut(k, " ")
				indexes[index] = true
			}
			if len(indexes) == 1 {
				r.h.violated("the states differ at one index: %s", last)
				return true
			}
		}
		return len(at) == 1
	})
}

func member(m map[string]any, name string) []byte {
	s, _ := m[name].(interface{ String() string })
	if s == nil {
		return nil
	}
	return []byte(s.String())
}

// audited looks for the intent and the outcome of each acknowledged write.
func (r *run) audited() {
	logs := map[*apitest.Node]map[string]int{}
	for _, n := range r.c.Nodes {
		recs, err := n.Audit()
		if err != nil {
			r.h.violated("the audit log of %s: %v", n.ID(), err)
		}
		logs[n] = map[string]int{}
		for _, rec := range recs {
			switch {
			case rec.Type == "intent":
				logs[n][rec.RequestID] |= 1
			case rec.Type == "outcome" && rec.Outcome == "ok":
				logs[n][rec.RequestID] |= 2
			case rec.Outcome == "ok" && rec.Fields["idempotent"] == "repeated":
				logs[n][rec.RequestID] = 3 // it was done before, and this request only told so
			}
		}
	}
	for _, a := range r.h.acked {
		if a.id != "" && logs[a.node][a.id] != 3 {
			r.h.violated("%s was acknowledged by %s (request %s) and has not both intent and outcome", a.what, a.node.ID(), a.id)
		}
	}
}
