// Package offline owns the commands that need no server: they look at what is
// handed to them, on any machine.
//
// It opens no connection, reads no token and no configuration, and holds no key.
// What it says of a token is therefore never that the token is good.
//
// The invariant it keeps: it reads by the rules of the server's own packages, so
// that what it calls well-formed the server can read, and what it finds fault with
// the server refuses.
//
// Start reading at DecodeJWT in jwt.go.
package offline
