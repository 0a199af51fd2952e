package apitest_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

func TestTransitSealUnsealsByItself(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	n := apitest.New(t, apitest.SealedBy(side.hcl()), apitest.Shares(5, 3))
	side.watch(n)
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	for i, again := range []func(){n.Restart, func() { n.Kill(); n.Start() }, n.Restart} {
		again()
		n.AwaitUnsealed()
		wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
		wantStatus(t, n.Post("sys/rotate", n.Root(), nil), 204) // the record changes, the wrapping stays
		if ok, failed := unsealedBy(t, n, "transit"); ok != i+2 || failed != 0 {
			t.Errorf("%d unseals are recorded and %d failures, want %d", ok, failed, i+2)
		}
	}
	st := n.Get("sys/seal-status", "")
	if st.Text("type") != "transit" || st.At("recovery_seal") != true || st.At("migration") != false || st.At("waiting") != nil ||
		fmt.Sprintf("%v of %v", st.At("t"), st.At("n")) != "3 of 5" {
		t.Errorf("%s", st)
	}
	if r := n.Get("sys/init", ""); r.At("initialized") != true {
		t.Errorf("%s", r)
	}
	// The other side sees that each call is bound to this cluster.
	if side.called("transit/encrypt/unseal") != 1 || side.called("transit/decrypt/unseal") != 5 {
		t.Errorf("%d times wrapped, %d times unwrapped", side.called("transit/encrypt/unseal"), side.called("transit/decrypt/unseal"))
	}
}

func TestInitOfASealedByNode(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	n := apitest.New(t, apitest.SealedBy(side.hcl()), apitest.Shares(3, 2), apitest.Uninitialized())
	st := n.Get("sys/seal-status", "")
	if st.Text("type") != "transit" || st.At("recovery_seal") != true || st.At("initialized") != false {
		t.Errorf("%s", st)
	}
	wantText(t, wantError(t, n.Do("PUT", "sys/init", "", object{"secret_shares": 3, "secret_threshold": 2}), 400, "bad_request"),
		"parameters secret_shares,secret_threshold not applicable to seal type transit")
	wantError(t, n.Do("PUT", "sys/init", "", object{"secret_shares": 3, "secret_threshold": 2, "recovery_shares": 3, "recovery_threshold": 2}), 400, "bad_request")
	wantError(t, n.Do("PUT", "sys/init", "", object{"recovery_shares": 3, "recovery_threshold": 1}), 400, "bad_request")
	side.close()
	wantText(t, wantError(t, n.Do("PUT", "sys/init", "", object{"recovery_shares": 3, "recovery_threshold": 2}), 502, "seal_unavailable"), "answers 503")
	if r := n.Get("sys/init", ""); r.At("initialized") != false {
		t.Errorf("a cluster was made without its seal: %s", r)
	}
	side.on(nil)
	n.Init() // as Vault's clients do it
	n.AwaitUnsealed()
	if len(n.Shares()) != 3 {
		t.Errorf("%d recovery shares", len(n.Shares()))
	}
	side.watch(n)

	plain := apitest.New(t, apitest.Uninitialized())
	wantText(t, wantError(t, plain.Do("PUT", "sys/init", "", object{"recovery_shares": 3, "recovery_threshold": 2}), 400, "bad_request"),
		"parameters recovery_shares,recovery_threshold not applicable to seal type shamir")
}

func TestTheOtherSideIsDownAtTheStart(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	n := apitest.New(t, apitest.SealedBy(side.hcl()), apitest.Shares(3, 2))
	side.watch(n)
	side.close()
	n.Restart()
	if !strings.Contains(n.Log(), "sealed=true") {
		t.Error("the node did not say that it is sealed")
	}
	waits(t, n, side.road.URL+" answers 503: it is sealed, or not ready")
	r := wantStatus(t, n.Get("sys/metrics", ""), 200)
	if !strings.Contains(string(r.Body), "signet_seal_unwrap_failures_total ") || strings.Contains(string(r.Body), "signet_seal_unwrap_failures_total 0\n") {
		t.Errorf("no failures are counted: %s", r.Body)
	}
	side.on(func(w http.ResponseWriter, r *http.Request) bool { // nobody there at all
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = c.Close()
		}
		return true
	})
	waits(t, n, "cannot be reached")
	side.on(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "http://127.0.0.1:1/v1/transit/decrypt/unseal")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	})
	waits(t, n, "it redirects, which is not followed")
	side.on(func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, "<html>hello"); return true })
	waits(t, n, "something else than the JSON")
	side.on(nil)
	n.AwaitUnsealed()
	if _, failed := unsealedBy(t, n, "transit"); failed < 4 {
		t.Errorf("%d failures are recorded", failed)
	}
	if logged := strings.Count(n.Log(), "cannot unseal by itself yet"); logged < 4 {
		t.Errorf("%d failures are logged", logged)
	}
}

