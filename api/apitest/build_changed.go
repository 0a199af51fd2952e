package apitest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Edit replaces one text in a source file of the module, which must stand in it once.
type Edit struct{ File, Old, New string }

// Release is a daemon built from sources that differ from those here, as another release
// does. The sources stay as they are.
type Release struct{ binary func() (*os.File, error) }

// Changed is the release with edits in it. It is built when it is first asked for.
func Changed(edits ...Edit) *Release {
	return &Release{sync.OnceValues(func() (*os.File, error) { return buildChanged(edits) })}
}

// Path is a path of the binary, as Binary's.
func (r *Release) Path(t testing.TB) string {
	t.Helper()
	return executable(t, r.binary)
}

func buildChanged(edits []Edit) (*os.File, error) {
	if err := noteSources(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "signet-apitest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's temporary directory
	overlay, err := overlayOf(dir, edits)
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "signet")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, daemon)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return os.Open(binary)
}

// overlayOf writes the edited sources into dir, with the file that go build reads about
// them.
func overlayOf(dir string, edits []Edit) (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", err
	}
	sources := map[string]string{} // path → content
	for _, e := range edits {
		path := filepath.Join(strings.TrimSpace(string(root)), e.File)
		if _, seen := sources[path]; !seen {
			b, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			sources[path] = string(b)
		}
		if n := strings.Count(sources[path], e.Old); n != 1 {
			return "", fmt.Errorf("%s has %d times %q", e.File, n, e.Old)
		}
		sources[path] = strings.Replace(sources[path], e.Old, e.New, 1)
	}
	replace := map[string]string{}
	for path, content := range sources {
		replace[path] = filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(replace[path], []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}

// RunWith has the later processes of a node run another binary; "" is the daemon of
// these sources.
func (n *Node) RunWith(binary string) { n.binary = binary }

// Runs has the nodes of a cluster run another binary from the start: see Changed.
func Runs(binary string) Option { return func(o *options) { o.binary = binary } }
