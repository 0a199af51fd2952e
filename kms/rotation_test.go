package kms

import (
	"errors"
	"testing"
	"time"

	"github.com/signet-kms/signet/kms/state"
)

// rotated begins a rotation of an issuer and returns the pending version.
func (n *node) rotated(issuer string) *state.KeyVersion {
	n.t.Helper()
	plan, err := n.RotateIssuer(n.t.Context(), n.rootCall("jwt/rotate/"+issuer), issuer, nil)
	if err != nil || plan.Pending == nil {
		n.t.Fatal(plan, err)
	}
	return plan.Pending
}

func (n *node) versionState(issuer string, number uint32) state.VersionState {
	return n.view.Load().Version(n.mountUUID(), issuer, number).State
}

// A step is over when the wall clock says so and as much time has passed here: a
// clock that is set ahead brings nothing forward, one that is set back delays.
func TestNothingIsEarlyByAClockThatIsSetAhead(t *testing.T) {
	at := time.Now().Add(time.Minute)
	d := &state.Due{Step: state.StepActivate, At: at.UnixNano(), Key: &state.Key{Mount: "m", Name: "k"}, Number: 2}
	w := waits{}
	now := time.Now()
	if w.over(d, now, 0) || len(w) != 1 {
		t.Fatal("over a minute early")
	}
	if !w.over(d, now.Add(2*time.Minute), 0) {
		t.Fatal("not over when both clocks say so")
	}
	id := waitID{d.Step, d.Key.ID(), d.Number, d.At}
	w[id] = wait{now.Add(2 * time.Minute), time.Minute} // as much is left, whatever the wall clock says
	if w.over(d, now.Add(2*time.Minute+time.Second), 0) {
		t.Fatal("the wall clock alone ended the wait")
	}
	w.forget(nil)
	if len(w) != 0 {
		t.Fatal("what is not ahead is kept")
	}
}

// A step waits for what a node did that had not heard of its announcement: from when this
// process saw it, or, where it saw it late, from the command's time and a minute.
func TestAStepWaitsForThoseWhoHadNotHeard(t *testing.T) {
	begun := time.Now()
	since := func(d time.Duration) int64 { return begun.Add(d).UnixNano() }
	due := func(made, at, lasts time.Duration) *state.Due {
		return &state.Due{Step: state.StepActivate, At: since(at), Key: &state.Key{Mount: "m", Name: "k"}, Number: 2, Since: since(made), Lasts: int64(lasts)}
	}
	for name, c := range map[string]struct {
		due  *state.Due
		left time.Duration
	}{
		"a short lead time":                   {due(0, 2*time.Second, time.Second), 3200 * time.Millisecond},
		"a lead time that is long enough":     {due(0, 10*time.Minute, 5*time.Minute), 10 * time.Minute},
		"committed late":                      {due(-10*time.Second, -8*time.Second, time.Second), 3200 * time.Millisecond},
		"seen late, and committed in time":    {due(-5*time.Minute, 5*time.Minute, 5*time.Minute), 5 * time.Minute},
		"seen late, of a short lead time":     {due(-62*time.Second, -58*time.Second, 2*time.Second), 2200 * time.Millisecond},
		"seen so late that it is over":        {due(-time.Hour, -time.Hour+2*time.Second, time.Second), 0},
		"nobody elsewhere relies on anything": {&state.Due{Step: state.StepActivate, At: since(time.Second), Key: &state.Key{}}, time.Second},
	} {
		w := waits{}
		if got := w.left(c.due, begun, 0); max(0, got) != c.left {
			t.Errorf("%s: %v are left, not %v", name, got, c.left)
		}
		if c.left > 0 && (w.over(c.due, begun.Add(c.left-1), 0) || !w.over(c.due, begun.Add(c.left), 0)) {
			t.Errorf("%s: it is not over after just %v", name, c.left)
		}
	}
}

// A node whose clock is a day behind sees a step. When the clock is put right, and the node
// leads, the step is not late by that day.
func TestAClockThatIsPutRightHoldsNothingUp(t *testing.T) {
	right := time.Now()
	made := right.Add(-time.Second).UnixNano()
	for name, d := range map[string]*state.Due{
		"of an issuer":     {Step: state.StepActivate, At: right.Add(time.Minute).UnixNano(), Key: &state.Key{}, Since: made, Lasts: 1},
		"of a transit key": {Step: state.StepActivate, At: right.Add(time.Minute).UnixNano(), Key: &state.Key{}},
	} {
		w := waits{}
		if w.over(d, right.Add(-24*time.Hour), made) {
			t.Errorf("%s: it is early", name)
		}
		var id waitID
		for id = range w {
		}
		seen := w[id]
		seen.seen = right // the same moment, by the clock that is right now
		w[id] = seen
		if w.over(d, right.Add(time.Minute), made) {
			t.Errorf("%s: it is before the time that is known to have passed here", name)
		}
		if left := w.left(d, right.Add(time.Minute+time.Second), made); left > 0 {
			t.Errorf("%s: it waits for %v more", name, left)
		}
	}
}

