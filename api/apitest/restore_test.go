package apitest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

const restorePath = "sys/storage/raft/snapshot"

func restore(n *apitest.Node, raw []byte) apitest.Reply {
	return n.Post(restorePath, n.Root(), raw)
}

// namesOf are the names that an answer to a restore has of one sort of record.
func namesOf(r apitest.Reply, what, which string) string {
	changes, _ := r.At("data", "changes").([]any)
	for _, c := range changes {
		change := c.(map[string]any)
		if change["what"] != what {
			continue
		}
		names, _ := change[which].(map[string]any)
		return strings.Trim(fmt.Sprint(names["names"]), "[]")
	}
	return ""
}

func clusterID(n *apitest.Node) string { return n.Get("sys/health", "").Text("cluster_id") }

func generation(n *apitest.Node) string {
	return fmt.Sprint(n.Get("sys/storage/raft/snapshot-status", n.Root()).At("data", "generation"))
}

// sameOnAll waits until all nodes have the same state, by digest at one index.
func sameOnAll(t *testing.T, c *apitest.Cluster) {
	t.Helper()
	c.Eventually("every node has the same state", func() bool {
		r := c.Leader().Get("sys/storage/raft/configuration?digest=true", c.Nodes[0].Root())
		servers, _ := r.At("data", "config", "servers").([]any)
		seen := map[string]bool{}
		for _, s := range servers {
			m := s.(map[string]any)
			seen[fmt.Sprint(m["state_index"], m["digest"])] = true
			if m["digest"] == nil {
				return false
			}
		}
		return len(seen) == 1 && len(servers) == len(c.Nodes)
	})
}

