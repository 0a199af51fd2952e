package apitest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

var versionStates = []string{"pending", "active", "suspended", "retired", "compromised", "destroyed"}

// The moves that are legal over the wire; the rest of the 6 × 6 is refused.
var legalMoves = map[string]map[string][]string{
	"transit": {
		"pending": {"compromised", "destroyed"}, "active": {"suspended", "retired", "compromised"},
		"suspended": {"active", "retired", "compromised"}, "retired": {"suspended", "compromised", "destroyed"}, "compromised": {"destroyed"},
	},
	"issuer": {"active": {"suspended"}, "suspended": {"active"}, "retired": {"suspended", "destroyed"}, "compromised": {"destroyed"}},
}

// The full matrix of moves over HTTP, of transit keys and of issuers' keys. What is
// refused says why, and leaves the version as it is.
func TestEveryMoveOverTheWire(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	name := func(kind, from, to string) string { return kind + "-" + from + "-" + to }
	each := func(do func(kind, from, to string)) {
		for _, kind := range []string{"transit", "issuer"} {
			for _, from := range versionStates {
				for _, to := range versionStates {
					do(kind, from, to)
				}
			}
		}
	}
	version := map[string]int64{}
	each(func(kind, from, to string) {
		version[name(kind, from, to)] = makeVersion(n, kind, name(kind, from, to), from)
	})
	for _, to := range versionStates {
		awaitState(t, n, name("issuer", "retired", to), 1, "retired")
	}
	each(func(kind, from, to string) {
		key, number := name(kind, from, to), version[name(kind, from, to)]
		path, read := "transit/keys/"+key, func() string {
			return n.Get("transit/keys/"+key, n.Root()).Text("data", "keys", fmt.Sprint(number), "state")
		}
		if kind == "issuer" {
			path, read = "jwt/issuers/"+key, func() string { states, _ := versionsOf(n, key); return states[number] }
		}
		if got := read(); got != from {
			t.Errorf("%s was made %s", key, got)
			return
		}
		r := n.Post(path+"/state", n.Root(), object{"version": number, "state": to, "reason": "a test"})
		if slices.Contains(legalMoves[kind][from], to) {
			if wantStatus(t, r, 200); read() != to {
				t.Errorf("%s is %s", key, read())
			}
			return
		}
		wantError(t, r, 400, "bad_transition")
		if wantText(t, r, "is "+from+" and cannot become "+to+", "); read() != from {
			t.Errorf("%s: a refused move made it %s", key, read())
		}
	})
}

// makeVersion makes a key with a version in a state; an issuer's retired one is so
// two seconds later.
func makeVersion(n *apitest.Node, kind, name, state string) (number int64) {
	if kind == "issuer" {
		lead := object{"lead_time": 2}
		if state == "pending" {
			lead = object{"lead_time": "1h"}
		}
		made := n.Must("jwt/issuers/"+name, object{"issuer": "https://" + name + ".example", "jwks_max_age": 1, "rotation": lead})
		n.Must("jwt/issuers/"+name+"/profiles/access", object{}) // its tokens live long, so retired versions stay
		set := func(s string) { n.Must("jwt/issuers/"+name+"/state", object{"version": 1, "state": s}) }
		switch state {
		case "pending":
			n.Must("jwt/rotate/"+name, nil)
			return 2
		case "suspended":
			set(state)
		case "retired":
			n.Must("jwt/rotate/"+name, nil)
		case "compromised", "destroyed":
			n.Must("jwt/compromise/"+name, object{"kid": versionOf(made, 0)["kid"]})
			if state == "destroyed" {
				set(state)
			}
		}
		return 1
	}
	n.Must("transit/keys/"+name, object{"type": "ed25519"})
	set := func(s string) { n.Must("transit/keys/"+name+"/state", object{"version": 1, "state": s}) }
	switch state {
	case "pending":
		n.Must("transit/keys/"+name+"/config", object{"rotation_lead_time": "1h"})
		n.Must("transit/keys/"+name+"/rotate", nil)
		return 2
	case "active":
	case "destroyed":
		set("retired")
		set("destroyed")
	default:
		set(state)
	}
	return 1
}