func TestWhatIsAheadIsWatched(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "ES256", `{}`)
	n.rotated("acme")
	w := waits{}
	w.watch(n.view.Load())
	if len(w) != 1 {
		t.Fatalf("it watches %v", w)
	}
	for id, seen := range w {
		if id.step != state.StepActivate || seen.left <= 0 {
			t.Errorf("%v, %v", id, seen)
		}
	}
}

func TestNothingIsActivatedByAClockThatJumped(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "ES256", `{}`)
	v := n.rotated("acme")
	n.clock.mu.Lock()
	n.clock.advance(time.Hour, time.Second, time.Now())
	n.clock.mu.Unlock()
	due := &state.Due{Step: state.StepActivate, At: time.Now().Add(-time.Second).UnixNano(), Key: n.view.Load().Key(n.mountUUID(), "acme"), Issuer: n.view.Load().Issuer("acme"), Number: v.Number}
	n.stepDue(t.Context(), n.view.Load(), waits{}, due)
	if got := n.versionState("acme", v.Number); got != state.Pending {
		t.Fatalf("version %d is %s", v.Number, got)
	}
}

// A node asks no earlier than the state machine allows, and its refusal changes
// nothing.
func TestTheStateMachineRefusesAnEarlyActivation(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "ES256", `{}`)
	v := n.rotated("acme")
	due := &state.Due{Step: state.StepActivate, At: 1, Key: n.view.Load().Key(n.mountUUID(), "acme"), Issuer: n.view.Load().Issuer("acme"), Number: v.Number}
	if err := n.activate(t.Context(), n.view.Load(), due); !errors.Is(err, ErrBadTransition) {
		t.Fatal(err)
	}
	if got := n.versionState("acme", v.Number); got != state.Pending {
		t.Fatalf("version %d is %s", v.Number, got)
	}
}

// A request whose body arrives slowly has the view of its beginning. What was
// suspended or given up meanwhile does not sign once more (attack 27).
func TestASlowRequestSignsWithNothingThatIsOver(t *testing.T) {
	n := newNode(t)
	n.issuer("acme", "ES256", `{}`)
	ref := n.key("web", "ed25519")
	sub := "u"
	mint := func(c *Call) error {
		_, err := n.SignJWT(c, "acme", "access", []JWTRequest{{Subject: &sub, Audience: []string{"a"}}}, nil, false)
		return err
	}
	sign := func(c *Call) error {
		_, err := n.Sign(c, ref, SignOptions{}, []Item{{Input: field("x")}}, false)
		return err
	}
	transit, jwt := n.rootCall("transit/sign/web"), n.rootCall("jwt/sign/acme/access")
	early := n.rootCall("jwt/sign/acme/access")
	if _, err := n.SetKeyState(t.Context(), n.rootCall("transit/keys/web/state"), ref, StateRequest{Version: 1, State: "suspended"}); err != nil {
		t.Fatal(err)
	}
	if err := sign(transit); !errors.Is(err, ErrVersionState) {
		t.Errorf("transit: %v", err)
	}
	if err := mint(early); err != nil {
		t.Errorf("a change of another key withheld a token: %v", err)
	}
	if _, err := n.CompromiseVersion(t.Context(), n.rootCall("jwt/compromise/acme"), "acme", CompromiseRequest{KID: n.view.Load().Version(n.mountUUID(), "acme", 1).KID}); err != nil {
		t.Fatal(err)
	}
	if err := mint(jwt); !errors.Is(err, ErrVersionState) {
		t.Errorf("jwt: %v", err)
	}
	// A rotation breaks nobody: what it overtakes leaves, unless it took long.
	v := n.view.Load()
	signer, err := v.issuer("acme")
	if err != nil {
		t.Fatal(err)
	}
	retired := *signer.signer
	retired.State, retired.RemoveAt = state.Retired, 1
	for ago, want := range map[time.Duration]error{time.Second: nil, time.Minute: ErrBusy} {
		retired.Retired = time.Now().Add(-ago).UnixNano()
		if err := mayProduce(v, signer.signer, &retired); !errors.Is(err, want) {
			t.Errorf("%s after the retirement: %v", ago, err)
		}
	}
}
