//go:build !unix

package client

// openFlags are needed on unix only.
const openFlags = 0
