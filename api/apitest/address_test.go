package apitest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// A node that comes back under another address of its cluster port finds its way
// back, though the leader looks for it under the old one; the leader of before too.
func TestAnAddressChanges(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	for _, n := range []*apitest.Node{c.Followers()[0], c.Leader()} {
		n.Kill()
		text, err := os.ReadFile(n.ConfigFile())
		must(t, err)
		moved := "https://" + freeAddress(t)
		must(t, os.WriteFile(n.ConfigFile(), regexp.MustCompile(`(?m)^cluster_addr.*$`).ReplaceAll(text, []byte(`cluster_addr = "`+moved+`"`)), 0o600))
		n.Start()
		c.Unseal(n)
		c.Eventually("the cluster knows its address, and it serves", func() bool {
			return n.Get("sys/health?standbyok=true", "").Status == 200 && strings.Contains(string(n.Get("sys/storage/raft/configuration", n.Root()).Body), strings.TrimPrefix(moved, "https://"))
		})
		c.Settle()
		n.Must("transit/keys/from-"+n.ID(), object{"type": "ed25519"})
	}
}

// A voter is put back to an older copy of its data, so a majority forgets a write
// that was acknowledged. The node that has it does not go on as if nothing were.
func TestAnOlderCopyOfAVoterIsNoticed(t *testing.T) {
	t.Parallel()
	c := apitest.NewCluster(t, 3)
	keeps, old, absent := c.Leader(), c.Followers()[0], c.Followers()[1]
	keeps.Must("transit/keys/before", object{"type": "ed25519"})
	c.Settle()
	old.Stop()
	older := filepath.Join(t.TempDir(), "copy")
	must(t, exec.Command("cp", "-a", old.DataDir(), older).Run())
	old.Start()
	c.Unseal(old)
	c.Settle()
	absent.Kill()
	keeps.Must("transit/keys/lost", object{"type": "ed25519"})
	keeps.Stop()
	old.Stop()
	must(t, os.RemoveAll(filepath.Join(old.DataDir(), "raft")))
	must(t, os.Rename(filepath.Join(older, "raft"), filepath.Join(old.DataDir(), "raft")))
	old.Start()
	absent.Start()
	c.Unseal(old)
	c.Unseal(absent)
	c.Eventually("the two are a majority", func() bool { return absent.Get("sys/health?standbyok=true", "").Status == 200 })
	for range 3 { // as many as the write that they forgot, and more
		absent.Must("transit/keys/instead", object{"type": "ed25519"})
		wantStatus(t, absent.Post("transit/keys/instead/rotate", absent.Root(), nil), 200)
	}

	keeps.Start()
	const says = "the log of the cluster contradicts what this node has applied"
	if code := keeps.Exit(); code != 1 || !strings.Contains(keeps.Log(), says) {
		t.Errorf("it does not stop, or does not say why: %d, %s", code, keeps.Log())
	}
	keeps.Start()
	if code := keeps.Exit(); code != 1 {
		t.Errorf("started again: %d, %s", code, keeps.Log())
	}
}
