package faultrun

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/signet-kms/signet/api/apitest"
)

// op is one operation on a key, as its client saw it, or on all of them: save and
// restore, of one backup.
type op struct {
	client int
	key    string // "" of save and restore
	kind   string // create, rotate, config, read, save, restore
	arg    int64  // of config: the minimum

	call, ret    int64 // nanoseconds since the run began; ret is never while nobody knows
	version, min int64 // what the answer showed, when shown
	shown        bool
	node         string
}

const never = math.MaxInt64

// history is what all clients did and saw.
type history struct {
	began time.Time

	mu         sync.Mutex
	ops        []op
	acked      []ack
	tried      int
	unknown    int
	violations []string
}

// ack is a write that was acknowledged.
type ack struct {
	node *apitest.Node
	id   string // of the request
	what string
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

func (h *history) add(o op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

func (h *history) violated(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.violations) < 200 {
		h.violations = append(h.violations, fmt.Sprintf("%.3fs ", time.Since(h.began).Seconds())+fmt.Sprintf(format, args...))
	}
}

// register is the state of a key in the model.
type register struct {
	there        bool
	version, min int64
	saved        int64 // the minimum in the backup; 0 when it has not the key
}

// writes is the model of one key under creations, rotations and configurations, and
// under the restore of one backup, which leaves a version and raises a minimum.
func writes() porcupine.Model {
	return porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[string][]porcupine.Operation{}
			for _, o := range all {
				key := o.Input.(op).key
				byKey[key] = append(byKey[key], o)
			}
			var out [][]porcupine.Operation
			for key, ops := range byKey {
				if key != "" {
					out = append(out, append(ops, byKey[""]...))
				}
			}
			return out
		},
		Init: func() any { return register{} },
		Step: func(state, input, output any) (bool, any) {
			return step(state.(register), input.(op))
		},
		DescribeOperation: func(input, _ any) string {
			o := input.(op)
			return fmt.Sprintf("%s %s %d → v%d min %d at %s", o.key, o.kind, o.arg, o.version, o.min, o.node)
		},
		DescribeState: func(state any) string { return fmt.Sprint(state) },
	}
}

// step says whether an operation may happen in a state, and to what it leads. One whose
// end nobody knows may come after all others, so it always may.
func step(s register, o op) (bool, register) {
	next := s
	switch o.kind {
	case "create":
		if s.there {
			return o.ret == never, s
		}
		next.there, next.version, next.min = true, 1, 1
	case "rotate":
		next.version++
	case "config":
		next.min = o.arg
	case "save":
		next.saved = s.min // 0 before it is made
		return true, next
	case "restore":
		if s.there {
			next.min = max(s.min, s.saved)
		}
		return true, next
	}
	if o.ret == never {
		if !s.there && o.kind != "create" {
			return true, s
		}
		return true, next
	}
	ok := (s.there || o.kind == "create") && next.min <= next.version
	if o.shown {
		ok = ok && o.version == next.version && o.min == next.min
	}
	return ok, next
}

// linearizable judges the writes, and draws them into a file when file is not empty.
func (h *history) linearizable(file string) porcupine.CheckResult {
	var ops []porcupine.Operation
	for _, o := range h.ops {
		if o.kind != "read" {
			ops = append(ops, porcupine.Operation{ClientId: o.client, Input: o, Call: o.call, Output: o, Return: o.ret})
		}
	}
	model := writes()
	result, info := porcupine.CheckOperationsVerbose(model, ops, 30*time.Second)
	if file != "" {
		if err := porcupine.VisualizePath(model, info, file); err != nil {
			h.violated("porcupine's picture: %v", err)
		}
	}
	return result
}

// staleReads finds reads that showed what was overwritten before they began, or what
// nobody had written yet.
func (h *history) staleReads() {
	byKey := map[string][]op{}
	for _, o := range h.ops {
		if o.kind != "read" {
			byKey[o.key] = append(byKey[o.key], o)
		}
	}
	for _, r := range h.ops {
		if r.kind == "read" {
			if why := unreadable(r, append(byKey[r.key], byKey[""]...)); why != "" {
				h.violated("a read of %s at %s, begun at %.3fs, shows %s", r.key, r.node, float64(r.call)/1e9, why)
			}
		}
	}
}

func unreadable(r op, writes []op) string {
	var least, most int64
	configs := []op{{kind: "config", arg: 1, call: -1, ret: -1}} // as it was made
	for _, w := range writes {
		switch w.kind {
		case "config":
			configs = append(configs, w)
			continue
		case "save", "restore":
			continue
		}
		if w.ret < r.call {
			least++
		}
		if w.call < r.ret {
			most++
		}
	}
	allowed := false
	for _, w := range append(configs, broughtBack(configs, writes)...) {
		allowed = allowed || w.arg == r.min && w.call < r.ret && !w.overwritten(configs, r)
	}
	switch {
	case r.version < least:
		return fmt.Sprintf("version %d, and %d were acknowledged before", r.version, least)
	case r.version > most:
		return fmt.Sprintf("version %d, and %d were asked for", r.version, most)
	case !allowed:
		return fmt.Sprintf("minimum %d, which was overwritten before", r.min)
	}
	return ""
}

// broughtBack are the configurations that restores may have brought back: each that may
// have been in force when the backup was saved.
func broughtBack(configs, writes []op) []op {
	var out []op
	for _, save := range writes {
		for _, restore := range writes {
			for _, w := range configs {
				if save.kind == "save" && restore.kind == "restore" && w.call < save.ret && !w.overwritten(configs, save) {
					out = append(out, op{kind: "config", arg: w.arg, call: restore.call, ret: restore.ret})
				}
			}
		}
	}
	return out
}

// overwritten says whether another configuration came after o and was over before r.
func (o op) overwritten(configs []op, r op) bool {
	for _, w := range configs {
		if w.call > o.ret && w.ret < r.call {
			return true
		}
	}
	return false
}
