// Package wrap owns the other sides that hold a root key: Transit, the transit
// engine of another Signet, Vault or OpenBao, and Exec, a command. Both are
// seal.Wrappers.
//
// It never judges what it unwraps: package seal does, against the seal record. It
// keeps no root key and writes none anywhere, it never logs, and it gives the
// token of the other side to nothing but the header of a request to that side.
//
// The invariant it keeps: no error holds a part of a root key or of a token, or any
// text of the other side that could. What a command says on stderr is the one
// exception, and leaves through Failure.Detail alone, with everything taken out
// that could be a piece of a key.
//
// Start reading at Transit.Wrap, then Exec.run and readable.
package wrap
