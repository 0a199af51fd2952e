package kms

import (
	"errors"
	"testing"

	"github.com/signet-kms/signet/kms/policy"
)

// A write whose outcome no log will ever have ends as the log has it: begun, and nobody
// knows. It is no success with a warning that the record follows.
func TestAWriteWhoseOutcomeIsLost(t *testing.T) {
	n := newNode(t)
	c := n.rootCall("transit/keys/web")
	a, err := n.admit(c, verb{operation: "transit/keys/create", need: policy.Create})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Intent("p1"); err != nil {
		t.Fatal(err)
	}
	if err := n.audit.Close(); err != nil {
		t.Fatal(err)
	}
	err = n.close(a, nil)
	if Code(err) != "outcome_unknown" {
		t.Fatalf("the record is lost: %v", err)
	}
	if err := c.unrecorded("the change", err); !errors.Is(err, ErrOutcomeUnknown) || len(c.Warnings) != 0 {
		t.Errorf("the answer: %v, warnings %q", err, c.Warnings)
	}
	if err := c.unrecorded("the change", ErrAuditUnavailable); err != nil || len(c.Warnings) != 1 {
		t.Errorf("a record that comes late: %v, warnings %q", err, c.Warnings)
	}
}
