package apitest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/audit"
)

// An operator's day: five shares, three open the node after a restart, and each
// mistake with a share is named at once and costs nothing.
func TestAnOperatorUnsealsWithThreeOfFive(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Shares(5, 3), apitest.Sealed())
	if len(n.Shares()) != 5 {
		t.Fatalf("%d shares", len(n.Shares()))
	}
	wantStatus(t, n.Share(n.Shares()[0]), 200)
	wantStatus(t, n.Share(n.Shares()[1]), 200)
	n.Restart() // takes the progress away
	progress := func() int64 { return number(t, n.Get("sys/seal-status", ""), "progress") }
	if got := progress(); got != 0 {
		t.Errorf("progress %d after a restart", got)
	}
	foreign := apitest.New(t, apitest.Shares(5, 3), apitest.Sealed())

	first := wantStatus(t, n.Share(n.Shares()[4]), 200)
	if number(t, first, "progress") != 1 || number(t, first, "t") != 3 || number(t, first, "n") != 5 || first.Text("nonce") == "" || first.At("sealed") != true {
		t.Errorf("after one share: %s", first)
	}
	good := n.Shares()[2]
	flipped := good[:50] + string("1032547698badcfe"[strings.IndexByte("0123456789abcdef", good[50])]) + good[51:]
	for _, c := range []struct {
		what, share, code string
	}{
		{"a flipped character", flipped, "share_damaged"},
		{"two swapped characters", swapped(good), "share_damaged"},
		{"a repeated share", n.Shares()[4], "share_repeated"},
		{"the repeated share in base64", base64Of(t, n.Shares()[4]), "share_repeated"},
		{"a truncated share", good[:len(good)-2], "share_length"},
		{"a stray character", "!" + good[1:], "share_encoding"},
		{"a share of another cluster", foreign.Shares()[2], "share_foreign"},
		{"nothing", "", "share_length"},
	} {
		r := wantError(t, n.Share(c.share), 400, c.code)
		if got := progress(); got != 1 {
			t.Errorf("%s counts: progress %d", c.what, got)
		}
		if strings.Contains(string(r.Body), good[10:30]) || c.share != "" && len(c.share) > 20 && strings.Contains(string(r.Body), c.share[10:30]) {
			t.Errorf("%s: the answer repeats a part of the share: %s", c.what, r)
		}
	}
	second := wantStatus(t, n.Share(" "+base64Of(t, n.Shares()[1])+"\n"), 200)
	if number(t, second, "progress") != 2 || second.Text("nonce") != first.Text("nonce") {
		t.Errorf("after two shares: %s", second)
	}
	reset := wantStatus(t, n.Do("PUT", "sys/unseal", "", object{"reset": true}), 200)
	if number(t, reset, "progress") != 0 || reset.At("sealed") != true {
		t.Errorf("after a reset: %s", reset)
	}
	for i, share := range []string{n.Shares()[3], strings.ToUpper(n.Shares()[0]), good} {
		r := wantStatus(t, n.Share(share), 200)
		if r.At("sealed") != (i < 2) {
			t.Fatalf("after share %d of three: %s", i+1, r)
		}
	}
	wantStatus(t, n.Share(good), 200) // a share for an open node is no error
	wantError(t, n.Do("PUT", "sys/unseal", "", object{"key": good, "migrate": true}), 400, "unsupported")

	codes := map[string]int{}
	for _, r := range records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/unseal" }) {
		codes[r.Code]++
		if r.Remote == "" || r.Outcome == "" || r.Fields["progress"] == "" {
			t.Errorf("record of an unseal: %+v", r)
		}
	}
	want := map[string]int{"": 7, "share_damaged": 2, "share_repeated": 2, "share_length": 2, "share_encoding": 1, "share_foreign": 1}
	if fmt.Sprint(codes) != fmt.Sprint(want) {
		t.Errorf("audited unseals by code: %v, want %v", codes, want)
	}
	if len(records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/unseal-reset" })) != 1 {
		t.Error("the reset is not in the audit log")
	}
}