// A restore of an old backup brings back what was lost, and nothing that was taken
// away: on no node, and with force neither.
func TestARestoreBringsNothingBackThatWasTakenAway(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	n, root := c.Leader(), c.Nodes[0].Root()
	for _, key := range []string{"gone", "trimmed", "over", "kept", "low"} {
		n.Must("transit/keys/"+key, object{"type": "ed25519"})
		n.Must("transit/keys/"+key+"/rotate", nil)
	}
	n.Must("transit/keys/gone/config", object{"deletion_allowed": true})
	n.Must("sys/policies/acl/lost", object{"policy": `path "a" { capabilities = ["read"] }`})
	n.Must("sys/policies/acl/other", object{"policy": `path "b" { capabilities = ["read"] }`})
	n.Must("identity/applications/app", object{"owner": "team"})
	n.Must("auth/approle/role/web", object{"token_policies": "default"})
	n.Must("auth/token/roles/ci", object{"allowed_policies": "default"})
	n.Must("jwt/issuers/acme", object{"issuer": "https://acme.example", "leeway": 0})
	n.Must("jwt/issuers/acme/profiles/access", object{"audience": []string{"api"}})
	jwt := n.Must("jwt/sign/acme/access", object{"sub": "joe", "aud": "api"}).Text("data", "token")
	roleID := n.Get("auth/approle/role/web/role-id", root).Text("data", "role_id")
	secretID := n.Must("auth/approle/role/web/secret-id", nil)
	live, revoked := n.NewToken("default"), n.NewToken("default")
	signed := map[string]string{}
	for _, key := range []string{"gone", "over", "low"} {
		signed[key] = n.Must("transit/sign/"+key, object{"input": "aGk=", "key_version": 1}).Text("data", "signature")
	}
	raw := save(t, n)

	// What is taken away …
	wantStatus(t, n.Do("DELETE", "transit/keys/gone?grace=0s", root, nil), 204)
	n.Must("transit/keys/over/state", object{"version": 1, "state": "compromised"})
	n.Must("transit/keys/low/config", object{"min_decryption_version": 2})
	n.Must("transit/keys/trimmed/config", object{"min_decryption_version": 2, "min_encryption_version": 2})
	n.Must("transit/keys/trimmed/trim", object{"min_available_version": 2})
	n.Must("auth/token/revoke", object{"token": revoked})
	n.Must("auth/approle/role/web/secret-id/destroy", object{"secret_id": secretID.Text("data", "secret_id")})
	n.Must("identity/applications/app/block", object{"reason": "a test"})
	n.Must("jwt/revoke/acme", object{"token": jwt})
	// … what is lost …
	wantStatus(t, n.Do("DELETE", "sys/policies/acl/lost", root, nil), 204)
	n.Must("sys/policies/acl/other", object{"policy": `path "c" { capabilities = ["read"] }`})
	wantStatus(t, n.Do("DELETE", "auth/token/roles/ci", root, nil), 204)
	wantStatus(t, n.Do("DELETE", "jwt/issuers/acme/profiles/access", root, nil), 204)
	// … and what was made since.
	n.Must("transit/keys/since", object{"type": "ed25519"})
	n.Must("transit/keys/kept/rotate", nil)
	since := n.NewToken("default")
	sinceSecret := n.Must("auth/approle/role/web/secret-id", nil).Text("data", "secret_id")
	sigSince := n.Must("transit/sign/kept", object{"input": "aGk="}).Text("data", "signature")

	for round, path := range []string{"snapshot", "snapshot-force", "snapshot-force"} {
		from := c.Followers()[round%2] // any node takes it
		r := wantStatus(t, from.Post("sys/storage/raft/"+path, root, raw), 200)
		if got := fmt.Sprint(r.At("data", "generation")); got != fmt.Sprint(round+1) {
			t.Errorf("the generation is %s", got)
		}
		if round == 0 {
			for _, want := range [][3]string{
				{"policies", "restored", "lost"}, {"policies", "changed", "other"}, {"token_roles", "restored", "ci"}, {"profiles", "restored", "acme/access"},
				{"keys", "withheld", "gone"}, {"key_versions", "withheld", "transit/over:1"}, {"applications", "withheld", "app"},
			} {
				if got := namesOf(r, want[0], want[1]); !strings.Contains(got, want[2]) {
					t.Errorf("%s %s: %q, want %s; %s", want[0], want[1], got, want[2], r)
				}
			}
		}
		for _, n := range c.Nodes { // no request that begins now is answered from before
			for _, key := range []string{"gone", "over"} {
				if r := n.Post("transit/sign/"+key, root, object{"input": "aGk=", "key_version": 1}); r.Status == 200 {
					t.Errorf("%s signs with %s again on %s", path, key, n.ID())
				}
				if r := n.Post("transit/verify/"+key, root, object{"input": "aGk=", "signature": signed[key]}); r.At("data", "valid") == true {
					t.Errorf("%s verifies with %s again", path, key)
				}
			}
			if r := n.Post("transit/verify/low", root, object{"input": "aGk=", "signature": signed["low"]}); r.At("data", "valid") == true {
				t.Error("a version below the minimum verifies")
			}
			wantStatus(t, n.Get("auth/token/lookup-self", live), 200)
			wantError(t, n.Get("auth/token/lookup-self", revoked), 403, "invalid_token")
			wantError(t, n.Get("auth/token/lookup-self", since), 403, "invalid_token")
			for _, id := range []string{secretID.Text("data", "secret_id"), sinceSecret} {
				wantError(t, n.Post("auth/approle/login", "", object{"role_id": roleID, "secret_id": id}), 400, "invalid_credentials")
			}
			if got := n.Get("identity/applications/app", root).Text("data", "state"); got != "blocked" {
				t.Errorf("the application is %s", got)
			}
			if r := wantStatus(t, n.Post("jwt/verify/acme", root, object{"token": jwt}), 200); r.At("data", "active") == true {
				t.Errorf("a revoked token of an issuer is active: %s", r)
			}
			wantStatus(t, n.Get("sys/policies/acl/lost", root), 200)
			if r := n.Get("sys/policies/acl/other", root); !strings.Contains(r.Text("data", "policy"), `"b"`) {
				t.Errorf("the policy is %s", r)
			}
			wantStatus(t, n.Get("jwt/issuers/acme/profiles/access", root), 200)
			wantStatus(t, n.Post("transit/sign/since", root, object{"input": "aGk="}), 200)
			if r := n.Post("transit/verify/kept", root, object{"input": "aGk=", "signature": sigSince}); r.At("data", "valid") != true {
				t.Errorf("a signature made since does not verify: %s", r)
			}
		}
	}
	r := c.Leader().Post("transit/keys/gone", root, object{"type": "ed25519"})
	if latest := fmt.Sprint(wantStatus(t, r, 200).At("data", "latest_version")); latest != "3" {
		t.Errorf("the numbers of a destroyed key begin at %s again", latest)
	}
	sameOnAll(t, c)
}