// Every verb of transit goes by the state of the version it uses: produce only
// active, accept active and retired.
func TestEveryVerbRespectsTheState(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	in := object{"input": "aGk="}
	for _, state := range versionStates[1:] {
		sign, box := "sign-"+state, "box-"+state
		n.Must("transit/keys/"+sign, object{"type": "ecdsa-p256"})
		n.Must("transit/keys/"+box, object{"type": "aes256-gcm96"})
		signature := n.Must("transit/sign/"+sign, in).Text("data", "signature")
		hmac := n.Must("transit/hmac/"+box, in).Text("data", "hmac")
		ct := n.Must("transit/encrypt/"+box, object{"plaintext": "aGk="}).Text("data", "ciphertext")
		for _, key := range []string{sign, box} {
			if state == "destroyed" {
				n.Must("transit/keys/"+key+"/state", object{"version": 1, "state": "compromised"})
			}
			if state != "active" {
				n.Must("transit/keys/"+key+"/state", object{"version": 1, "state": state})
			}
		}
		try := func(works bool, path string, body object) {
			t.Helper()
			for _, body := range []object{body, {"batch_input": []object{body}}} {
				r := n.Post(path, n.Root(), body)
				if _, batch := body["batch_input"]; batch {
					failed := strings.Contains(string(r.Body), `"version_state"`)
					if failed == works {
						t.Errorf("%s, %s: %s", state, path, r)
					}
					continue
				}
				if works {
					wantStatus(t, r, 200)
					continue
				}
				if wantError(t, r, 400, "version_state"); !strings.Contains(r.Errors(), state) {
					t.Errorf("%s: %s", path, r)
				}
			}
		}
		produces, accepts := state == "active", state == "active" || state == "retired"
		try(produces, "transit/sign/"+sign, object{"input": "aGk="})
		try(produces, "transit/sign/"+sign, object{"input": "aGk=", "key_version": 1})
		try(produces, "transit/hmac/"+box, object{"input": "aGk="})
		try(produces, "transit/encrypt/"+box, object{"plaintext": "aGk="})
		if !produces {
			wantError(t, n.Post("transit/datakey/plaintext/"+box, n.Root(), nil), 400, "version_state")
		}
		try(accepts, "transit/verify/"+sign, object{"input": "aGk=", "signature": signature})
		try(accepts, "transit/verify/"+box, object{"input": "aGk=", "hmac": hmac})
		try(accepts, "transit/decrypt/"+box, object{"ciphertext": ct})
		n.Must("transit/keys/"+box+"/rotate", nil)
		try(accepts, "transit/rewrap/"+box, object{"ciphertext": ct})
		n.Must("transit/keys/"+sign+"/rotate", nil)
		wantStatus(t, n.Post("transit/sign/"+sign, n.Root(), in), 200) // the way out
	}
}

func TestATransitKeyWaitsForItsLeadTime(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/web", object{"type": "ed25519"})
	if n.Get("transit/keys/web", n.Root()).At("data", "rotation_lead_time") != nil {
		t.Error("Vault's clients see a member that they do not know without having asked for it")
	}
	for _, bad := range []any{-1, "1h0.5s", "1000d"} {
		wantError(t, n.Post("transit/keys/web/config", n.Root(), object{"rotation_lead_time": bad}), 400, "bad_request")
	}
	n.Must("transit/keys/web/config", object{"rotation_lead_time": 2})
	r := n.Must("transit/keys/web/rotate", nil)
	if r.Text("data", "keys", "2", "state") != "pending" || number(t, r, "data", "rotation_lead_time") != 2 {
		t.Fatalf("%s", r)
	}
	if v := number(t, n.Must("transit/sign/web", object{"input": "aGk="}), "data", "key_version"); v != 1 {
		t.Errorf("signed with version %d", v)
	}
	wantText(t, wantError(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk=", "key_version": 2}), 400, "version_state"), "becomes active after")
	wantError(t, n.Post("transit/keys/web/rotate", n.Root(), nil), 400, "bad_transition")
	wantError(t, n.Post("transit/keys/web/config", n.Root(), object{"min_encryption_version": 2}), 400, "bad_request")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if n.Get("transit/keys/web", n.Root()).Text("data", "keys", "2", "state") == "active" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not become active")
		}
	}
	if v := number(t, n.Must("transit/sign/web", object{"input": "aGk="}), "data", "key_version"); v != 2 {
		t.Errorf("signed with version %d", v)
	}
}

