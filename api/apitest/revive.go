package apitest

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
)

// Command runs the binary with arguments and stdin, and returns its exit status and
// what it printed on each of the two ways out.
func (n *Node) Command(stdin string, args ...string) (code int, stdout, stderr string) {
	n.t.Helper()
	cmd := exec.Command(Binary(n.t), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	_ = cmd.Run() // the code tells
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// Revive restores a backup into the empty data directory of n, with the shares of
// from, starts it, unseals it, and returns the cluster that it is the first node of.
// more are flags of the command.
func (n *Node) Revive(from *Node, backup string, more ...string) *Cluster {
	n.t.Helper()
	n.adoptSecrets(from)
	args := append([]string{"operator", "snapshot", "restore", backup, "--config", n.ConfigFile(), "-o", "json"}, more...)
	code, out, err := n.Command(strings.Join(n.keys, "\n"), args...)
	var done struct {
		Cluster struct {
			RootToken string `json:"root_token"`
		} `json:"cluster"`
	}
	if code != 0 || json.Unmarshal([]byte(out), &done) != nil || done.Cluster.RootToken == "" {
		n.t.Fatalf("restore: %d, %s%s", code, out, err)
	}
	n.root = done.Cluster.RootToken
	n.HandedOut("the root token", n.root)
	c := &Cluster{t: n.t, Nodes: []*Node{n}}
	n.Start()
	c.Unseal(n)
	c.Settle()
	return c
}
