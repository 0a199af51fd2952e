package archtest

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the drawing into ARCHITECTURE.md")

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !strings.HasPrefix(string(mod), "module "+Signet().Module+"\n") {
		t.Fatalf("%s is not the root of %s: %v", dir, Signet().Module, err)
	}
	return dir
}

// TestTheHouseFollowsThePlan is the one that fails when code leaves the plan.
func TestTheHouseFollowsThePlan(t *testing.T) {
	tree, err := Load(root(t), Signet().Module)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range Check(tree, Signet()) {
		t.Error(v)
	}
}

func TestTheDrawingIsOfThePlan(t *testing.T) {
	name := filepath.Join(root(t), "ARCHITECTURE.md")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no ARCHITECTURE.md to draw in")
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := Replace(string(text), Draw(Signet()))
	if errors.Is(err, ErrNoMarkers) && !strings.Contains(string(text), Begin) && !strings.Contains(string(text), End) {
		t.Skipf("ARCHITECTURE.md has no place for the drawing: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatal("the drawing in ARCHITECTURE.md is not of this plan: run go test ./scripts/archtest -update")
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
