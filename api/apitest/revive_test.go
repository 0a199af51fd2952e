package apitest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

func tombstonesOf(t *testing.T, n *apitest.Node) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := n.Client(n.Root()).Raft().Tombstones(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func setVersion(n *apitest.Node, key string, version int, state string) apitest.Reply {
	return n.Post("transit/keys/"+key+"/state", n.Root(), object{"version": version, "state": state})
}

func sign(n *apitest.Node, key string) apitest.Reply {
	return n.Post("transit/sign/"+key, n.Root(), object{"input": b64("hi")})
}

// A cluster is lost and comes back out of a backup: what was destroyed, given up or
// revoked since stays so, nothing works before it is enabled, and others join as ever.
func TestALostClusterComesBack(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3, apitest.Shares(3, 2))
	old := c.Leader()
	for _, name := range []string{"web", "gone", "bad", "plain"} {
		old.Must("transit/keys/"+name, object{"type": "ed25519"})
	}
	old.Must("transit/keys/gone/config", object{"deletion_allowed": true})
	old.Must("transit/keys/box", object{"type": "aes256-gcm96"})
	signed := wantStatus(t, sign(old, "web"), 200).Text("data", "signature")
	signedBad := wantStatus(t, sign(old, "bad"), 200).Text("data", "signature")
	boxed := old.Must("transit/encrypt/box", object{"plaintext": b64("hi")}).Text("data", "ciphertext")
	user := old.NewToken("default")
	backup := writeFile(t, filepath.Join(t.TempDir(), "b.snapshot"), save(t, old))

	if r := old.Do("DELETE", "transit/keys/gone?grace=0", old.Root(), nil); r.Status >= 300 {
		t.Fatalf("destroy: %s", r)
	}
	wantStatus(t, setVersion(old, "bad", 1, "compromised"), 200)
	old.Must("transit/keys/web/rotate", nil)
	old.Must("transit/keys/later", object{"type": "ed25519"})
	tombs := writeFile(t, filepath.Join(t.TempDir(), "t.tombstones"), tombstonesOf(t, c.Followers()[0]))

	back := c.Add("back")
	c.Nodes = c.Nodes[:3]
	fresh := back.Revive(old, backup, "--tombstones", tombs)

	for _, token := range []string{user, old.Root()} {
		wantError(t, back.Get("auth/token/lookup-self", token), 403, "invalid_token")
	}
	wantError(t, sign(back, "web"), 400, "version_state")
	wantError(t, back.Post("transit/verify/web", back.Root(), object{"input": b64("hi"), "signature": signed}), 400, "version_state")
	wantError(t, back.Post("transit/decrypt/box", back.Root(), object{"ciphertext": boxed}), 400, "version_state")
	wantStatus(t, back.Get("transit/keys/gone", back.Root()), 404)
	wantStatus(t, back.Get("transit/keys/later", back.Root()), 404)
	for state, code := range map[string]string{"active": "bad_transition", "retired": "bad_transition"} {
		wantError(t, setVersion(back, "bad", 1, state), 400, code)
	}
	wantError(t, back.Post("transit/verify/bad", back.Root(), object{"input": b64("hi"), "signature": signedBad}), 400, "version_state")
	wantError(t, setVersion(back, "web", 2, "active"), 400, "bad_transition")

	// What is enabled works as it did; encryptions are not counted on from the backup.
	wantStatus(t, setVersion(back, "web", 1, "active"), 200)
	wantStatus(t, setVersion(back, "box", 1, "active"), 200)
	if r := wantStatus(t, back.Post("transit/verify/web", back.Root(), object{"input": b64("hi"), "signature": signed}), 200); r.At("data", "valid") != true {
		t.Errorf("what was signed before does not verify: %s", r)
	}
	wantStatus(t, back.Post("transit/decrypt/box", back.Root(), object{"ciphertext": boxed}), 200)
	wantError(t, back.Post("transit/encrypt/box", back.Root(), object{"plaintext": b64("hi")}), 400, "encryptions_spent")
	back.Must("transit/keys/box/rotate", nil)
	back.Must("transit/encrypt/box", object{"plaintext": b64("hi")})
	back.Must("transit/keys/web/rotate", nil)
	if got := wantStatus(t, sign(back, "web"), 200).Text("data", "signature"); !strings.HasPrefix(got, "vault:v3:") {
		t.Errorf("it signs as %s", got)
	}
	back.Must("transit/keys/gone", object{"type": "ed25519"})
	if got := wantStatus(t, sign(back, "gone"), 200).Text("data", "signature"); !strings.HasPrefix(got, "vault:v2:") {
		t.Errorf("a name that was destroyed signs as %s", got)
	}

	// Neither the former cluster nor the new one hears of the other.
	for _, id := range []string{"n4", "n5"} {
		fresh.Join(fresh.Add(id, apitest.Shares(3, 2)), false)
	}
	fresh.Settle()
	c.Settle()
	if r := old.Get("sys/storage/raft/configuration", old.Root()); strings.Contains(string(r.Body), "back") {
		t.Errorf("the former cluster knows the new node: %s", r)
	}
	wantStatus(t, sign(fresh.Nodes[2], "web"), 200)

	restores := 0
	records, err := back.Audit()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Operation == "node/restore" {
			restores++
			if r.Fields["resurrection_accepted"] != "false" || len(r.Fields["backup_sha256"]) != 64 || r.Fields["generation"] != "1" || r.Fields["tombstones_index"] == "" || r.Fields["cluster_epoch"] != "2" {
				t.Errorf("the record is %+v", r.Fields)
			}
		}
	}
	if restores != 1 {
		t.Errorf("%d records of the restore", restores)
	}
	back.Restart()
	fresh.Unseal(back)
	if report := wantStatus(t, verify(back, save(t, back)), 200); report.At("data", "cluster_epoch").(json.Number) != "2" {
		t.Errorf("%s", report)
	}
}

