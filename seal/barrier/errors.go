package barrier

import "errors"

var (
	// ErrOpen: the bytes are not what this barrier sealed under this name. They
	// were altered, cut, or moved here from another place or cluster. Which of
	// these it was cannot be told, and telling would help an attacker.
	ErrOpen = errors.New("barrier: sealed bytes do not open: they were altered, or they belong to another place or cluster")

	// ErrUnknownTerm: the bytes name a term that the term store does not hold.
	ErrUnknownTerm = errors.New("barrier: sealed under a term that this cluster does not know: they come from a newer term store or from another cluster")

	// ErrWiped: the keys are gone, the node is sealed.
	ErrWiped = errors.New("barrier: the keys are wiped: unseal the node first")

	// ErrFormat: the bytes are no sealed bytes of a layout this release knows.
	ErrFormat = errors.New("barrier: not sealed bytes of a known layout: they are cut short, foreign, or written by a newer release")

	// ErrMAC: the authentication code does not belong to this message and purpose.
	ErrMAC = errors.New("barrier: authentication code does not match: the message or its code was altered")

	// ErrUnnamed: the caller did not say what the bytes are, or what a subkey is for.
	ErrUnnamed = errors.New("barrier: a sealed name needs a kind, and a subkey needs a purpose")

	// ErrClusterID: New was called without a cluster id.
	ErrClusterID = errors.New("barrier: a cluster id is needed: it binds sealed bytes to the cluster")

	// ErrKeyLength: a wrapping key is not 32 bytes, or is all zero.
	ErrKeyLength = errors.New("barrier: a wrapping key must be 32 bytes and not all zero")

	// ErrTerms: a term store is empty, or a wrapped one does not have canonical form.
	ErrTerms = errors.New("barrier: not a usable term store: it is empty, damaged or written by a newer release")

	// ErrExtension: a later term store lacks a term of the earlier one, has
	// another key under its number, or skips a number.
	ErrExtension = errors.New("barrier: the term store does not continue the one in use: a term is missing, exchanged or skipped")

	// ErrStreamClosed: a write to a sealed stream after its Close.
	ErrStreamClosed = errors.New("barrier: write to a sealed stream after close")
)
