package apitest_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// brisk is an issuer that rotates in two seconds.
func brisk(n *apitest.Node, name string) {
	n.Must("jwt/issuers/"+name, object{
		"issuer": "https://" + name + ".example", "jwks_max_age": 1, "leeway": 0, "rotation": object{"lead_time": 2}, "deletion_allowed": true,
	})
	n.Must("jwt/issuers/"+name+"/profiles/access", object{"ttl": "2s", "max_ttl": "2s"})
}

// versionsOf are the states of an issuer's versions and their kids, by number.
func versionsOf(n *apitest.Node, name string) (states, kids map[int64]string) {
	states, kids = map[int64]string{}, map[int64]string{}
	r := n.Get("jwt/issuers/"+name, n.Root())
	for i := 0; versionOf(r, i) != nil; i++ {
		v := versionOf(r, i)
		number, _ := v["version"].(json.Number).Int64()
		states[number], kids[number] = v["state"].(string), v["kid"].(string)
	}
	return states, kids
}

// published are the kids of an issuer's JWKS, and for how long it may be kept.
func published(t *testing.T, n *apitest.Node, name string) (kids map[string]bool, maxAge int64) {
	t.Helper()
	r := wantStatus(t, n.Get("/issuers/"+name+"/jwks.json", ""), 200)
	kids = map[string]bool{}
	keys, _ := r.At("keys").([]any)
	for _, k := range keys {
		kids[k.(map[string]any)["kid"].(string)] = true
	}
	text := strings.TrimPrefix(r.Header.Get("Cache-Control"), "public, max-age=")
	maxAge, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("Cache-Control: %s", r.Header.Get("Cache-Control"))
	}
	return kids, maxAge
}

func awaitState(t *testing.T, n *apitest.Node, name string, number int64, state string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		states, _ := versionsOf(n, name)
		if states[number] == state {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("version %d of %s is %s, not %s", number, name, states[number], state)
		}
	}
}

func signed(t *testing.T, n *apitest.Node, name string) (token, kid string) {
	t.Helper()
	r := wantStatus(t, n.Post("jwt/sign/"+name+"/access", n.Root(), object{"sub": "u", "aud": "api"}), 200)
	return r.Text("data", "token"), r.Text("data", "kid")
}

// A rotation from its publication to the removal: what is served, who signs, what
// verifies, and every step in the log.
func TestARotationFromPublicationToRemoval(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	brisk(n, "acme")
	old, kid := signed(t, n, "acme")
	r := n.Must("jwt/rotate/acme", nil)
	at, err := time.Parse(time.RFC3339Nano, r.Text("data", "active_at"))
	if err != nil || number(t, r, "data", "pending_version") != 2 || number(t, r, "data", "active_version") != 1 {
		t.Fatalf("%s", r)
	}
	wantText(t, wantError(t, n.Post("jwt/rotate/acme", n.Root(), nil), 400, "bad_transition"), "version 2 becomes active after")
	events := map[string]string{}
	line, _ := r.At("data", "timeline").([]any)
	for _, e := range line {
		e := e.(map[string]any)
		events[fmt.Sprint(e["event"], e["version"], e["expected"])] = e["time"].(string)
	}
	for _, want := range []string{"published1<nil>", "active1<nil>", "published2<nil>", "active2true", "retired1true", "removed1true"} {
		if events[want] == "" {
			t.Errorf("no %s in %v", want, events)
		}
	}
	if events["active2true"] != r.Text("data", "active_at") || events["retired1true"] != events["active2true"] {
		t.Errorf("the times differ: %v", events)
	}
	_, kids := versionsOf(n, "acme")
	for time.Now().Before(at) {
		asked := time.Now()
		served, maxAge := published(t, n, "acme")
		if !served[kid] || !served[kids[2]] {
			t.Fatalf("served %v", served)
		}
		if maxAge > 1 || maxAge > 0 && time.Now().Before(at) && asked.Add(time.Duration(maxAge)*time.Second).After(at.Add(time.Since(asked))) {
			t.Errorf("max-age %d with %s left", maxAge, at.Sub(asked))
		}
		if _, by := signed(t, n, "acme"); by != kid && time.Now().Before(at) {
			t.Fatal("a pending version signs")
		}
		time.Sleep(100 * time.Millisecond)
	}
	awaitState(t, n, "acme", 2, "active")
	if _, by := signed(t, n, "acme"); by != kids[2] {
		t.Error("the new version does not sign")
	}
	if states, _ := versionsOf(n, "acme"); states[1] != "retired" {
		t.Errorf("%v", states)
	}
	if v := n.Must("jwt/verify/acme", object{"token": old, "audience": "api"}); v.At("data", "active") == false && v.Text("data", "reason") != "expired" {
		t.Errorf("a token of before: %s", v)
	}
	awaitState(t, n, "acme", 1, "destroyed") // 4 + 2 + 1 s later
	if served, _ := published(t, n, "acme"); served[kid] || !served[kids[2]] {
		t.Errorf("served %v", served)
	}
	for _, operation := range []string{"jwt/rotate", "jwt/activate", "jwt/unpublish"} {
		var types []string
		for deadline := time.Now().Add(10 * time.Second); len(types) < 2 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			types = nil // the outcome is written after the effect shows
			for _, rec := range records(t, n, func(r audit.Parsed) bool { return r.Operation == operation && r.Outcome != audit.OutcomeRefused }) {
				types = append(types, rec.Type)
			}
		}
		if len(types) != 2 || types[0] != audit.TypeIntent || types[1] != audit.TypeOutcome {
			t.Errorf("%s: records %v", operation, types)
		}
	}
}

