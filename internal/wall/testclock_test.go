//go:build signet_testclock

package wall

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A clock that is set leaves the monotonic one as it is.
func TestASetClock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	t.Setenv("SIGNET_TESTCLOCK", file)
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour, 90 * time.Second} {
		if err := os.WriteFile(file, []byte(ahead.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		now := Now()
		if got := time.Duration(now.UnixNano()-before.UnixNano()) - ahead; got.Abs() > time.Minute {
			t.Errorf("%v ahead: %v off", ahead, got)
		}
		if passed := now.Sub(before); passed < 0 || passed > time.Minute {
			t.Errorf("%v ahead: %v have passed", ahead, passed)
		}
	}
}
