package apitest

import (
	"fmt"
	"os"
	"testing"
)

// Left is what an earlier node has left behind: directories that the harness did
// not see grow, perhaps of another release.
type Left struct {
	DataDir, AuditDir string
	RootToken         string
	Shares            []string // hex; as many as open the node
	Killed            []bool   // one a process that opened the audit log → it was killed
}

// Adopt makes a node of what another one left, starts it and leaves it sealed. It
// is checked at the end of the test like every other: the whole audit log, the
// part of the earlier node too, and the secrets that it handed out.
func Adopt(t testing.TB, left Left) *Node {
	t.Helper()
	n := newNode(t, []Option{DataDir(left.DataDir), AuditDir(left.AuditDir), Shares(len(left.Shares), len(left.Shares))})
	n.root, n.keys, n.lives = left.RootToken, left.Shares, append([]bool(nil), left.Killed...)
	n.HandedOut("the root token", n.root)
	for i, share := range left.Shares {
		n.HandedOut(fmt.Sprintf("share %d", i+1), share)
	}
	if err := os.WriteFile(n.configFile(), []byte(n.o.hcl()), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Start()
	return n
}
