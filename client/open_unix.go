//go:build unix

package client

import "syscall"

// openFlags keep the opening of a token file from blocking on a planted FIFO.
const openFlags = syscall.O_NONBLOCK | syscall.O_CLOEXEC