// Recovery shares unseal the node while the other side is away: attacks.md 37.
func TestSharesUnsealWhileTheOtherSideIsDown(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	n := apitest.New(t, apitest.SealedBy(side.hcl()), apitest.Shares(3, 2))
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	side.close()
	n.Restart()
	waits(t, n, "answers 503")
	wantStatus(t, n.Share(n.Shares()[2]), 200)
	st := n.Get("sys/seal-status", "")
	if fmt.Sprint(st.At("progress")) != "1" || st.At("recovery_seal") != true {
		t.Errorf("%s", st)
	}
	wantStatus(t, n.Share(n.Shares()[0]), 200)
	wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
	if st := n.Get("sys/seal-status", ""); st.At("waiting") != nil {
		t.Errorf("it waits still: %s", st)
	}
	side.on(nil)
	// A node that an operator sealed stays so.
	wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
	waits(t, n, "an operator sealed this node")
	time.Sleep(500 * time.Millisecond)
	if n.Get("sys/seal-status", "").At("sealed") != true {
		t.Error("it unsealed by itself against the operator")
	}
	n.Unseal()
	wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
	n.Restart()
	n.AwaitUnsealed()
	side.watch(n)
}

// What does not fit is named, and shares unseal the node all the same.
func TestWrongKeyWrongTokenWrongCluster(t *testing.T) {
	t.Parallel()
	side := newTransitSide(t)
	side.Must("transit/keys/other", object{"type": "aes256-gcm96"})
	side.Must("transit/keys/plain", object{"type": "aes256-gcm96"})
	n := apitest.New(t, apitest.SealedBy(side.hcl()))
	side.watch(n)
	again := func(block, why string) {
		t.Helper()
		n.SealBy(block)
		n.Restart()
		waits(t, n, why)
		n.Unseal()
	}
	inline := func(token string) string { return fmt.Sprintf("token = %q", token) }
	again(side.hclOf("other", inline(side.seal("other"))), "the seal record holds nothing that this seal wrapped")
	again(side.hclOf("other", inline(side.seal("other")), `name = "transit/unseal"`), "answers 400: the key does not decrypt")
	again(side.hclOf("unseal", inline(side.NewToken("default"))), "answers 403: the token has expired, or its policies do not allow update on transit/decrypt/unseal")
	again(side.hclOf("unseal", inline("nonsense")), "answers 403")
	again(side.hclOf("missing", inline(side.Root()), `name = "transit/unseal"`), "answers 400")
	loose := filepath.Join(t.TempDir(), "loose")
	must(t, os.WriteFile(loose, []byte(side.token), 0o644))
	again(side.hclOf("unseal", fmt.Sprintf("token_file = %q", loose)), "can be read by others (mode 0644)")
	again(side.hclOf("unseal", `token_file = "/nonexistent"`), "no such file")

	// The wrapping of another cluster, whose record somebody put in place of ours,
	// opens nothing: the other side refuses it where it authenticates whose it is,
	// and the node where it does not.
	plain := side.hclOf("plain", inline(side.seal("plain")))
	side.on(refusesAD)
	other := apitest.New(t, apitest.SealedBy(plain))
	side.watch(other)
	foreign := side.lastKey()
	n.SealBy(plain)
	n.Restart()
	waits(t, n, "nothing that this seal wrapped")
	n.Unseal()
	wantStatus(t, n.Post("sys/migrate-seal", n.Root(), nil), 200)
	side.watch(n)
	side.on(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/decrypt/") {
			return refusesAD(w, r)
		}
		fmt.Fprintf(w, `{"data":{"plaintext":%q}}`, b64(b64(string(foreign))))
		return true
	})
	n.Restart()
	waits(t, n, "belongs to another cluster (its cluster tag is")
	side.on(refusesAD)
	n.AwaitUnsealed()
}
