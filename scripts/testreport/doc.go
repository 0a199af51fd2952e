// Command testreport reads what "go test -json" writes and prints what "go test"
// would print, and after it every skipped test with its reason.
//
//	go test -json ./... | testreport [-no-skips]
//
// It owns the presentation alone. It never runs a test and never hides output of
// a failed one.
//
// The invariant: it ends with 0 only if the stream says of at least one package
// that it passed, of none that it failed, and leaves none without an end. With
// -no-skips a skipped test is a failure too, unless its reason names a SIGNET_
// variable: such a test waits to be asked for, and lacks nothing.
//
// Start reading at main.go, then report.go.
package main
