package kms

import "testing"

// A node whose state went back, as by the snapshot of another survivor, serves nothing
// under the lease of before, and tells the leader anew how far it is.
func TestAStateThatWentBackEndsTheLease(t *testing.T) {
	n := newNode(t)
	old := n.view.Load().State
	n.key("web", "ed25519")
	newest := n.view.Load().State
	n.publish(newest)
	if err := n.mayServe(n.view.Load()); err != nil {
		t.Fatal(err)
	}
	n.publish(old)
	if n.mayServe(n.view.Load()) == nil {
		t.Error("it serves an older state under the lease of before")
	}
	n.publish(newest)
}
