package apitest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// recoverNode runs the command on a node's files, with what the operator types.
func recoverNode(t *testing.T, n *apitest.Node, typed string, more ...string) (code int, out string) {
	t.Helper()
	args := append([]string{"operator", "recover", "--config", n.ConfigFile()}, more...)
	cmd := exec.Command(apitest.Binary(t), args...)
	cmd.Stdin = strings.NewReader(typed)
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	_ = cmd.Run() // the code tells
	return cmd.ProcessState.ExitCode(), buf.String()
}

// withoutPort starts a member without its cluster_addr: nothing of it is damaged, and
// nothing is said to be.
func withoutPort(t *testing.T, n *apitest.Node) {
	t.Helper()
	text, err := os.ReadFile(n.ConfigFile())
	must(t, err)
	config := filepath.Join(t.TempDir(), "signet.hcl")
	must(t, os.WriteFile(config, regexp.MustCompile(`(?m)^cluster_addr.*$`).ReplaceAll(text, nil), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, _ := exec.CommandContext(ctx, apitest.Binary(t), "server", "--config", config).CombinedOutput()
	if !strings.Contains(string(out), "cluster_addr: this node is one of a cluster and was started without its cluster port") {
		t.Errorf("a member without its port: %s", out)
	}
}

// A majority is lost for good; the survivor goes on with all that it acknowledged,
// takes new members, and refuses the lost ones when they come back.
func TestASurvivorRecoversTheCluster(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	survivor, lost := c.Followers()[0], []*apitest.Node{}
	survivor.Must("transit/keys/web", object{"type": "ed25519"})
	signed := wantStatus(t, survivor.Post("transit/sign/web", survivor.Root(), object{"input": "aGk="}), 200).Text("data", "signature")
	for _, n := range c.Nodes {
		if n != survivor {
			lost = append(lost, n)
		}
	}
	if code, out := recoverNode(t, survivor, lost[0].ID()+"\n"); code != 1 || !strings.Contains(out, "still runs") {
		t.Errorf("on a node that runs: %d, %s", code, out)
	}
	for _, n := range lost {
		n.Kill()
	}
	c.Eventually("the survivor says what it needs, and what can be done without it", func() bool {
		why := survivor.Get("sys/health", "").String()
		return strings.Contains(why, "2 of its 3 voters have to run") && strings.Contains(why, "operator recover")
	})
	survivor.Kill()
	withoutPort(t, survivor)

	code, out := recoverNode(t, survivor, "", "--preview", "-o", "json")
	if code != 0 || !strings.Contains(out, `"cluster_epoch": 1`) || !strings.Contains(out, `"changed": false`) || strings.Count(out, `"voter": true`) != 3 {
		t.Errorf("the preview: %d, %s", code, out)
	}
	for typed, want := range map[string]string{
		"\n":                       "no node was given up",
		lost[0].ID() + "\n":        "a majority of the voters is not given up",
		"nobody\n":                 "no such node",
		survivor.ID() + "\n":       "is this one",
		lost[0].ID() + " nobody\n": "no such node",
		lost[0].ID() + "\nn8,n9":   `no such node in the cluster: "n8", "n9" (they are n`,
	} {
		if code, out := recoverNode(t, survivor, typed); code != 1 || !strings.Contains(out, want) || !strings.Contains(out, "nothing was changed") {
			t.Errorf("typed %q: %d, %s", typed, code, out)
		}
	}
	code, out = recoverNode(t, survivor, lost[0].ID()+"\n"+lost[1].ID()+"\n")
	if code != 0 || !strings.Contains(out, "cluster epoch  2") || !strings.Contains(out, "wipe the data of") {
		t.Fatalf("recover: %d, %s", code, out)
	}
	survivor.LoggedBesides()
	if code, out := recoverNode(t, survivor, lost[0].ID()+"\n"); code != 1 || !strings.Contains(out, "a majority of the voters is not given up") {
		t.Errorf("once more: %d, %s", code, out)
	}

	survivor.Start()
	c.Unseal(survivor)
	c.Eventually("the survivor serves", func() bool { return survivor.Get("sys/health", "").Status == 200 })
	if r := wantStatus(t, survivor.Post("transit/verify/web", survivor.Root(), object{"input": "aGk=", "signature": signed}), 200); r.At("data", "valid") != true {
		t.Errorf("what was acknowledged is lost: %s", r)
	}
	survivor.Must("transit/keys/after", object{"type": "ed25519"})

	// The lost come back with their data: they are a minority of one epoch, and this
	// one does not listen to them.
	for _, n := range lost {
		n.Start()
	}
	time.Sleep(2 * time.Second) // elections of theirs would show
	if survivor.Get("sys/health", "").Status != 200 {
		t.Error("those who were given up disturb the survivor")
	}
	if r := survivor.Get("sys/storage/raft/configuration", survivor.Root()); strings.Contains(string(r.Body), lost[0].ID()) {
		t.Errorf("those who were given up are members still: %s", r)
	}
	for _, n := range lost {
		n.Stop()
	}

	// Somebody new is welcome, in the new epoch.
	fresh := c.Add("fresh")
	c.Join(fresh, false)
	c.Eventually("the new node serves", func() bool { return fresh.Get("sys/health?standbyok=true", "").Status == 200 })
	wantStatus(t, fresh.Post("transit/sign/after", survivor.Root(), object{"input": "aGk="}), 200)
	if report := wantStatus(t, verify(fresh, save(t, survivor)), 200); report.At("data", "cluster_epoch").(interface{ String() string }).String() != "2" {
		t.Errorf("the backup is of another epoch: %s", report)
	}
}

func TestAnEmptyDirectoryIsNotRecovered(t *testing.T) {
	t.Parallel()
	n := apitest.New(t, apitest.Uninitialized())
	n.Stop()
	if code, out := recoverNode(t, n, "a\n"); code != 1 || !strings.Contains(out, "holds no cluster state") {
		t.Errorf("%d, %s", code, out)
	}
	if left, err := filepath.Glob(filepath.Join(n.DataDir(), "raft", "snapshots", "*")); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// Of five nodes three are lost for good, and two are left, one of which has more of
// the log. Recovered on both, with the same ids, they are the cluster, and what the
// one with the longer log had is not lost. On one alone it needs the other's vote; so
// it is recovered with the other one given up, which is then refused until it is
// wiped.
func TestTwoSurvivorsRecoverTheCluster(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 5)
	behind := c.Followers()[0]
	behind.Must("transit/keys/web", object{"type": "ed25519"})
	behind.Kill() // what comes now it never sees
	root := behind.Root()
	leader := c.Leader()
	leader.Must("transit/keys/late", object{"type": "ed25519"})
	ahead := c.Followers()[0]
	c.Eventually("the other survivor has it", func() bool { return ahead.Get("transit/keys/late", root).Status == 200 })
	ids := ""
	for _, n := range c.Nodes {
		if n == behind {
			continue
		}
		n.Kill()
		if n != ahead {
			ids += n.ID() + " "
		}
	}
	indexOf := func(n *apitest.Node) (index float64) {
		code, out := recoverNode(t, n, "", "--preview", "-o", "json")
		var found struct {
			LastIndex float64 `json:"last_index"`
		}
		if err := json.Unmarshal([]byte(out), &found); code != 0 || err != nil {
			t.Fatalf("preview: %d, %s", code, out)
		}
		return found.LastIndex
	}
	if indexOf(behind) >= indexOf(ahead) {
		t.Fatalf("the logs are of one length: %v and %v", indexOf(behind), indexOf(ahead))
	}
	for _, n := range []*apitest.Node{behind, ahead} {
		if code, out := recoverNode(t, n, ids+"\n"); code != 0 {
			t.Fatalf("recover on %s: %d, %s", n.ID(), code, out)
		}
		n.LoggedBesides()
		n.Start()
		c.Unseal(n)
	}
	c.Nodes = []*apitest.Node{ahead, behind}
	c.Settle()
	for _, n := range c.Nodes {
		for _, key := range []string{"web", "late"} {
			if r := n.Get("transit/keys/"+key, root); r.Status != 200 {
				t.Errorf("%s has no %s: %s", n.ID(), key, r)
			}
		}
	}
	c.Leader().Must("transit/keys/after", object{"type": "ed25519"})

	// Only the one with the longer log goes on; the other is given up too, and wiped.
	for _, n := range c.Nodes {
		n.Kill()
	}
	if code, out := recoverNode(t, ahead, behind.ID()+"\n"); code != 0 || !strings.Contains(out, "cluster epoch  3") {
		t.Fatalf("recover alone: %d, %s", code, out)
	}
	ahead.LoggedBesides()
	ahead.Start()
	c.Unseal(ahead)
	c.Nodes = []*apitest.Node{ahead}
	c.Settle()
	behind.Start()
	c.Unseal(behind)
	time.Sleep(2 * time.Second) // elections of its own would show
	if behind.Get("sys/health?standbyok=true", "").Status == 200 || ahead.Get("sys/health", "").Status != 200 {
		t.Error("the one that was given up serves, or disturbs the other")
	}
	behind.Stop()
	if err := os.RemoveAll(filepath.Join(behind.DataDir(), "raft")); err != nil {
		t.Fatal(err)
	}
	c.Join(behind, false)
	c.Nodes = []*apitest.Node{ahead, behind}
	c.Settle()
	if r := behind.Get("transit/keys/after", root); r.Status != 200 {
		t.Errorf("after it joined anew: %s", r)
	}
}
