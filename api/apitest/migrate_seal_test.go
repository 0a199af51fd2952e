package apitest_test

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// migrated expects an answer that says who unseals the node now.
func migrated(t *testing.T, r apitest.Reply, typ string, revision int, names ...string) {
	t.Helper()
	wantStatus(t, r, 200)
	list, _ := r.At("data", "wrappings").([]any)
	var got []string
	for _, w := range list {
		m, _ := w.(map[string]any)
		got = append(got, fmt.Sprintf("%v %v", m["type"], m["name"]))
	}
	if r.Text("data", "type") != typ || number(t, r, "data", "revision") != int64(revision) || strings.Join(got, ", ") != strings.Join(names, ", ") {
		t.Errorf("want %s, revision %d, by %v: %s", typ, revision, names, r)
	}
}

// From shares to transit, to two other sides, to one of them, and back; each
// while the node serves.
func TestMigrations(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	n := apitest.New(t, apitest.Shares(3, 2))
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	signs := func() {
		t.Helper()
		wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
	}
	migrated(t, n.Post("sys/migrate-seal", n.Root(), object{"to": "shamir"}), "shamir", 0) // nothing to do
	wantText(t, wantError(t, n.Post("sys/migrate-seal", n.Root(), nil), 400, "bad_request"), "has no seal, and nothing was changed")
	wantError(t, n.Post("sys/migrate-seal", n.Root(), object{"to": "transit"}), 400, "bad_request")
	wantError(t, n.Post("sys/migrate-seal", n.Root(), object{"to": "transit", "key": "x"}), 400, "unknown_field")
	wantError(t, n.Post("sys/migrate-seal", n.Allow("most", "sys/migrate-seal", "update"), nil), 403, "permission_denied")

	n.SealBy(side.hcl())
	n.Restart()
	waits(t, n, "nobody but the shareholders can unseal this cluster")
	if st := n.Get("sys/seal-status", ""); st.Text("type") != "shamir" || st.At("migration") != true || st.At("recovery_seal") != false {
		t.Errorf("%s", st)
	}
	n.Unseal()
	side.close()
	wantText(t, wantError(t, n.Post("sys/migrate-seal", n.Root(), nil), 502, "seal_unavailable"), "answers 503")
	side.on(nil)
	signs()
	migrated(t, n.Post("sys/migrate-seal", n.Root(), nil), "transit", 1, "transit transit/unseal")
	side.watch(n)
	signs()
	n.Restart()
	n.AwaitUnsealed()

	// Another version of the key there; then the old one may go.
	side.Must("transit/keys/unseal/rotate", nil)
	r := n.Post("sys/migrate-seal", n.Root(), nil)
	migrated(t, r, "transit", 2, "transit transit/unseal")
	list, _ := r.At("data", "wrappings").([]any)
	if v := list[0].(map[string]any)["version"]; fmt.Sprint(v) != "2" {
		t.Errorf("wrapped by version %v", v)
	}
	side.Must("transit/keys/unseal/config", object{"min_decryption_version": 2, "min_encryption_version": 2})
	n.Restart()
	n.AwaitUnsealed()

	n.SealBy(side.hcl() + rot13())
	n.Restart()
	n.AwaitUnsealed()
	if st := n.Get("sys/seal-status", ""); st.At("migration") != true || !strings.Contains(n.Log(), "run 'signet operator migrate-seal'") {
		t.Errorf("nobody is told that a migration is due: %s", st)
	}
	migrated(t, n.Post("sys/migrate-seal", n.Root(), nil), "transit", 3, "transit transit/unseal", "exec exec")
	side.close()
	n.Restart()
	n.AwaitUnsealed() // by the second
	if ok, _ := unsealedBy(t, n, "exec"); ok != 1 {
		t.Errorf("%d unseals by exec", ok)
	}
	migrated(t, n.Post("sys/migrate-seal", n.Root(), object{"to": "exec"}), "exec", 4, "exec exec")
	wantStatus(t, n.Post("sys/rotate", n.Root(), nil), 204)
	n.Restart()
	n.AwaitUnsealed()
	migrated(t, n.Post("sys/migrate-seal", n.Root(), object{"to": "shamir"}), "shamir", 5)
	signs()
	n.SealBy("")
	n.Restart()
	if st := n.Get("sys/seal-status", ""); st.Text("type") != "shamir" || st.At("waiting") != nil || st.At("recovery_seal") != false {
		t.Errorf("%s", st)
	}
	n.Unseal()
	signs()
	migrationsAreRecorded(t, n)
}

