//go:build !signet_testhook

package keyring

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-kms/signet/kms/state"
)

// The name is put together at run time: written out, it would itself stand in
// the binary that is searched for it.
func recordVariable() string {
	return strings.Join([]string{"SIGNET", "TEST", "KEYRING", "RECORD"}, "_")
}

func TestRecorderIsNotInOrdinaryBinaries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	t.Setenv(recordVariable(), path)
	generated(t, unsealed(t), "web", 1, state.ECDSAP256)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("keys were recorded: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range []string{recordVariable(), strings.Join([]string{"insecure", "clear", "text", "keyset"}, "")} {
		if bytes.Contains(binary, []byte(trace)) {
			t.Errorf("%s is in the binary", trace)
		}
	}
}

// The twin with the tag has its own tests, which no ordinary run would reach.
func TestRecorderWithItsTag(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package a second time")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("go is not installed")
	}
	cmd := exec.Command(tool, "test", "-count=1", "-v", "-tags", "signet_testhook", "-run", "^TestRecorder", ".")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestRecorderWritesEveryForm")) {
		t.Errorf("%v\n%s", err, out)
	}
}