// A node of the former cluster that has the new one's node for a peer, by its id and
// address, gets nowhere, and nor does the new one.
func TestTheFormerClusterIsRefused(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	backup := writeFile(t, filepath.Join(t.TempDir(), "b.snapshot"), save(t, c.Leader()))
	gone := c.Followers()[0]
	from := c.Nodes[0]
	gone.Kill()
	if err := os.RemoveAll(gone.DataDir()); err != nil {
		t.Fatal(err)
	}
	// In the place, and with the name, of a member of the former cluster.
	lone := gone.Revive(from, backup, "--accept-resurrection")
	time.Sleep(2 * time.Second) // the others ask it for its vote, and send it the log
	if r := gone.Get("sys/storage/raft/configuration", gone.Root()); gone.Get("sys/health", "").Status != 200 || strings.Count(string(r.Body), `"node_id"`) != 1 {
		t.Errorf("the former cluster reached it: %s", r)
	}
	lone.Settle()
	var others []*apitest.Node
	for _, n := range c.Nodes {
		if n != gone {
			others = append(others, n)
		}
	}
	c.Nodes = others
	c.Settle()
	for _, n := range c.Nodes {
		if n.Get("auth/token/lookup-self", gone.Root()).Status != 403 {
			t.Error("a token of the new cluster is good in the former one")
		}
	}
	records, err := gone.Audit()
	if err != nil {
		t.Fatal(err)
	}
	accepted := false
	for _, r := range records {
		accepted = accepted || r.Operation == "node/restore" && r.Fields["resurrection_accepted"] == "true" && r.Fields["tombstones_index"] == ""
	}
	if !accepted {
		t.Error("that it was accepted is not recorded")
	}
}

// Another side that holds the root key opens the backup by itself; when it is gone,
// the recovery shares do.
func TestASealThatSomebodyHoldsComesBack(t *testing.T) {
	t.Parallel()
	dir, wrap, unwrap := safe(t)
	block := execHCL([]string{wrap, "to wrap"}, []string{unwrap}, `name = "module/1"`)
	old := apitest.New(t, apitest.SealedBy(block), apitest.Shares(3, 2))
	old.Must("transit/keys/web", object{"type": "ed25519"})
	backup := writeFile(t, filepath.Join(t.TempDir(), "b.snapshot"), save(t, old))
	kept, err := os.ReadFile(filepath.Join(dir, "1"))
	must(t, err)
	revive := func(stdin string) (n *apitest.Node, code int, said string) {
		n = apitest.New(t, apitest.Uninitialized(), apitest.SealedBy(block), apitest.Shares(3, 2))
		n.Stop()
		must(t, os.RemoveAll(n.DataDir()))
		n.HandedOut("the root key as text", string(kept))
		code, _, said = n.Command(stdin, "operator", "snapshot", "restore", backup, "--config", n.ConfigFile(), "--accept-resurrection")
		return n, code, said
	}
	n, code, said := revive("")
	if code != 0 {
		t.Fatalf("%d, %s", code, said)
	}
	n.Start()
	n.AwaitUnsealed()
	if st := n.Get("sys/seal-status", ""); st.At("type") != "exec" {
		t.Errorf("%s", st)
	}
	must(t, os.Rename(filepath.Join(dir, "1"), filepath.Join(dir, "away")))
	if _, code, said := revive(""); code != 2 || !strings.Contains(said, "the seals of the configuration do not open it") || !strings.Contains(said, "module/1") {
		t.Errorf("without the other side and without shares: %d, %s", code, said)
	}
	n, code, said = revive(old.Shares()[2] + "\n" + old.Shares()[0])
	if code != 0 {
		t.Errorf("with recovery shares: %d, %s", code, said)
	}
	must(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "1")))
	n.Start()
	n.AwaitUnsealed()
}

// Who may not have the tombstones gets nothing, and a sealed node has none.
func TestTombstonesAskForTheirRight(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	for path, capability := range map[string]string{"tombstones": "read", "restored": "read"} {
		weak := n.Allow("weak-"+path, "sys/storage/raft/"+path, capability)
		wantError(t, n.Get("sys/storage/raft/"+path, weak), 403, "permission_denied")
		wantError(t, n.Get("sys/storage/raft/"+path, ""), 403, "invalid_token")
		with := n.Allow("with-"+path, "sys/storage/raft/"+path, capability, "sudo")
		wantStatus(t, n.Get("sys/storage/raft/"+path, with), 200)
	}
	weak := n.Allow("weak-enable", "sys/storage/raft/restored/enable", "update")
	wantError(t, n.Post("sys/storage/raft/restored/enable", weak, object{"name": "web"}), 403, "permission_denied")
	n.Must("transit/keys/web", object{"type": "ed25519"})
	wantError(t, n.Post("sys/storage/raft/restored/enable", n.Root(), object{"name": "web"}), 400, "bad_transition")
	wantError(t, n.Post("sys/storage/raft/restored/enable", n.Root(), object{"name": "web", "versions": 1}), 400, "bad_request")
	found := 0
	records, err := n.Audit()
	must(t, err)
	for _, r := range records {
		if r.Operation == "sys/storage/raft/tombstones" && r.Outcome == "ok" && r.Fields["index"] != "" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d records", found)
	}
	n.Stop()
	n.Start()
	wantError(t, n.Get("sys/storage/raft/tombstones", n.Root()), 503, "sealed")
}
