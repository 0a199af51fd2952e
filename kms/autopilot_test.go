package kms

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

var autopilotNow = time.Unix(1_800_000_000, 0)

func answering(id string, voter bool, change func(*MemberStatus)) MemberInfo {
	st := &MemberStatus{Healthy: true, LastIndex: 5000, Term: 7, LastContact: 20}
	if change != nil {
		change(st)
	}
	return MemberInfo{NodeID: id, Voter: voter, WillVote: true, Status: st}
}

func TestWhoIsHealthy(t *testing.T) {
	cfg := state.DefaultAutopilot()
	leader := MemberStatus{Healthy: true, LastIndex: 6000, Term: 7}
	for name, c := range map[string]struct {
		seen MemberInfo
		want bool
	}{
		"answers":                {answering("a", true, nil), true},
		"just near enough":       {answering("a", true, func(s *MemberStatus) { s.LastIndex = 5000 }), true},
		"too far behind":         {answering("a", true, func(s *MemberStatus) { s.LastIndex = 4999 }), false},
		"of another term":        {answering("a", true, func(s *MemberStatus) { s.Term = 6 }), false},
		"cannot write its audit": {answering("a", true, func(s *MemberStatus) { s.Healthy = false }), false},
		"no leader for long":     {answering("a", true, func(s *MemberStatus) { s.LastContact = 10001 }), false},
		"no leader ever":         {answering("a", true, func(s *MemberStatus) { s.LastContact = -1 }), false},
		"sealed":                 {answering("a", true, func(s *MemberStatus) { s.Sealed = true }), true},
		"silent":                 {MemberInfo{NodeID: "a", Voter: true}, false},
		"the leader":             {MemberInfo{NodeID: "a", Voter: true, Leader: true, Status: &leader}, true},
		"a leader without audit": {MemberInfo{NodeID: "a", Voter: true, Leader: true, Status: &MemberStatus{Term: 7}}, false},
	} {
		if got := judge(nil, []MemberInfo{c.seen}, leader, cfg, autopilotNow); got[0].Healthy != c.want {
			t.Errorf("%s: healthy %t", name, got[0].Healthy)
		}
	}
}

func TestHealthIsCountedFromItsChange(t *testing.T) {
	cfg := state.DefaultAutopilot()
	leader := MemberStatus{LastIndex: 5000, Term: 7}
	up, down := answering("a", true, nil), MemberInfo{NodeID: "a", Voter: true}
	at := func(seconds int) time.Time { return autopilotNow.Add(time.Duration(seconds) * time.Second) }
	var h []memberHealth
	for i, c := range []struct {
		seen    MemberInfo
		since   int
		silence time.Duration
	}{
		{up, 0, 20 * time.Millisecond}, {up, 0, 20 * time.Millisecond}, {down, 2, 2 * time.Second}, {down, 2, 3 * time.Second}, {up, 4, 20 * time.Millisecond},
	} {
		if i == 2 { // it answered at 1 for the last time
			c.silence = time.Second
		}
		if i == 3 {
			c.silence = 2 * time.Second
		}
		h = judge(h, []MemberInfo{c.seen}, leader, cfg, at(i))
		if !h[0].Since.Equal(at(c.since)) || h[0].LastContact != c.silence {
			t.Errorf("look %d: since %v, last contact %v; want since %v and %v", i, h[0].Since, h[0].LastContact, at(c.since), c.silence)
		}
	}
	// Who never answered this leader is silent from the leader's first look on.
	h = judge(nil, []MemberInfo{down}, leader, cfg, at(0))
	h = judge(h, []MemberInfo{down}, leader, cfg, at(90))
	if h[0].LastContact != 90*time.Second {
		t.Errorf("silent for %v", h[0].LastContact)
	}
}

