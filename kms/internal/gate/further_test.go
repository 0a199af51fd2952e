package gate

import (
	"errors"
	"testing"

	"github.com/signet-kms/signet/kms/internal/pass"
	"github.com/signet-kms/signet/kms/policy"
)

// One permission may stand for several rights, each of them spent once, and for no
// other.
func TestFurtherRights(t *testing.T) {
	g, _ := newGate(t)
	r := signRequest(&policy.Caller{Root: true})
	box := Right{Action: pass.Encrypt, Key: "m/box"}
	r.Further = []Right{box, box}
	a, err := g.Admit(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.FurtherPass(box).Redeem(pass.Encrypt, "m/box"); err != nil {
		t.Fatal(err)
	}
	if err := a.FurtherPass(box).Redeem(pass.Encrypt, "m/box"); !errors.Is(err, pass.ErrSpent) {
		t.Errorf("a right was spent twice: %v", err)
	}
	for _, other := range []Right{{pass.Decrypt, "m/box"}, {pass.Encrypt, "m/web"}, {pass.Sign, "m/web"}, {}} {
		if err := a.FurtherPass(other).Redeem(other.Action, other.Key); !errors.Is(err, pass.ErrWrongUse) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	r.Caller = &policy.Caller{}
	if a, err := g.Admit(r); !errors.Is(err, ErrDenied) || a != nil {
		t.Errorf("who is denied has a right: %v, %v", a, err)
	}
	a, err = g.Admit(signRequest(&policy.Caller{Root: true}))
	if err != nil || a.FurtherPass(box) != nil {
		t.Errorf("a right that was not asked for: %v", err)
	}
}
