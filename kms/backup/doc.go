// Package backup owns the file format of backups: a gzip-compressed tar archive
// that holds one sealed state, what a node needs to open it, and a list of
// checksums that the barrier has sealed. It owns the format of tombstones files too:
// lines of text about what a restore must not bring back, and the barrier's seal on
// them.
//
// It holds no key, opens nothing that is sealed, and knows no command and no
// record of the state: those come and go as bytes.
//
// The invariant it keeps: what Reader accepts to the end is, file by file, what
// Write was given, and there is one order and one set of files. Whether the seal
// on the checksums is good only a node with the barrier can say.
//
// Start reading at Meta, and at TombstonesContent.
package backup
