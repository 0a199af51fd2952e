// Package archtest holds the plan of the house as a test: which packages there
// are, which may import which, and what may be done in which of them. The plan
// is a table, and the drawing in ARCHITECTURE.md is made from it.
//
// It never runs in the daemon, never resolves types and never looks at the code
// of other modules: it reads the syntax of this module's files, all of them,
// whatever their build tags.
//
// The invariant it keeps: the plan and the code agree in both directions. Code
// that the plan does not draw fails, and so does a line of the plan that no code
// needs any more; what is drawn ahead of the code says planned and fails on the
// day it is built, until the word is removed.
//
// Start reading at Signet, the table; then Check. Run it with
//
//	go test ./scripts/archtest           # does the code follow the plan
//	go test ./scripts/archtest -update   # and draw the plan in ARCHITECTURE.md
package archtest
