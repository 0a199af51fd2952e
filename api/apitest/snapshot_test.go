package apitest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client/wire"
)

// save takes a backup with the SDK, which checks that it is whole.
func save(t *testing.T, n *apitest.Node) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := n.Client(n.Root()).Raft().Snapshot(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func verify(n *apitest.Node, raw []byte) apitest.Reply {
	return n.Post("sys/storage/raft/snapshot-verify", n.Root(), raw)
}

func TestASnapshotIsSavedAndVerified(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	n.Must("transit/keys/web/rotate", nil)
	raw := save(t, n)
	report, err := n.Client(n.Root()).Raft().VerifySnapshot(t.Context(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if report.Keys != 1 || report.Versions != 2 || report.Tokens != 1 || report.Threshold != 1 || !report.SameShares || report.ClusterID == "" || report.Index == 0 {
		t.Errorf("the report is %+v", report)
	}
	// Who may do it is asked before a byte is read or sent.
	n.Must("sys/policies/acl/backup", object{"policy": `
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
path "sys/storage/raft/snapshot-verify" { capabilities = ["update"] }`})
	without := n.NewToken("backup")
	wantError(t, n.Get("sys/storage/raft/snapshot", without), 403, "permission_denied")
	wantError(t, n.Post("sys/storage/raft/snapshot-verify", without, raw), 403, "permission_denied")
	wantError(t, n.Get("sys/storage/raft/snapshot", ""), 403, "invalid_token")
	n.Must("sys/policies/acl/backup", object{"policy": `path "sys/storage/raft/snapshot" { capabilities = ["read", "sudo"] }`})
	with := n.NewToken("backup")
	r := wantStatus(t, n.Get("sys/storage/raft/snapshot", with), 200)
	if r.Header.Get("Content-Type") != "application/gzip" || !strings.Contains(r.Header.Get("Content-Disposition"), ".snapshot") {
		t.Errorf("the headers are %v", r.Header)
	}
}

// A backup that was damaged anywhere is refused by the node that could open it.
func TestADamagedSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("transit/keys/web", object{"type": "ed25519"})
	raw := save(t, n)
	wantStatus(t, verify(n, raw), 200)
	for i := 0; i < len(raw); i += max(1, len(raw)/97) {
		bad := bytes.Clone(raw)
		bad[i] ^= 0x55
		if r := verify(n, bad); r.Status != 400 || r.Code() != "bad_snapshot" {
			t.Errorf("byte %d of %d is another: %s", i, len(raw), r)
		}
	}
	for _, cut := range []int{0, 1, 10, 600, len(raw) / 2, len(raw) - 9, len(raw) - 1} {
		if r := verify(n, raw[:cut]); r.Status != 400 || r.Code() != "bad_snapshot" {
			t.Errorf("cut to %d of %d bytes: %s", cut, len(raw), r)
		}
	}
	wantError(t, verify(n, append(bytes.Clone(raw), 0)), 400, "bad_snapshot")
	wantError(t, n.Post("sys/storage/raft/snapshot-verify", n.Root(), object{"a": 1}), 400, "bad_snapshot")
}

func TestASnapshotOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	n, other := apitest.New(t), apitest.New(t)
	r := verify(n, save(t, other))
	wantError(t, r, 400, "bad_snapshot")
	if !strings.Contains(r.Errors(), "of the cluster") {
		t.Errorf("it does not say why: %s", r)
	}
}

// Terms of before stay openable, and a later term than a node has does not come.
func TestASnapshotOutlivesARotationOfTheBarrier(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	before := save(t, n)
	n.Must("sys/rotate", nil)
	after := save(t, n)
	for i, raw := range [][]byte{before, after} {
		r := wantStatus(t, verify(n, raw), 200)
		if got := r.At("data", "term"); got == nil || got.(interface{ String() string }).String() != []string{"1", "2"}[i] {
			t.Errorf("the term is %v", got)
		}
	}
	n.Stop()
	n.Start()
	n.Unseal()
	wantStatus(t, verify(n, before), 200)
}

// Nothing secret stands in a backup in clear, and it leaves after its record.
func TestASnapshotIsSealedAndRecorded(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Must("sys/policies/acl/marked-policy", object{"policy": `path "marked-path" { capabilities = ["read"] }`})
	raw := save(t, n)
	for _, text := range []string{"marked", n.Root(), n.Shares()[0]} {
		if bytes.Contains(raw, []byte(text)) {
			t.Errorf("%q stands in it in clear", text)
		}
	}
	found := false
	records, err := n.Audit()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		found = found || r.Operation == "sys/storage/raft/snapshot" && r.Outcome == "ok" && r.Fields["index"] != ""
	}
	if !found {
		t.Error("no record of it")
	}
}

// Every node of a cluster gives backups that have all that was acknowledged before.
func TestEveryNodeGivesSnapshots(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	for i, n := range c.Followers() {
		c.Leader().Must("transit/keys/k"+n.ID(), object{"type": "ed25519"})
		raw := save(t, n)
		for _, other := range c.Nodes {
			var report wire.SnapshotReport
			report, err := other.Client(c.Nodes[0].Root()).Raft().VerifySnapshot(t.Context(), bytes.NewReader(raw))
			if err != nil || report.Keys != i+1 || report.Node != n.ID() {
				t.Errorf("verified by %s: %+v, %v", other.ID(), report, err)
			}
		}
	}
}

func TestASealedNodeGivesNoSnapshot(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	raw := save(t, n)
	wantStatus(t, n.Do(http.MethodPut, "sys/seal", n.Root(), nil), 204)
	wantError(t, n.Get("sys/storage/raft/snapshot", n.Root()), 503, "sealed")
	wantError(t, verify(n, raw), 503, "sealed")
}
