// Package faultrun does harm to real clusters while clients work, and checks what the
// clients saw against what may be: it has no code but its tests. scripts/faults runs
// the whole table of faults; go test runs a short form of it.
//
// A row starts three daemons (api/apitest), lets clients write, read, sign, verify and
// revoke through all of them, does one kind of harm, heals it, waits until every node
// serves, and looks for violations:
//
//   - each key is a register of {version, min_decryption_version}; its creations,
//     rotations and configurations, with what they answered, must be linearizable
//     (porcupine), whoever made them through whichever node;
//   - a read on any node shows no version and no minimum that was overwritten before
//     the read began (these commands are of the barrier class), and nothing that
//     nobody wrote;
//   - a token or jti whose revocation has returned is accepted by no node afterwards,
//     and one that is alive is refused by none;
//   - what one node signed every node verifies;
//   - what was acknowledged is there at the end, on every node, with the same digest
//     of the state at the same index;
//   - each acknowledged write has its intent and its outcome in the audit log of the
//     node that answered, and every audit log is whole.
//
// Writes carry Idempotency-Keys and are repeated on other nodes until one says how
// they ended, as a client should do.
package faultrun
