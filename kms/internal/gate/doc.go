// Package gate owns the one decision that everything passes: policy and audit in
// one act, which yields the right to proceed.
//
// It never does what it admits, and it never admits anything that it could not
// record.
//
// The invariant it keeps: a Pass exists only if policy allowed the request, and
// an answer is released only after Admission.Close or Admission.Intent has made
// the record durable. A refusal is recorded like everything else.
//
// Start reading at Gate.Admit.
package gate
