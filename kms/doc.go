// Package kms owns the domain: every verb of Signet once, as a method of
// Service, in terms of keys, tokens and policies.
//
// It never speaks HTTP and never touches a clear private key: transports stand
// in front of it (package api), clear keys live behind it (kms/internal/keyring).
//
// The invariant it keeps: no verb has an effect, and no result leaves, unless
// policy allowed it and its audit record is durable; and whatever the caller is
// told to be done is done, committed and durable. What is not known is said to
// be not known (ErrOutcomeUnknown).
//
// Each unsealed node of a cluster serves by itself, under a lease, and has the leader
// commit what it decided to write (cluster_forward.go). What it does not know it may
// not deny: see Doubted.
//
// Start reading at Service, then at Service.act and Service.write in act.go,
// through which every verb passes, then at Sign.
package kms