// The SDK, the status and the dry run: it says what would change and changes nothing.
func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("sys/policies/acl/lost", object{"policy": `path "a" { capabilities = ["read"] }`})
	raw := save(t, n)
	wantStatus(t, n.Do("DELETE", "sys/policies/acl/lost", n.Root(), nil), 204)
	token := n.NewToken("default")
	index := n.Get("sys/policies/acl", n.Root()).Header.Get("X-Signet-Index")
	raft := n.Client(n.Root()).Raft()
	plan, err := raft.Restore(t.Context(), bytes.NewReader(raw), client.RestoreOptions{DryRun: true})
	if err != nil || !plan.DryRun || plan.Generation != 1 || !plan.Snapshot.SameShares || plan.Snapshot.Threshold != 1 || len(plan.SHA256) != 64 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if got := n.Get("sys/policies/acl", n.Root()).Header.Get("X-Signet-Index"); got != index {
		t.Errorf("the index went from %s to %s", index, got)
	}
	wantStatus(t, n.Get("sys/policies/acl/lost", n.Root()), 404)
	wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	did, err := raft.Restore(t.Context(), bytes.NewReader(raw), client.RestoreOptions{})
	if err != nil || did.DryRun || fmt.Sprint(did.Changes) != fmt.Sprint(plan.Changes) || len(did.Changes) == 0 {
		t.Fatalf("planned %+v, done %+v, %v", plan.Changes, did.Changes, err)
	}
	status, err := raft.SnapshotStatus(t.Context())
	if err != nil || status.Generation != 1 || status.Restoring != nil {
		t.Errorf("%+v, %v", status, err)
	}
	wantError(t, n.Get("auth/token/lookup-self", token), 403, "invalid_token")
	for _, query := range []string{"dry_run=1", "dry_run", "dry_run=true&dry_run=true", "dryrun=true"} {
		wantError(t, n.Post(restorePath+"?"+query, n.Root(), raw), 400, "bad_request")
	}
	if got := generation(n); got != "1" {
		t.Errorf("the generation is %s", got)
	}
	var fields map[string]string
	records, err := n.Audit()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range records {
		if r.Operation == "sys/storage/raft/restore" {
			seen[r.Type+" "+r.Outcome]++
			if r.Type == "outcome" && r.Outcome == "ok" {
				fields = r.Fields
			}
		}
	}
	if seen["intent "] != 1 || seen["outcome ok"] != 1 || fields["sha256"] != did.SHA256 || fields["index"] != fmt.Sprint(did.Snapshot.Index) || fields["generation"] != "0" {
		t.Errorf("the records are %v, %v", seen, fields)
	}
}

// What cannot be restored is refused by name, and nothing changes.
func TestWhatIsNotRestored(t *testing.T) {
	t.Parallel()
	n, other := apitest.New(t), apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	raw := save(t, n)
	n.Must("sys/policies/acl/since", object{"policy": `path "a" { capabilities = ["read"] }`})
	token := n.NewToken("default")
	flipped := bytes.Clone(raw)
	flipped[len(raw)/2] ^= 1
	for what, c := range map[string]struct {
		body any
		says string
	}{
		"cut short":             {raw[:len(raw)-20], "cut short"},
		"half":                  {raw[:len(raw)/2], ""},
		"a flipped bit":         {flipped, ""},
		"of another cluster":    {save(t, other), "of the cluster " + clusterID(other) + ", and this is " + clusterID(n) + ";"},
		"no backup":             {bytes.Repeat([]byte("no"), 999), "no gzip file"},
		"JSON":                  {object{"a": 1}, ""},
		"something behind it":   {append(bytes.Clone(raw), 0), ""},
		"nothing":               {[]byte{}, ""},
		"forged of another age": {forge(t, raw, `"generation": 0`, `"generation": 9`), ""},
	} {
		for _, path := range []string{restorePath, restorePath + "-force", restorePath + "?dry_run=true"} {
			r := n.Post(path, n.Root(), c.body)
			if r.Status != 400 || r.Code() != "bad_snapshot" || !strings.Contains(r.Errors(), c.says) {
				t.Errorf("%s: %s", what, r)
			}
		}
	}
	if got := generation(n); got != "0" {
		t.Errorf("the generation is %s", got)
	}
	wantStatus(t, n.Get("auth/token/lookup-self", token), 200)
	// Who may do it is asked before a byte is read.
	n.Must("sys/policies/acl/some", object{"policy": `
path "sys/storage/raft/snapshot" { capabilities = ["update"] }
path "sys/storage/raft/snapshot-force" { capabilities = ["sudo"] }`})
	without := n.NewToken("some")
	for _, path := range []string{restorePath, restorePath + "-force", restorePath + "?dry_run=true"} {
		wantError(t, n.Post(path, without, raw), 403, "permission_denied")
		wantError(t, n.Post(path, without, object{}), 403, "permission_denied")
		bare, _, _ := strings.Cut(path, "?")
		wantError(t, n.Post(bare+"?dry_run=perhaps", without, raw), 403, "permission_denied")
		wantError(t, n.Post(path, "", raw), 403, "invalid_token")
	}
	wantError(t, n.Get("sys/storage/raft/snapshot-status", without), 403, "permission_denied")
	wantStatus(t, n.Do("PUT", "sys/seal", n.Root(), nil), 204)
	wantError(t, restore(n, raw), 503, "sealed")
}

