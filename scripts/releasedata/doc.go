// Command releasedata makes the data directories that a release leaves behind, for
// the tests of later ones: what one version of Signet has written, every later
// version opens.
//
//	go run ./scripts/releasedata [--out DIR] BINARY
//
// BINARY is the signet binary of the release. The directory below DIR, by default
// api/apitest/testdata/releases, is named after the version that the binary tells.
// The tests of api/apitest walk all of them, so that a new release adds its own
// with this one command, and no code.
//
// It drives the binary through its API alone and knows no format. Each data
// directory comes with a manifest: shares and tokens, which are fixtures and open
// nothing else, and questions with the answers that the release itself gave to
// them just before it ended.
//
// The invariant it keeps: what is packed is what the release wrote. One thing is
// changed: pages of the raft log's file that are free, whose content nobody reads,
// become zeros, so that the file packs to a tenth.
//
// Start reading at main.go, then story.go.
package main