// A share that is right in form but forged, and each field of it that can lie.
func TestForgedSharesAreNamed(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Shares(5, 3), apitest.Sealed())
	raw, err := hex.DecodeString(n.Shares()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		change func(b []byte)
		code   string
	}{
		{"another value", func(b []byte) { b[20] ^= 1 }, "share_wrong"},
		{"another's number", func(b []byte) { b[11] = 2 }, "share_wrong"},
		{"a number beyond", func(b []byte) { b[11] = 6 }, "share_index"},
		{"number zero", func(b []byte) { b[11] = 0 }, "share_index"},
		{"another generation", func(b []byte) { b[10]++ }, "share_generation"},
		{"another cluster", func(b []byte) { b[3] ^= 1 }, "share_foreign"},
		{"another layout", func(b []byte) { b[0] = 2 }, "share_encoding"},
	} {
		forged := bytes.Clone(raw)
		c.change(forged)
		sum := sha256.Sum256(append([]byte("signet share checksum v1\x00"), forged[:44]...))
		copy(forged[44:], sum[:4])
		wantError(t, n.Share(hex.EncodeToString(forged)), 400, c.code)
		if got := number(t, n.Get("sys/seal-status", ""), "progress"); got != 0 {
			t.Errorf("%s counts", c.what)
		}
	}
	n.Unseal()
}

// Any share can be checked without using it, sealed or not.
func TestVerifyShareUsesNothing(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Shares(5, 3), apitest.Sealed())
	for i, share := range n.Shares() {
		for _, text := range []string{share, base64Of(t, share)} {
			r := wantStatus(t, n.Do("PUT", "sys/verify-share", "", object{"key": text}), 200)
			if number(t, r, "data", "index") != int64(i+1) || number(t, r, "data", "generation") != 1 {
				t.Errorf("share %d: %s", i+1, r)
			}
		}
	}
	wantError(t, n.Post("sys/verify-share", "", object{"key": swapped(n.Shares()[0])}), 400, "share_damaged")
	if got := number(t, n.Get("sys/seal-status", ""), "progress"); got != 0 {
		t.Errorf("progress %d by verify-share alone", got)
	}
	n.Unseal()
	wantStatus(t, n.Do("PUT", "sys/verify-share", "", object{"key": n.Shares()[4]}), 200)
	wantError(t, n.Do("PUT", "sys/verify-share", "", object{"key": "00"}), 400, "share_length")
	if got := len(records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/verify-share" })); got != 13 {
		t.Errorf("%d records of 13 checks", got)
	}
}

// Whoever guesses shares is slowed down, by unseal and verify-share together.
func TestWrongSharesAreLimited(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Shares(2, 2), apitest.Sealed())
	limited := 0
	for i := range 14 {
		path := []string{"sys/unseal", "sys/verify-share"}[i%2]
		r := n.Do("PUT", path, "", object{"key": fmt.Sprintf("%096x", i)})
		if r.Status == 429 {
			wantError(t, r, 429, "rate_limited")
			if r.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			limited++
		} else if i >= 10 {
			t.Errorf("wrong share %d was looked at: %s", i+1, r)
		}
	}
	if limited != 4 {
		t.Errorf("%d of 14 wrong shares within a minute were limited, want 4", limited)
	}
	wantStatus(t, n.Get("sys/seal-status", ""), 200)
	n.Restart()
	n.Unseal()
}

// Init happens once, with sane numbers.
func TestInitHappensOnce(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Uninitialized(), apitest.Shares(5, 3))
	for _, body := range []object{
		{"secret_shares": 0, "secret_threshold": 1}, {"secret_shares": 3, "secret_threshold": 4}, {"secret_shares": 256, "secret_threshold": 3},
		{"secret_shares": -1, "secret_threshold": -1}, {"secret_shares": "many"}, {"secret_shares": 5, "secret_threshold": 3, "pgp_keys": []string{"x"}},
		{"secret_shares": 1, "secret_threshold": 1, "stored_shares": 1}, {"secret_shares": 5, "secret_threshold": 3, "root_token_pgp_key": "x"},
		{"secret_shares": 1, "secret_threshold": 1, "recovery_shares": 1, "recovery_threshold": 1},
	} {
		if r := n.Do("PUT", "sys/init", "", body); r.Status != 400 {
			t.Errorf("init with %v: %s", body, r)
		}
		if n.Get("sys/init", "").At("initialized") != false {
			t.Fatalf("init with %v made a cluster", body)
		}
	}
	for _, path := range []string{"sys/unseal", "sys/verify-share"} {
		r := n.Do("PUT", path, "", object{"key": strings.Repeat("00", 48)})
		if r.Code() != "not_initialized" {
			t.Errorf("%s before init: %s", path, r)
		}
	}
	wantError(t, n.Get("transit/keys/a", "x"), 503, "not_initialized")
	n.Init()
	if n.Get("sys/seal-status", "").At("sealed") != true {
		t.Error("the node is not sealed after init")
	}
	wantError(t, n.Do("PUT", "sys/init", "", object{"secret_shares": 1, "secret_threshold": 1}), 400, "already_initialized")
	n.Restart()
	wantError(t, n.Do("PUT", "sys/init", "", nil), 400, "already_initialized")
	n.Unseal()
}

