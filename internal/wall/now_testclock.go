//go:build signet_testclock

package wall

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"
)

// Build is added to the version of the program: nobody takes it for a release.
const Build = "+testclock"

// Now is the time by a wall clock that is as far ahead as the file says. It panics when
// the file cannot be read: a test that set no clock must not pass.
func Now() time.Time {
	now := time.Now()
	file := os.Getenv("SIGNET_TESTCLOCK")
	if file == "" {
		return now
	}
	content, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	ahead, err := time.ParseDuration(strings.TrimSpace(string(content)))
	if err != nil {
		panic(err)
	}
	return set(now, ahead.Truncate(time.Second))
}

// set moves the wall reading of t and leaves its monotonic one, which package time has
// no way for. A time with both has its seconds since 1885 in bits 30 to 62 of the
// first word; what comes out is checked.
func set(t time.Time, ahead time.Duration) time.Time {
	moved := t
	*(*uint64)(unsafe.Pointer(&moved)) += uint64(int64(ahead/time.Second) << 30)
	if moved.UnixNano()-t.UnixNano() != int64(ahead) || moved.Sub(t) != 0 {
		panic(fmt.Sprintf("wall: package time keeps its times in another way than this one knows: %v ahead gives %v", ahead, moved.UnixNano()-t.UnixNano()))
	}
	return moved
}
