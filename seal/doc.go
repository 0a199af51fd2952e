// Package seal owns the seal record, the shares and the unseal ceremony: it
// makes a cluster's root key and term store once, gives the root key away in n
// shares, and gives an Opened back to whoever brings k of them: the Barrier, and
// the way to its next terms. A Wrapper may hold the root key beside the shares: what
// it made of it lies in the record too.
//
// It never stores, sends or logs anything, and never learns who submits a share:
// raft, HTTP, policy and audit are the callers'. The root key stays in
// one place, Opened, until its Wipe, and no method gives it out but Wrap, to the
// Wrappers that it is given.
//
// The invariant it keeps: a share counts as progress only when it is proved to
// be one of this cluster's shares of this generation, not submitted before. Any
// other text is named for what is wrong with it, at once, and changes nothing.
// k right shares open the record that they were made with, and the records that
// continue it by further terms, and no other: every field is bound to the wrapped
// term store.
//
// Start reading at Create, then Unsealing.Submit, Record.verify, Opened.NextTerm;
// for wrappings at Opened.Wrap and Record.Unwrap.
package seal