// Who takes the place of a dead node, under its id, is not dead because of it.
func TestAReplacementIsCountedAnew(t *testing.T) {
	cfg := state.DefaultAutopilot()
	cfg.Cleanup, cfg.MinQuorum = true, 3
	look := func(before []memberHealth, incarnation string, at time.Duration) []memberHealth {
		dead := MemberInfo{NodeID: "a", Incarnation: incarnation}
		return judge(before, []MemberInfo{dead}, MemberStatus{}, cfg, autopilotNow.Add(at))
	}
	h := look(look(nil, "first", 0), "first", time.Duration(cfg.DeadAfter))
	if _, remove := decide(h, cfg, autopilotNow.Add(time.Duration(cfg.DeadAfter))); remove == nil {
		t.Fatal("a dead replica stays")
	}
	h = look(h, "second", time.Duration(cfg.DeadAfter)+1)
	if _, remove := decide(h, cfg, autopilotNow.Add(time.Duration(cfg.DeadAfter)+1)); remove != nil {
		t.Error("a node that has just come is removed for the silence of another one")
	}
}

// members makes the look of a leader from a text: "V" a voter that answers, "v" one
// that is dead, "s" one that is silent for a moment; "P" is to get its vote and is
// healthy for long, "p" likewise for a moment; "R" a replica, "r" a dead one; "A" and "a"
// a voter and a replica that answer now, after long.
func membersOf(text string, cfg state.Autopilot) []memberHealth {
	out := []memberHealth{{NodeID: "leader", Voter: true, WillVote: true, Leader: true, Status: &MemberStatus{}, Healthy: true}}
	for i, c := range text {
		m := memberHealth{NodeID: fmt.Sprintf("n%d%c", i, c), heard: autopilotNow, Since: autopilotNow.Add(-time.Hour)}
		m.Voter, m.WillVote = strings.ContainsRune("VvsA", c), strings.ContainsRune("VvsPpA", c)
		if strings.ContainsRune("VPpRAa", c) {
			m.Status, m.Healthy = &MemberStatus{}, true
		}
		if c == 'p' {
			m.Since = autopilotNow.Add(-time.Duration(cfg.Stabilization) + 1)
		}
		if strings.ContainsRune("vrAa", c) {
			m.heard = autopilotNow.Add(-time.Duration(cfg.DeadAfter))
		}
		if c == 's' {
			m.heard = autopilotNow.Add(-time.Duration(cfg.DeadAfter) + 1)
		}
		out = append(out, m)
	}
	return out
}

func TestWhatAutopilotDecides(t *testing.T) {
	off := state.DefaultAutopilot()
	on := func(quorum uint64) state.Autopilot {
		cfg := off
		cfg.Cleanup, cfg.MinQuorum = true, quorum
		return cfg
	}
	for name, c := range map[string]struct {
		cfg     state.Autopilot
		members string
		promote []string
		remove  string
	}{
		"nothing to do":                         {off, "VV", nil, ""},
		"ready for its vote":                    {off, "VP", []string{"n1P"}, ""},
		"not for long enough":                   {off, "Vp", nil, ""},
		"a replica stays one":                   {off, "VR", nil, ""},
		"the clean-up is off":                   {off, "VVVv", nil, ""},
		"a dead voter":                          {on(3), "VVv", nil, "n2v"},
		"a silent one is not dead":              {on(3), "VVs", nil, ""},
		"who answers again is not dead":         {on(3), "VVAa", nil, ""},
		"too few would stay":                    {on(3), "Vv", nil, ""},
		"just as many as must stay":             {on(4), "VVVv", nil, "n3v"},
		"one less than must stay":               {on(5), "VVVv", nil, ""},
		"two dead of five: one at a time":       {on(3), "VVvv", nil, "n2v"},
		"three dead of five: no majority":       {on(3), "Vvvv", nil, ""},
		"two dead of four: no majority":         {on(3), "Vvv", nil, ""},
		"one dead, one silent of five":          {on(3), "VVvs", nil, "n2v"},
		"one dead, two silent of five":          {on(3), "Vvss", nil, ""},
		"a dead replica costs nothing":          {on(3), "Vr", nil, "n1r"},
		"before a dead voter":                   {on(3), "VVvr", nil, "n3r"},
		"where no voter may go":                 {on(3), "Vvr", nil, "n2r"},
		"a vote is given in the same look":      {on(3), "VVvP", []string{"n3P"}, "n2v"},
		"even where a majority does not answer": {on(3), "Vvvr", nil, "n3r"},
	} {
		promote, remove := decide(membersOf(c.members, c.cfg), c.cfg, autopilotNow)
		got := ""
		if remove != nil {
			got = remove.NodeID
		}
		if !slices.Equal(promote, c.promote) || got != c.remove {
			t.Errorf("%s (%s): promotes %v, removes %q; want %v, %q", name, c.members, promote, got, c.promote, c.remove)
		}
	}
}

