//go:build !signet_testclock

package wall

import "time"

// Build is added to the version of the program: what kind of build it is.
const Build = ""

// Now is the time by the wall clock, with a monotonic reading.
func Now() time.Time { return time.Now() }