func migrationsAreRecorded(t *testing.T, n *apitest.Node) {
	t.Helper()
	recs, err := n.Audit()
	must(t, err)
	var done, wraps []string
	for _, r := range recs {
		switch {
		case r.Operation == "sys/migrate-seal" && r.Type == audit.TypeOutcome && r.Outcome == audit.OutcomeOK:
			done = append(done, r.Fields["from"]+" to "+r.Fields["to"])
		case r.Operation == "seal/wrap":
			wraps = append(wraps, r.Fields["seals"])
		}
	}
	if got := strings.Join(done, "; "); got != "shamir to transit transit/unseal; transit to transit transit/unseal; "+
		"transit to transit transit/unseal, exec exec; transit to exec exec; exec to shamir" {
		t.Errorf("recorded migrations: %s", got)
	}
	if len(wraps) != 5 { // one failed
		t.Errorf("recorded wrappings: %q", wraps)
	}
}

// Whatever leads back to this cluster by another name is found when it is asked
// who it is.
func TestASealThatLeadsBackIsRefused(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	n := apitest.New(t)
	n.Must("transit/keys/unseal", object{"type": "aes256-gcm96"})
	n.SealBy(side.hclOf("unseal", fmt.Sprintf("token = %q", n.NewToken("root"))))
	n.Restart()
	n.Unseal()
	own, err := url.Parse(n.URL())
	must(t, err)
	side.on(func(w http.ResponseWriter, r *http.Request) bool {
		httputil.NewSingleHostReverseProxy(own).ServeHTTP(w, r)
		return true
	})
	r := n.Post("sys/migrate-seal", n.Root(), nil)
	wantText(t, wantError(t, r, 400, "bad_request"), "leads back to this cluster")
}

// A kill at any step of a migration leaves a node that the old way or the new way
// unseals. Shares always do.
func TestKillInAMigration(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	n := apitest.New(t, apitest.Shares(3, 2))
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	n.SealBy(side.hcl())
	n.Restart()
	n.Unseal()
	outcomes := map[string]int{}
	ask := func(to string) <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = n.Send("POST", "sys/migrate-seal", n.Root(), object{"to": to})
		}()
		return done
	}
	settle := func(step string) {
		t.Helper()
		n.Kill()
		side.on(nil)
		n.Start()
		byItself := false
		for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			st := n.Get("sys/seal-status", "")
			if byItself = st.At("sealed") == false; byItself || strings.Contains(st.Text("waiting"), "nobody but the shareholders") {
				break
			}
		}
		if byItself {
			n.AwaitUnsealed()
			wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
		}
		n.Unseal() // with shares, in any case
		wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
		st := n.Get("sys/seal-status", "")
		if wrapped := st.Text("type") == "transit"; wrapped != byItself {
			t.Errorf("%s: it unsealed by itself: %t; %s", step, byItself, st)
		}
		outcomes[fmt.Sprintf("%s: %s", step, st.Text("type"))]++
	}
	for _, step := range []string{"sys/seal-status", "transit/encrypt/unseal", "transit/decrypt/unseal"} {
		reached, release := make(chan struct{}), make(chan struct{})
		side.on(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.TrimPrefix(r.URL.Path, "/v1/") == step {
				close(reached)
				<-release
				return true
			}
			return false
		})
		done := ask("transit")
		<-reached
		settle("to transit, at " + step)
		close(release)
		<-done
		if outcomes["to transit, at "+step+": shamir"] != 1 {
			t.Errorf("before anything was proposed: %v", outcomes)
		}
	}
	rounds := 8
	if long() {
		rounds = 60
	}
	for i := range rounds {
		passed := make(chan struct{}, 1)
		side.on(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/decrypt/unseal") {
				passed <- struct{}{}
			}
			return false
		})
		done := ask("transit")
		<-passed
		time.Sleep(time.Duration(i) * time.Millisecond)
		settle("to transit, committing")
		<-done
		wantStatus(t, n.Post("sys/migrate-seal", n.Root(), nil), 200)

		done = ask("shamir")
		time.Sleep(time.Duration(i) * 2 * time.Millisecond)
		settle("to shamir")
		<-done
		wantStatus(t, n.Post("sys/migrate-seal", n.Root(), object{"to": "shamir"}), 200)
	}
	side.watch(n)
	t.Log(outcomes)
}
