package raftstore

import (
	"context"
	"time"

	"github.com/signet-kms/signet/raftstore/lease"
)

// poke is the questions to one holder under way.
type poke struct {
	asking int
	index  uint64 // the highest that is asked for
}

// maxPokes is how many questions to one holder may be under way. With one alone, who
// comes while it waits for the holder's state would wait until the next is answered.
const maxPokes = 3

// pokeAgain is the pause before a holder that did not answer is asked again.
const pokeAgain = 50 * time.Millisecond

// poke asks a holder to report as soon as its state has got to index, unless it is asked
// for that one or a later one. mu is held.
func (g *granting) poke(holder string, index uint64) {
	if holder == g.self {
		return
	}
	p := g.pokes[holder]
	if p == nil {
		p = &poke{}
		g.pokes[holder] = p
	}
	if p.asking > 0 && index <= p.index || p.asking == maxPokes { // settle comes again when that one is answered
		return
	}
	p.asking++
	p.index = index
	go g.ask(holder, p, index)
}

func (g *granting) ask(holder string, p *poke, index uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), lease.Renewal)
	var report lease.Report
	err := g.leases.ask(ctx, holder, opIndex, index, &report)
	cancel()
	if err != nil {
		time.Sleep(pokeAgain)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.grantor.Report(holder, report)
	}
	if p.index == index { // one that failed is not under way any more
		p.index = 0
	}
	if p.asking--; p.asking == 0 {
		delete(g.pokes, holder)
	}
	g.settle() // asks again for those who still wait
}
