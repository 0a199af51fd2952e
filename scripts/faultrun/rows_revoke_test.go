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
	for !s.r.over() {
		i := s.begun.Add(atATime)
		if i > s.count {
			return
		}
		s.some(random, i)
		s.done.Add(atATime)
	}
}

// atATime is how many tokens one request is about.
const atATime = 10

// some makes tokens, revokes them, and asks all nodes about them at once.
func (s *storm) some(random *rand.Rand, i int64) {
	wanted := make([]object, atATime)
	for k := range wanted {
		wanted[k] = object{"sub": "user:1", "aud": "api://faults"}
	}
	raw, _, ok := s.insist(random, fmt.Sprintf("storm-%d-sign-%d", s.r.seed, i), "/v1/jwt/sign/"+s.r.issuer+"/access", object{"batch_input": wanted})
	var signed struct {
		Data struct {
			Results []struct{ Token string } `json:"batch_results"`
		}
	}
	if !ok || json.Unmarshal(raw, &signed) != nil || len(signed.Data.Results) != atATime {
		s.r.h.violated("signing %d tokens: %.300s", atATime, raw)
		return
	}
	var tokens []string
	for _, made := range signed.Data.Results {
		tokens = append(tokens, made.Token)
	}
	if n := s.any(random); true {
		for _, v := range s.verify(n, tokens) {
			if v == refused {
				s.r.h.violated("%s refuses a token that is alive", n.ID())
			}
		}
	}
	if _, _, ok := s.insist(random, fmt.Sprintf("storm-%d-revoke-%d", s.r.seed, i), "/v1/jwt/revoke/"+s.r.issuer, object{"batch_input": items(tokens)}); !ok {
		return
	}
	var wg sync.WaitGroup
	for _, n := range s.nodes {
		wg.Go(func() { s.never(n, tokens) })
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, tokens...)
}

func items(tokens []string) []object {
	out := make([]object, len(tokens))
	for i, token := range tokens {
		out[i] = object{"token": token}
	}
	return out
}

// never asks a node about revoked tokens until it answers.
func (s *storm) never(n *apitest.Node, tokens []string) {
	for try := 0; !s.r.over(); try++ {
		verdicts := s.verify(n, tokens)
		for _, v := range verdicts {
			if v == accepted {
				s.r.h.violated("I7: %s accepts a token that was revoked (try %d)", n.ID(), try)
			}
		}
		switch {
		case verdicts == nil:
		case try == 0:
			s.atOnce.Add(int64(len(verdicts)))
			return
		default:
			s.later.Add(int64(len(verdicts)))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

type verdict int

const (
	accepted verdict = iota
	refused
)

// verify asks a node about tokens; nil when it does not tell of all.
func (s *storm) verify(n *apitest.Node, tokens []string) []verdict {
	status, _, raw := s.ask(n, "POST", "/v1/jwt/verify/"+s.r.issuer, object{"batch_input": items(tokens)})
	var out struct {
		Data struct {
			Results []struct{ Active *bool } `json:"batch_results"`
		}
	}
	if status != 200 || json.Unmarshal(raw, &out) != nil || len(out.Data.Results) != len(tokens) {
		return nil
	}
	verdicts := make([]verdict, len(tokens))
	for i, v := range out.Data.Results {
		if v.Active == nil {
			return nil
		}
		if !*v.Active {
			verdicts[i] = refused
		}
	}
	return verdicts
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
	const many = 100
	for _, n := range s.nodes {
		for from := 0; from < len(s.tokens); from += many {
			part := s.tokens[from:min(from+many, len(s.tokens))]
			verdicts := s.verify(n, part)
			for try := 0; verdicts == nil && try < 50; try++ {
				time.Sleep(100 * time.Millisecond)
				verdicts = s.verify(n, part)
			}
			if verdicts == nil {
				s.r.h.violated("%s does not tell about %d tokens at the end", n.ID(), len(part))
			}
			for _, v := range verdicts {
				if v == accepted {
					s.r.h.violated("%s accepts a revoked token at the end", n.ID())
				}
			}
		}
	}
}
