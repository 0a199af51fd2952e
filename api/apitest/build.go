package apitest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// raceVariable asks for a daemon with the race detector, when it is "1".
const raceVariable = "SIGNET_TEST_RACE"

// The daemon's binaries, each built at most once a test process: it takes seconds,
// and every test wants one.
var (
	plainBinary  = sync.OnceValues(func() (*os.File, error) { return build("") })
	hookedBinary = sync.OnceValues(func() (*os.File, error) { return build("signet_testhook") })
	clockBinary  = sync.OnceValues(func() (*os.File, error) { return build("signet_testclock") })
)

const daemon = "github.com/signet-kms/signet/cmd/signet"

// Binary returns a path from which this process and its children can execute
// the daemon. The path dies with the process.
func Binary(t testing.TB) string {
	t.Helper()
	return executable(t, plainBinary)
}

func executable(t testing.TB, binary func() (*os.File, error)) string {
	t.Helper()
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(file.Fd()))
}

// build compiles cmd/signet and takes its name away at once: it is executed
// through the open file, so nothing stays behind however the tests end.
func build(tags string) (*os.File, error) {
	dir, err := os.MkdirTemp("", "signet-apitest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's temporary directory
	name := filepath.Join(dir, "signet")
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", name, "-tags", tags} // no debug information: it links in half the time
	env := "CGO_ENABLED=0"
	if os.Getenv(raceVariable) == "1" {
		args, env = append(args, "-race"), "CGO_ENABLED=1"
	}
	if err := noteSources(); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", append(args, daemon)...)
	cmd.Env = append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return os.Open(name)
}

// noteSources looks at every source of the daemon. go test keeps a result for as
// long as what the test looked at stays the same, and what a child process reads
// does not count: without this a daemon that was changed since would seem tested.
func noteSources() error {
	const files = `{{if and .Module .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}`
	list := exec.Command("go", "list", "-deps", "-tags", "signet_testhook,signet_testclock", "-f", files, daemon)
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(list.Args, " "), err)
	}
	for file := range strings.FieldsFuncSeq(string(out), func(r rune) bool { return r == '\n' }) {
		if _, err := os.Stat(file); err != nil {
			return err
		}
	}
	return nil
}
