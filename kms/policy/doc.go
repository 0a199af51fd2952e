// Package policy decides what a caller may do. It owns the policy language
// (Vault's HCL and JSON), the names policies may have, the rules by which a path
// finds its rule, and the Caller that every domain method is given.
//
// It never does I/O, reads a clock, draws randomness or knows what lies behind a
// path: it answers from its arguments alone, so every node that holds the same
// policies gives the same answer.
//
// The invariant it keeps: nothing is allowed unless a rule says so, and no text
// is accepted whose rules would mean less than they say. What this package does
// not enforce (parameter rules, templates, wrapping limits) is refused where it
// is written, never skipped.
//
// Start reading at Parse, then Compile, then ACL.Decide; Explain says in words what
// Decide decided.
package policy