// A node that was down, killed or sealed over an activation does it when it is
// back: late, and never early.
func TestAnActivationIsDoneWhenTheNodeIsBack(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	brisk(n, "acme")
	latest := int64(1)
	for what, away := range map[string]func(){
		"killed":    func() { n.Kill(); time.Sleep(2 * time.Second); n.Start(); n.Unseal() },
		"restarted": func() { n.Restart(); n.Unseal() },
		"sealed":    func() { n.Must("sys/seal", nil); time.Sleep(2 * time.Second); n.Unseal() },
	} {
		at := n.Must("jwt/rotate/acme", nil).Text("data", "active_at")
		latest++
		away()
		awaitState(t, n, "acme", latest, "active")
		r := n.Get("jwt/issuers/acme", n.Root())
		for i := 0; versionOf(r, i) != nil; i++ {
			v := versionOf(r, i)
			if number, _ := v["version"].(json.Number).Int64(); number == latest && v["activation_time"].(string) < at {
				t.Errorf("%s: active at %s, before %s", what, v["activation_time"], at)
			}
		}
		if _, kids := versionsOf(n, "acme"); kids[latest] == "" {
			t.Errorf("%s: %v", what, kids)
		}
	}
}

func TestARotationIsTakenBackAndGoneOnWith(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	brisk(n, "acme")
	wantError(t, n.Post("jwt/rotation/acme/cancel", n.Root(), nil), 400, "bad_transition")
	n.Must("jwt/rotate/acme", nil)
	_, kids := versionsOf(n, "acme")
	r := n.Must("jwt/rotation/acme/cancel", nil)
	if r.At("data", "pending_version") != nil {
		t.Errorf("%s", r)
	}
	if served, maxAge := published(t, n, "acme"); served[kids[2]] || maxAge != 1 {
		t.Errorf("served %v for %d s", served, maxAge)
	}
	time.Sleep(2500 * time.Millisecond)
	if _, by := signed(t, n, "acme"); by != kids[1] {
		t.Error("what was taken back signs")
	}
	n.Must("jwt/rotate/acme", nil)
	awaitState(t, n, "acme", 3, "active")
}

func TestAnIssuerRotatesByItself(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	brisk(n, "acme")
	r := n.Must("jwt/issuers/acme", object{"rotation": object{"period": "4s"}})
	if r.Status != 200 {
		t.Fatal(r)
	}
	if next := n.Get("jwt/rotation/acme", n.Root()); next.Text("data", "next_rotation") == "" {
		t.Errorf("%s", next)
	}
	awaitState(t, n, "acme", 2, "active")
	awaitState(t, n, "acme", 3, "active")
}