// Whatever is dead, in whatever order, the clean-up stops before a majority of those
// that vote is gone and leaves as many as it must.
func TestTheCleanUpKeepsTheQuorum(t *testing.T) {
	for voters := 2; voters <= 7; voters++ {
		for dead := range voters {
			for quorum := uint64(3); quorum <= 7; quorum++ {
				cfg := state.DefaultAutopilot()
				cfg.Cleanup, cfg.MinQuorum = true, quorum
				members := membersOf(strings.Repeat("V", voters-1-min(dead, voters-1))+strings.Repeat("v", min(dead, voters-1)), cfg)
				removed := 0
				for {
					_, remove := decide(members, cfg, autopilotNow)
					if remove == nil {
						break
					}
					removed++
					members = slices.DeleteFunc(slices.Clone(members), func(m memberHealth) bool { return m.NodeID == remove.NodeID })
				}
				if 2*removed >= voters || removed > 0 && uint64(voters-removed) < quorum || removed > dead {
					t.Errorf("%d of %d voters were removed, %d of them dead, min_quorum %d", removed, voters, dead, quorum)
				}
			}
		}
	}
}

func TestTheToleranceOfFailures(t *testing.T) {
	for members, want := range map[string]struct {
		tolerance int
		healthy   bool
	}{"": {0, true}, "V": {0, true}, "VV": {1, true}, "Vv": {0, false}, "VVV": {1, true}, "VVVV": {2, true}, "VVVv": {1, false}, "vv": {0, false}, "VVR": {1, true}, "VVr": {1, false}} {
		st := stateOf(membersOf(members, state.DefaultAutopilot()))
		if st.FailureTolerance != want.tolerance || st.Healthy != want.healthy || st.Leader != "leader" {
			t.Errorf("%q: %+v", members, st)
		}
	}
}

func TestSettingsOfAutopilotAreChecked(t *testing.T) {
	for name, change := range map[string]func(*state.Autopilot){
		"dead at once":        func(a *state.Autopilot) { a.DeadAfter = int64(time.Minute) - 1 },
		"a year":              func(a *state.Autopilot) { a.DeadAfter = int64(366 * 24 * time.Hour) },
		"no contact":          func(a *state.Autopilot) { a.LastContact = 0 },
		"negative":            func(a *state.Autopilot) { a.Stabilization = -1 },
		"nothing behind":      func(a *state.Autopilot) { a.MaxTrailing = 0 },
		"too many behind":     func(a *state.Autopilot) { a.MaxTrailing = 1 << 40 },
		"cleanup of the last": func(a *state.Autopilot) { a.Cleanup = true },
		"cleanup down to two": func(a *state.Autopilot) { a.Cleanup, a.MinQuorum = true, 2 },
		"more than there are": func(a *state.Autopilot) { a.MinQuorum = maxVoters + 1 },
	} {
		set := state.DefaultAutopilot()
		change(&set)
		if err := checkAutopilot(set); err == nil || Code(err) != "bad_request" {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := state.DefaultAutopilot()
	good.Cleanup, good.MinQuorum, good.DeadAfter, good.Stabilization = true, 3, int64(time.Minute), 0
	if err := checkAutopilot(good); err != nil || checkAutopilot(state.DefaultAutopilot()) != nil {
		t.Error(err)
	}
}
