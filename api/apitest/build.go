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
	plainBinary  = sync.OnceValues(func() (string, error) { return build("") })
	hookedBinary = sync.OnceValues(func() (string, error) { return build("signet_testhook") })
)

// Binary returns a path from which this process and its children can execute
// the daemon. The path dies with the process.
func Binary(t testing.TB) string {
	t.Helper()
	return must(t, plainBinary)
}

func must(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// build compiles cmd/signet and takes its name away at once: it is executed
// through the descriptor, so nothing stays behind however the tests end.
func build(tags string) (string, error) {
	dir, err := os.MkdirTemp("", "signet-apitest-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's temporary directory
	name := filepath.Join(dir, "signet")
	args := []string{"build", "-buildvcs=false", "-o", name, "-tags", tags}
	env := "CGO_ENABLED=0"
	if os.Getenv(raceVariable) == "1" {
		args, env = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "github.com/signet-kms/signet/cmd/signet")...)
	cmd.Env = append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	file, err := os.Open(name) // never closed: it is the binary from now on
	if err != nil {
		return "", err
	}
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(file.Fd())), nil
}
