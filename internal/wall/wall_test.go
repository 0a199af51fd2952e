//go:build !signet_testclock

package wall

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The name is put together at run time: written out, it would itself stand in the
// binary that is searched for it.
func variable() string { return strings.Join([]string{"SIGNET", "TESTCLOCK"}, "_") }

// Nobody sets the clock of an ordinary build by its environment, and no trace of the
// way to do so is in the daemon.
func TestAnOrdinaryBuildHasTheClockOfItsMachine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	if err := os.WriteFile(file, []byte("1h"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(variable(), file)
	if off := time.Until(Now()).Abs(); off > time.Minute {
		t.Errorf("the clock was set by %v", off)
	}
	if Build != "" {
		t.Errorf("an ordinary build is called %q", Build)
	}
	if testing.Short() {
		t.Skip("builds the daemon twice")
	}
	for _, tags := range []string{"", "signet_testclock"} {
		binary := filepath.Join(t.TempDir(), "signet")
		cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", tags, "-o", binary, "../../cmd/signet")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		content, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if has := bytes.Contains(content, []byte(variable())); has != (tags != "") {
			t.Errorf("tags %q: %s in the binary: %t", tags, variable(), has)
		}
		said, err := exec.Command(binary, "version").Output()
		if err != nil {
			t.Fatal(err)
		}
		if marked := bytes.Contains(said, []byte("testclock")); marked != (tags != "") {
			t.Errorf("tags %q: the version is %s", tags, said)
		}
	}
}

// The twin with the tag has its own test, which no ordinary run would reach.
func TestTheClockOfATestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package a second time")
	}
	out, err := exec.Command("go", "test", "-count=1", "-v", "-tags", "signet_testclock", "-run", "^TestASetClock$", ".").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestASetClock")) {
		t.Errorf("%v\n%s", err, out)
	}
}
