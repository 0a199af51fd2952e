// Package keyring owns the clear transit keys: it makes them, opens their sealed
// halves and uses them. It is the only room of the module that ever holds one.
//
// It never returns, prints, compares or marshals a private key, and it never
// decides who may use one: every operation spends a pass. It does not count
// encryptions, know which versions are in use, or write anything down.
//
// The invariant it keeps: a private half works only as the version it was made
// for. Its sealed bytes are bound to mount, name and number, and what opens must
// be of the record's type and yield the record's public half, or nothing is
// signed or decrypted with it. After Seal no operation begins.
//
// Start reading at Keyring.Open, then Use.Sign, then openSecret.
package keyring