// A backup from before a restore needs force, and the caller is never locked out.
func TestABackupOfAnOlderGenerationNeedsForce(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	first := save(t, n)
	n.Must("sys/policies/acl/ops", object{"policy": `path "sys/storage/raft/*" { capabilities = ["read", "update", "sudo"] }`})
	parent := n.NewToken("root")
	ops := wantStatus(t, n.Post("auth/token/create", parent, object{"policies": []string{"ops"}, "no_default_policy": true}), 200).Text("auth", "client_token")
	wantStatus(t, n.Post(restorePath, ops, first), 200)
	wantStatus(t, n.Get("sys/storage/raft/snapshot-status", ops), 200) // it and its parent stay
	wantStatus(t, n.Get("auth/token/lookup-self", parent), 200)
	for _, path := range []string{restorePath, restorePath + "?dry_run=true"} {
		r := n.Post(path, ops, first)
		wantError(t, r, 400, "bad_snapshot")
		if !strings.Contains(r.Errors(), "generation 0") {
			t.Errorf("it does not say why: %s", r)
		}
	}
	second := save(t, n)
	wantStatus(t, restore(n, second), 200)
	wantStatus(t, n.Post(restorePath+"-force", n.Root(), first), 200)
	if got := generation(n); got != "3" {
		t.Errorf("the generation is %s", got)
	}
	report := wantStatus(t, verify(n, save(t, n)), 200)
	if got := fmt.Sprint(report.At("data", "generation")); got != "3" {
		t.Errorf("the backup is of generation %s", got)
	}
	n.Restart()
	n.Unseal()
	if got := generation(n); got != "3" {
		t.Errorf("after a restart the generation is %s", got)
	}
}

// The same restore under one idempotency key is done once.
func TestARestoreSentTwiceIsDoneOnce(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	raw := save(t, n)
	ctx := client.WithIdempotencyKey(t.Context(), "restore-1")
	raft := n.Client(n.Root()).Raft()
	for i := range 2 {
		if i == 1 {
			n.Must("sys/policies/acl/since", object{"policy": `path "a" { capabilities = ["read"] }`})
		}
		did, err := raft.Restore(ctx, bytes.NewReader(raw), client.RestoreOptions{})
		if err != nil || did.Generation != 1 {
			t.Errorf("%+v, %v", did, err)
		}
	}
	_, err := raft.Restore(ctx, bytes.NewReader(save(t, n)), client.RestoreOptions{})
	if answered := (*client.Error)(nil); err == nil || !errors.As(err, &answered) || answered.Code != wire.IdempotencyMismatch {
		t.Errorf("another backup under the same key: %v", err)
	}
}

// Whoever loses the right to restore while the backup is being sent does not restore,
// whether the uses of the token are counted or not.
func TestTheRightToRestoreIsAskedAgain(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	may := object{"policy": `path "sys/storage/raft/snapshot" { capabilities = ["update", "sudo"] }`}
	var raw []byte
	send := func(token string, meanwhile func()) int {
		body, w := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL()+"/v1/"+restorePath, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(wire.HeaderToken, token)
		req.Header.Set("Expect", "100-continue") // the body goes when the server reads it
		go func() {
			_, _ = w.Write(raw[:len(raw)/2])
			if meanwhile != nil {
				meanwhile()
			}
			_, _ = w.Write(raw[len(raw)/2:])
			_ = w.Close()
		}()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for uses, what := range map[int]string{0: "uncounted", 1: "its last use", 3: "counted"} {
		make := func() string {
			return n.Must("auth/token/create", object{"policies": []string{"restorer"}, "num_uses": uses, "ttl": "1h"}).Text("auth", "client_token")
		}
		n.Must("sys/policies/acl/restorer", may)
		raw = save(t, n)
		token := make()
		if uses != 1 { // a last use is spent by the request itself
			if code := send(token, func() { n.Must("auth/token/revoke", object{"token": token}) }); code != 403 {
				t.Errorf("%s, revoked meanwhile: %d", what, code)
			}
		}
		token = make()
		if code := send(token, func() { n.Must("sys/policies/acl/restorer", object{"policy": `path "a" { capabilities = ["read"] }`}) }); code != 403 {
			t.Errorf("%s, policy narrowed meanwhile: %d", what, code)
		}
		n.Must("sys/policies/acl/restorer", may)
		if code := send(make(), nil); code != 200 {
			t.Errorf("%s: %d", what, code)
		}
	}
}