// I11: a sealed node answers 503 to everything but a short list, whoever asks.
func TestASealedNodeAnswersNothingElse(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	token := n.NewToken("default")
	n.Restart()
	open := map[string]bool{
		"sys/health": true, "sys/seal-status": true, "sys/leader": true, "sys/metrics": true, "sys/init": true, "sys/unseal": true, "sys/verify-share": true,
		"sys/storage/raft/join": true,
	}
	walked := 0
	for _, route := range routeTable(t) {
		path := route.fill("{name}", "web", "{kind}", "signing-key")
		for _, method := range route.methods {
			for _, tok := range []string{n.Root(), token, "", "wrong"} {
				r := n.Do(method, path, tok, `{"input":"aGk=","key":""}`)
				if open[route.pattern] {
					if r.Status == 503 && route.pattern != "sys/health" {
						t.Errorf("%s %s must answer on a sealed node: %s", method, path, r)
					}
					continue
				}
				walked++
				wantError(t, r, 503, "sealed")
				if !strings.Contains(r.Errors(), "sealed") || r.Header.Get("Retry-After") == "" {
					t.Errorf("%s %s on a sealed node: %s, Retry-After %q", method, path, r, r.Header.Get("Retry-After"))
				}
			}
		}
	}
	if walked < 150 {
		t.Errorf("%d calls: the walk is too short", walked)
	}
	wantError(t, n.Do("GET", "transit/keys?list=true", n.Root(), nil), 503, "sealed")
	metrics := wantStatus(t, n.Do("GET", "/metrics", "", nil), 200)
	if text := string(metrics.Body); !strings.Contains(text, "signet_sealed 1") || strings.Contains(text, "signet_keys") {
		t.Errorf("metrics of a sealed node: %s", text)
	}
	n.Unseal()
}

// Seal by the API drops every key at once, and the shares bring the same keys
// back.
func TestSealDropsTheKeys(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Shares(3, 2))
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	before := n.Must("transit/sign/web", object{"input": "aGk="}).Text("data", "signature")
	key := publicKey(t, n.Get("transit/keys/web", n.Root()), 1).(*ecdsa.PublicKey)
	weak := n.Allow("sealer", "sys/seal", "update")
	wantError(t, n.Do("PUT", "sys/seal", weak, nil), 403, "permission_denied")
	wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
	strong := n.Allow("sudo-sealer", "sys/seal", "update", "sudo")
	wantStatus(t, n.Do("PUT", "sys/seal", strong, nil), 204)
	if r := n.Get("sys/seal-status", ""); r.At("sealed") != true || number(t, r, "progress") != 0 {
		t.Errorf("after seal: %s", r)
	}
	wantStatus(t, n.Get("sys/health", ""), 503)
	wantError(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 503, "sealed")
	wantError(t, n.Do("PUT", "sys/seal", n.Root(), nil), 503, "sealed")
	n.CheckAll(t)
	n.Unseal()
	if again := publicKey(t, n.Get("transit/keys/web", n.Root()), 1).(*ecdsa.PublicKey); !again.Equal(key) {
		t.Error("another key after seal and unseal")
	}
	if r := n.Must("transit/verify/web", object{"input": "aGk=", "signature": before}); r.At("data", "valid") != true {
		t.Errorf("an old signature: %s", r)
	}
	digest := sha256.Sum256([]byte("hi"))
	fresh := signatureBytes(t, n.Must("transit/sign/web", object{"input": "aGk="}).Text("data", "signature"), 1, base64.StdEncoding)
	if !ecdsa.VerifyASN1(key, digest[:], fresh) {
		t.Error("a new signature is of another key")
	}
	sealed := records(t, n, func(r audit.Parsed) bool { return r.Operation == "sys/seal" })
	if len(sealed) != 2 || sealed[0].Outcome != "refused" || sealed[1].Outcome != "ok" || sealed[1].Accessor == "" {
		t.Errorf("records of seal: %+v", sealed)
	}
}

func base64Of(t *testing.T, share string) string {
	t.Helper()
	raw, err := hex.DecodeString(share)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// swapped exchanges two neighbours of a share that differ.
func swapped(share string) string {
	b := []byte(share)
	for i := 40; i < len(b); i++ {
		if b[i] != b[i-1] {
			b[i], b[i-1] = b[i-1], b[i]
			break
		}
	}
	return string(b)
}
