package faultrun

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// storm is many revocations, each of which is tried out on every node as soon as it has
// returned, while the leader changes all the time.
type storm struct {
	*direct
	count  int64
	begun  atomic.Int64
	done   atomic.Int64
	atOnce atomic.Int64 // definite answers that were begun right after the return
	later  atomic.Int64 // of nodes that did not answer at once

	mu     sync.Mutex
	tokens []string
}

// revocations makes count revocations under a changing leader.
func revocations(r *run, count int) {
	s := &storm{direct: newDirect(r), count: int64(count)}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() { s.work(rand.New(rand.NewPCG(r.seed, uint64(300+i)))) })
	}
	changes := s.churn()
	wg.Wait()
	r.settle()
	s.again()
	r.res.notes = fmt.Sprintf("%d revoked through %d changes of the leader, %d verifications at once and %d as soon as the node answered", s.done.Load(), changes, s.atOnce.Load(), s.later.Load())
}

func (s *storm) work(random *rand.Rand) {
	for {
		i := s.begun.Add(1)
		if i > s.count || s.r.over() {
			return
		}
		s.one(random, i)
		s.done.Add(1)
	}
}

func (s *storm) one(random *rand.Rand, i int64) {
	raw, _, ok := s.insist(random, fmt.Sprintf("storm-%d-sign-%d", s.r.seed, i), "/v1/jwt/sign/"+s.r.issuer+"/access", object{"sub": "user:1", "aud": "api://faults"})
	var signed struct{ Data struct{ Token string } }
	if !ok || json.Unmarshal(raw, &signed) != nil {
		return
	}
	token := signed.Data.Token
	if i%4 == 0 {
		if n := s.any(random); s.verify(n, token) == refused {
			s.r.h.violated("%s refuses a token that is alive", n.ID())
		}
	}
	if _, _, ok := s.insist(random, fmt.Sprintf("storm-%d-revoke-%d", s.r.seed, i), "/v1/jwt/revoke/"+s.r.issuer, object{"token": token}); !ok {
		return
	}
	var wg sync.WaitGroup
	for _, n := range s.nodes {
		wg.Go(func() { s.never(n, token) })
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, token)
}

// never asks a node about a revoked token until it answers.
func (s *storm) never(n *apitest.Node, token string) {
	for try := 0; !s.r.over(); try++ {
		switch s.verify(n, token) {
		case accepted:
			s.r.h.violated("I7: %s accepts a token that was revoked (try %d)", n.ID(), try)
			return
		case refused:
			if try == 0 {
				s.atOnce.Add(1)
			} else {
				s.later.Add(1)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

type verdict int

const (
	unknown verdict = iota
	accepted
	refused
)

func (s *storm) verify(n *apitest.Node, token string) verdict {
	status, _, raw := s.ask(n, "POST", "/v1/jwt/verify/"+s.r.issuer, object{"token": token})
	var out struct{ Data struct{ Active *bool } }
	switch {
	case status != 200 || json.Unmarshal(raw, &out) != nil || out.Data.Active == nil:
		return unknown
	case *out.Data.Active:
		return accepted
	}
	return refused
}

// churn changes the leader until all is revoked: it steps down, is killed, or stops for
// longer than its lease.
func (s *storm) churn() (changes int) {
	for s.done.Load() < s.count && !s.r.t.Failed() {
		leader := s.r.leader()
		at := time.Now()
		switch changes % 3 {
		case 0:
			s.ask(leader, "PUT", "/v1/sys/step-down", nil)
			time.Sleep(time.Second)
		case 1:
			leader.Kill()
			s.r.struck(at, s.r.others(leader))
			s.r.revive(leader)
		case 2:
			leader.Signal(syscall.SIGSTOP)
			time.Sleep(2500 * time.Millisecond)
			leader.Signal(syscall.SIGCONT)
		}
		s.r.settle()
		changes++
	}
	return changes
}

// again asks every node about all of them at the end, many at a time.
func (s *storm) again() {
	const atOnce = 100
	for _, n := range s.nodes {
		for from := 0; from < len(s.tokens); from += atOnce {
			part := s.tokens[from:min(from+atOnce, len(s.tokens))]
			items := make([]object, len(part))
			for i, token := range part {
				items[i] = object{"token": token}
			}
			status, _, raw := s.ask(n, "POST", "/v1/jwt/verify/"+s.r.issuer, object{"batch_input": items})
			var out struct {
				Data struct {
					Results []struct{ Active *bool } `json:"batch_results"`
				}
			}
			if err := json.Unmarshal(raw, &out); status != 200 || err != nil || len(out.Data.Results) != len(part) {
				s.r.h.violated("%s does not tell about %d tokens at the end: %d %.300s", n.ID(), len(part), status, raw)
				continue
			}
			for _, v := range out.Data.Results {
				if v.Active == nil || *v.Active {
					s.r.h.violated("%s accepts a revoked token at the end", n.ID())
				}
			}
		}
	}
}
