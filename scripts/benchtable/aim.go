package main

import "fmt"

// aimKind is what a figure is compared with.
type aimKind int

const (
	noAim    aimKind = iota
	ratioAim         // the node's CPU over the bare handler's is at most limit
	overAim          // the node takes at most limit µs more than the bare handler
	rawAim           // an item takes at most limit µs more than the signature alone
	batchAim         // an item takes at most 1.3 times the bare handler's, and limit µs
)

// batchFactor is what a batch may cost over the bare handler's.
const batchFactor = 1.3

// aim is what is wanted of an operation. The zero aim wants nothing.
type aim struct {
	kind  aimKind
	limit float64
}

// pair is one comparison, in µs of CPU for one item.
type pair struct {
	Server float64 `json:"server_us"`
	Floor  float64 `json:"floor_us"`
	Raw    float64 `json:"raw_us,omitempty"` // the signature alone, where that is asked for
}

func (p pair) ratio() float64 {
	if p.Floor == 0 {
		return 0
	}
	return p.Server / p.Floor
}

func (p pair) over() float64 { return p.Server - p.Floor }

// excess is by how much a pair misses the aim; at most 0 is good.
func (a aim) excess(p pair) float64 {
	switch a.kind {
	case ratioAim:
		return p.ratio() - a.limit
	case overAim:
		return p.over() - a.limit
	case rawAim:
		return p.Server - p.Raw - a.limit
	case batchAim:
		return p.Server - batchFactor*p.Floor - a.limit
	}
	return 0
}

// judge says whether the pair in the middle reaches the aim, and names it.
func (a aim) judge(pairs []pair) (text string, ok bool) {
	if a.kind == noAim || len(pairs) == 0 {
		return "", true
	}
	ok = over(pairs, a.excess).Median <= 0
	switch a.kind {
	case ratioAim:
		text = fmt.Sprintf("ratio ≤ %g", a.limit)
	case overAim:
		text = fmt.Sprintf("over ≤ %g µs", a.limit)
	case rawAim:
		text = fmt.Sprintf("≤ raw %.1f + %g µs", over(pairs, func(p pair) float64 { return p.Raw }).Median, a.limit)
	case batchAim:
		text = fmt.Sprintf("≤ %g × floor + %g µs", batchFactor, a.limit)
	}
	return text, ok
}

// verdict is how the table shows a judgement.
func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "OVER"
}
