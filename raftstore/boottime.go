package raftstore

import (
	"golang.org/x/sys/unix"

	"github.com/signet-kms/signet/raftstore/lease"
)

// bootTime reads CLOCK_BOOTTIME, which goes on while the machine is suspended; the
// monotonic readings of Go's clock do not. It cannot fail on a kernel that Go runs
// on.
func bootTime() lease.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0 // before every lease: nothing is served
	}
	return lease.Instant(ts.Nano())
}