func TestStatesThatAreRefused(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/web", object{"type": "ed25519"})
	newIssuer(t, n, "acme", nil)
	for what, c := range map[string]struct {
		path string
		body any
		code string
	}{
		"no state":        {"transit/keys/web", object{"version": 1}, "bad_request"},
		"another state":   {"transit/keys/web", object{"version": 1, "state": "resting"}, "bad_request"},
		"no version":      {"transit/keys/web", object{"state": "suspended"}, "bad_request"},
		"version 0":       {"transit/keys/web", object{"version": 0, "state": "suspended"}, "bad_request"},
		"a later version": {"transit/keys/web", object{"version": 2, "state": "suspended"}, "version_too_new"},
		"a kid":           {"transit/keys/web", object{"kid": "k", "state": "suspended"}, "unknown_field"},
		"unknown member":  {"transit/keys/web", object{"version": 1, "state": "suspended", "until": 1}, "unknown_field"},
		"long reason":     {"transit/keys/web", object{"version": 1, "state": "suspended", "reason": strings.Repeat("r", 257)}, "bad_request"},
		"no key":          {"transit/keys/none", object{"version": 1, "state": "suspended"}, "key_not_found"},
		"bound":           {"transit/keys/acme", object{"version": 1, "state": "suspended"}, "key_bound_to_issuer"},
		"no issuer":       {"jwt/issuers/none", object{"version": 1, "state": "suspended"}, "issuer_not_found"},
		"both":            {"jwt/issuers/acme", object{"version": 1, "kid": "k", "state": "suspended"}, "bad_request"},
		"neither":         {"jwt/issuers/acme", object{"state": "suspended"}, "bad_request"},
		"another kid":     {"jwt/issuers/acme", object{"kid": "k", "state": "suspended"}, "bad_request"},
		"another version": {"jwt/issuers/acme", object{"version": 9, "state": "suspended"}, "bad_request"},
	} {
		t.Log(what)
		wantError(t, n.Post(c.path+"/state", n.Root(), c.body), 400, c.code)
	}
	// To destroy needs sudo beside update.
	n.Must("transit/keys/web/rotate", nil)
	n.Must("transit/keys/web/state", object{"version": 1, "state": "retired"})
	keeper := n.Allow("keeper", "transit/keys/web/state", "update")
	wantError(t, n.Post("transit/keys/web/state", keeper, object{"version": 1, "state": "destroyed"}), 403, "permission_denied")
	wantStatus(t, n.Post("transit/keys/web/state", keeper, object{"version": 1, "state": "suspended"}), 200)
}

// Attack 27: once the answer says suspended, no signature leaves that was not
// under way, however many sign meanwhile; and none at all once those are done.
func TestNothingIsSignedAfterASuspension(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	n.Must("transit/keys/web", object{"type": "ed25519"})
	n.Must("jwt/issuers/acme", object{"issuer": "https://acme.example"})
	n.Must("jwt/issuers/acme/profiles/access", object{})
	for round := range 10 {
		var wg sync.WaitGroup
		suspended := make(chan struct{})
		for range 4 {
			wg.Go(func() {
				for done := false; !done; {
					select {
					case <-suspended:
						done = true // this request is begun after the answer
					default:
					}
					sign, err := n.Send("POST", "transit/sign/web", n.Root(), object{"input": "aGk="})
					token, err2 := n.Send("POST", "jwt/sign/acme/access", n.Root(), object{"sub": "u", "aud": "api"})
					if err != nil || err2 != nil || done && (sign.Status == 200 || token.Status == 200) {
						t.Errorf("round %d: signed after the suspension: %v, %v, %s, %s", round, err, err2, sign, token)
					}
				}
			})
		}
		n.Must("transit/keys/web/state", object{"version": 1, "state": "suspended"})
		n.Must("jwt/issuers/acme/state", object{"version": 1, "state": "suspended"})
		close(suspended)
		wg.Wait()
		n.Must("transit/keys/web/state", object{"version": 1, "state": "active"})
		n.Must("jwt/issuers/acme/state", object{"version": 1, "state": "active"})
	}
}
