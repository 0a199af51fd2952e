package apitest

import (
	"fmt"
	"strings"

	"github.com/signet-kms/signet/audit"
)

// Effect is something that a client was told is done.
type Effect struct {
	What      string            // for the message when it is lost
	RequestID string            // of the answer; "" if it had none
	Operation string            // as the audit log calls it; "" is any
	Output    bool              // the record must hold the keyed hash of a result
	Still     func(*Node) error // asks a running, unsealed node; nil: the record says it all
}

// Acked registers an effect. CheckAll wants its record, and Still to be nil.
// What came through Send is registered without Still already.
func (n *Node) Acked(e Effect) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.effects = append(n.effects, e)
}

// Effects is how many effects were registered by Acked.
func (n *Node) Effects() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.effects)
}

// Forget drops what was registered, for a test that destroys the audit log on
// purpose: the next process begins a new one.
func (n *Node) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.effects, n.replies, n.lives = nil, nil, nil
}

// replied is an answer that Send saw.
type replied struct {
	method, path string // the path without /v1/
	id           string // "" for an answer without a body
	code         string // of an error; "" for a success
}

func (n *Node) register(method, path string, r Reply) {
	id, code := r.RequestID(), r.Code()
	ok := r.Status >= 200 && r.Status <= 299
	token, secretID := "", ""
	if ok {
		token, secretID = r.Text("auth", "client_token"), r.Text("data", "secret_id")
	}
	// Answers without envelope are counted by the node, or its own, as are those to
	// OPTIONS; a batch that
	// failed in part is neither success nor error.
	bare := id == "" && len(r.Body) > 0 || method == "HEAD" || method == "OPTIONS"
	n.mu.Lock()
	defer n.mu.Unlock()
	if token != "" {
		n.handedOut("a token", token)
	}
	if secretID != "" {
		n.handedOut("a secret id", secretID)
	}
	if bare || ok != (code == "") {
		return
	}
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "/v1/"), "?")
	if id == "" {
		for secret := range n.secrets {
			if strings.Contains(path, secret) {
				return // the record does not repeat the path, so it cannot be found
			}
		}
	}
	n.replies = append(n.replies, replied{method, path, id, code})
}

// unrecorded finds what was answered and has no record, or one that says something
// else. failed says that the log failed meanwhile: see contradicted.
func unrecorded(recs []audit.Parsed, effects []Effect, replies []replied, failed bool) []string {
	var out []string
	type place struct{ method, path string }
	all, byID, done := map[string][]audit.Parsed{}, map[string][]audit.Parsed{}, map[place]int{}
	for _, r := range recs {
		all[r.RequestID] = append(all[r.RequestID], r)
		if r.Outcome == audit.OutcomeOK {
			byID[r.RequestID] = append(byID[r.RequestID], r)
			done[place{r.Method, r.Path}]++
		}
	}
	wanted := map[place]int{}
	for _, r := range replies {
		switch {
		case r.code != "":
			out = append(out, r.contradicted(all[r.id], failed)...)
		case r.id == "":
			wanted[place{r.method, r.path}]++
		case len(byID[r.id]) == 0:
			out = append(out, fmt.Sprintf("%s %s was answered (request %s) and has no record with outcome ok", r.method, r.path, r.id))
		}
	}
	for p, n := range wanted {
		if done[p] < n {
			out = append(out, fmt.Sprintf("%s %s was answered %d times and has %d records with outcome ok", p.method, p.path, n, done[p]))
		}
	}
	for _, e := range effects {
		if e.RequestID != "" && !e.recordedIn(byID[e.RequestID]) {
			out = append(out, fmt.Sprintf("%s was acknowledged (request %s) and has no such record", e.What, e.RequestID))
		}
	}
	return out
}

// contradicted compares an error with its records. There may be none: strangers
// are recorded within limits, and nobody while the log fails. But whoever is
// denied had a token, and is always recorded. A log that failed under a record may
// have kept it all the same: its answer was withheld, and nobody could know.
func (r *replied) contradicted(recs []audit.Parsed, failed bool) []string {
	if failed && (r.code == "audit_unavailable" || r.code == "outcome_unknown") {
		return nil
	}
	if len(recs) == 0 && r.code != "permission_denied" {
		return nil
	}
	for _, rec := range recs {
		if rec.Code == r.code && rec.Outcome != audit.OutcomeOK {
			return nil
		}
	}
	codes := []string{}
	for _, rec := range recs {
		codes = append(codes, rec.Outcome+" "+rec.Code)
	}
	return []string{fmt.Sprintf("%s %s was answered with %s (request %s) and is recorded as %q", r.method, r.path, r.code, r.id, codes)}
}

func (e *Effect) recordedIn(recs []audit.Parsed) bool {
	for _, r := range recs {
		if (e.Operation == "" || r.Operation == e.Operation) && (!e.Output || r.Output != "") {
			return true
		}
	}
	return false
}

// unfinished finds intents without an outcome. One is legal where the process that
// wrote it was killed; lives says which were, in the order of their audit/open.
func unfinished(recs []audit.Parsed, lives []bool) []string {
	open := map[string]string{} // request and proposal → what it was
	life := -1
	var out []string
	settle := func() {
		if life >= 0 && life < len(lives) && lives[life] {
			clear(open)
		}
		for id, what := range open {
			out = append(out, fmt.Sprintf("intent %s (%s) has no outcome", what, id))
		}
		clear(open)
	}
	for _, r := range recs {
		id := r.RequestID + " " + r.Proposal
		switch {
		case r.Operation == "audit/open":
			settle()
			life++
		case r.Type == audit.TypeIntent:
			open[id] = r.Operation
		case r.Type == audit.TypeOutcome:
			delete(open, id)
		}
	}
	settle()
	if life+1 != len(lives) {
		out = append(out, fmt.Sprintf("the audit log was opened %d times by %d processes", life+1, len(lives)))
	}
	return out
}