// Attack 27, I8: after the answer nothing is signed or accepted under the kid,
// whatever iat says, and a dry run changes nothing and is recorded.
func TestACompromisedVersionIsOver(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("jwt/issuers/acme", object{"issuer": "https://acme.example"})
	n.Must("jwt/issuers/acme/profiles/access", object{})
	token, kid := signed(t, n, "acme")
	before := n.Get("jwt/issuers/acme", n.Root()).At("data", "revision")
	dry := n.Must("jwt/compromise/acme", object{"kid": kid, "dry_run": true})
	if dry.At("data", "dry_run") != true || number(t, dry, "data", "version") != 1 || dry.At("data", "next_unknown") != true || dry.Text("data", "tokens_end") == "" || dry.Text("data", "signed_since") == "" ||
		fmt.Sprint(dry.At("data", "profiles")) != "[access]" {
		t.Errorf("%s", dry)
	}
	if got := n.Get("jwt/issuers/acme", n.Root()).At("data", "revision"); got != before {
		t.Error("a dry run changed the issuer")
	}
	if recs := records(t, n, ofRequest(dry)); len(recs) != 1 || recs[0].Operation != "jwt/compromise" || recs[0].Fields["dry_run"] != "true" {
		t.Errorf("records %+v", recs)
	}
	for _, body := range []any{nil, object{"kid": ""}} {
		wantError(t, n.Post("jwt/compromise/acme", n.Root(), body), 400, "bad_request")
	}
	wantError(t, n.Post("jwt/compromise/acme", n.Root(), object{"kid": "nobody"}), 400, "bad_request")
	wantError(t, n.Post("jwt/compromise/acme", n.Root(), object{"kid": kid, "when": "now"}), 400, "unknown_field")
	wantError(t, n.Post("jwt/compromise/none", n.Root(), object{"kid": kid}), 400, "issuer_not_found")
	updater := n.Allow("updater", "jwt/compromise/acme", "update")
	wantError(t, n.Post("jwt/compromise/acme", updater, object{"kid": kid, "dry_run": true}), 403, "permission_denied")
	wantError(t, n.Post("jwt/compromise/acme", updater, object{"kid": kid}), 403, "permission_denied")

	officer := n.Allow("officer", "jwt/compromise/acme", "update", "sudo")
	r := wantStatus(t, n.Post("jwt/compromise/acme", officer, object{"kid": kid}), 200)
	check := func() {
		t.Helper()
		if v := n.Must("jwt/verify/acme", object{"token": token, "audience": "api"}); v.At("data", "active") != false || v.Text("data", "reason") != "key_compromised" {
			t.Errorf("a token of before: %s", v)
		}
		if served, _ := published(t, n, "acme"); served[kid] || !served[r.Text("data", "next_kid")] {
			t.Errorf("served %v", served)
		}
		if _, by := signed(t, n, "acme"); by != r.Text("data", "next_kid") {
			t.Errorf("signed by %s", by)
		}
	}
	check()
	wantError(t, n.Post("jwt/compromise/acme", officer, object{"kid": kid}), 400, "bad_transition")
	n.Kill()
	n.Start()
	n.Unseal()
	check()
	// With one pending, that one takes over.
	n.Must("jwt/rotate/acme", nil)
	_, kids := versionsOf(n, "acme")
	if r := n.Must("jwt/compromise/acme", object{"kid": kids[2]}); r.Text("data", "next_kid") != kids[3] {
		t.Errorf("%s", r)
	}
}

func TestPoliciesOnRotation(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Durability("os"))
	newIssuer(t, n, "acme", nil)
	reader := n.Allow("reader", "jwt/rotation/acme", "read")
	rotator := n.Allow("rotator", "jwt/rotate/acme", "update")
	wantStatus(t, n.Get("jwt/rotation/acme", reader), 200)
	wantError(t, n.Post("jwt/rotate/acme", reader, nil), 403, "permission_denied")
	wantError(t, n.Post("jwt/rotation/acme/cancel", reader, nil), 403, "permission_denied")
	wantError(t, n.Get("jwt/rotation/acme", rotator), 403, "permission_denied")
	wantStatus(t, n.Post("jwt/rotate/acme", rotator, nil), 200)
	wantError(t, n.Post("jwt/rotation/acme/cancel", rotator, nil), 403, "permission_denied")
	wantError(t, n.Get("jwt/rotation/none", n.Root()), 400, "issuer_not_found")
	wantError(t, n.Post("jwt/rotate/none", n.Root(), nil), 400, "issuer_not_found")
	wantError(t, n.Post("jwt/rotate/acme", n.Root(), object{"x": 1}), 400, "unknown_field")
}
