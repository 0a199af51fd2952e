package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A module with every end that a test and a package can have.
func module() map[string]string {
	return map[string]string{
		"go.mod":         "module m\n\ngo 1.26\n",
		"none/a.go":      "package none\n",
		"good/a_test.go": "package good\nimport \"testing\"\nfunc TestGood(t *testing.T) { t.Run(\"sub\", func(*testing.T) {}) }\n",
		"skip/a_test.go": `package skip
import "testing"
func TestRoot(t *testing.T) { t.Log("before"); t.Skip("needs root,\nand more") }
func TestLong(t *testing.T) { t.Skip("set SIGNET_TEST_LONG=1 to run it") }
func TestMute(t *testing.T) { t.SkipNow() }
func TestSome(t *testing.T) { t.Run("part", func(t *testing.T) { t.Skip("needs strace") }) }
`,
		"fail/a_test.go": `package fail
import "testing"
func TestFine(t *testing.T) { t.Log("not to be shown") }
func TestFail(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Error("the reason") }) }
`,
		"panics/a_test.go": "package panics\nimport \"testing\"\nfunc TestPanic(t *testing.T) { t.Log(\"last words\"); panic(\"the panic\") }\n",
		"exits/a_test.go":  "package exits\nimport (\"os\"; \"testing\")\nfunc TestExit(t *testing.T) { println(\"about to leave\"); os.Exit(3) }\n",
		"broken/a_test.go": "package broken\nfunc TestBroken(t *testing.T) {}\n",
		"main/a_test.go":   "package main\nimport (\"fmt\"; \"os\"; \"testing\")\nfunc TestMain(m *testing.M) { fmt.Println(\"from main\"); os.Exit(m.Run() + 1) }\nfunc TestX(t *testing.T) {}\n",
	}
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// goTest runs the real go test; its exit code does not matter here.
func goTest(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test", "-count=1"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Skip("go is not installed")
	}
	return out
}

func reported(t *testing.T, stream []byte, noSkips bool) (string, bool) {
	t.Helper()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	ok, err := run(bytes.NewReader(stream), w, noSkips)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), ok
}

var changing = regexp.MustCompile(`[0-9.]+s\b|0x[0-9a-f]+|goroutine \d+|\+0x[0-9a-f]+|go-build\d+`)

func stable(text string) []string {
	var lines []string
	for line := range strings.Lines(changing.ReplaceAllString(text, "_")) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func TestShowsWhatGoTestShows(t *testing.T) {
	if testing.Short() {
		t.Skip("builds nine packages")
	}
	dir := write(t, module())
	plain := stable(string(goTest(t, dir, "./...")))
	out, ok := reported(t, goTest(t, dir, "-json", "./..."), false)
	if ok {
		t.Error("failed packages, and it says that all is well")
	}
	shown := stable(out)
	for _, line := range plain {
		if !slices.Contains(shown, line) && line != "FAIL" && line != "PASS" { // which the lines of the packages repeat
			t.Errorf("missing: %s", line)
		}
	}
	if strings.Contains(out, "not to be shown") {
		t.Error("shows the output of a test that passed")
	}
	for _, want := range []string{
		"skipped: skip.TestRoot: needs root, and more\n",
		"skipped: skip.TestLong: set SIGNET_TEST_LONG=1 to run it\n",
		"skipped: skip.TestMute: it does not say why\n",
		"skipped: skip.TestSome/part: needs strace\n",
		"failed: m/fail\n", "failed: m/panics\n", "failed: m/exits\n", "failed: m/broken\n", "failed: m/main\n",
		"the reason", "the panic", "last words", "about to leave", "from main",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("missing: %q", want)
		}
	}
	if t.Failed() {
		t.Logf("it printed:\n%s", out)
	}
}

const (
	passing = `{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestX"}
{"Action":"output","Package":"m/a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"pass","Package":"m/a","Test":"TestX"}
{"Action":"output","Package":"m/a","Output":"PASS\n"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.1s\n"}
{"Action":"pass","Package":"m/a"}
`
	skipping = `{"Action":"output","Package":"m/b","Test":"TestS","Output":"    b_test.go:7: REASON\n"}
{"Action":"output","Package":"m/b","Test":"TestS","Output":"--- SKIP: TestS (0.00s)\n"}
{"Action":"skip","Package":"m/b","Test":"TestS"}
{"Action":"pass","Package":"m/b"}
`
)

func TestVerdict(t *testing.T) {
	lacking := strings.ReplaceAll(skipping, "REASON", "needs strace")
	asked := strings.ReplaceAll(skipping, "REASON", "SIGNET_VECTORS is not set")
	for name, c := range map[string]struct {
		stream        string
		ok, okNoSkips bool
	}{
		"passed":            {passing, true, true},
		"skipped":           {passing + lacking, true, false},
		"waits to be asked": {passing + asked, true, true},
		"nothing":           {"", false, false},
		"no tests":          {`{"Action":"skip","Package":"m/c"}` + "\n", false, false},
		"cut off":           {passing + `{"Action":"run","Package":"m/d","Test":"TestY"}` + "\n", false, false},
		"cut in a line":     {passing[:len(passing)-3], false, false},
		"package failed":    {passing + `{"Action":"fail","Package":"m/e"}` + "\n", false, false},
		"build failed":      {passing + `{"Action":"build-fail","ImportPath":"m/f"}` + "\n", false, false},
	} {
		for noSkips, want := range map[bool]bool{false: c.ok, true: c.okNoSkips} {
			if out, ok := reported(t, []byte(c.stream), noSkips); ok != want {
				t.Errorf("%s, no skips %v: got %v\n%s", name, noSkips, ok, out)
			}
		}
	}
	if out, _ := reported(t, []byte("go: downloading x\n"+passing), false); !strings.Contains(out, "go: downloading x\n") {
		t.Error("what the go command says is lost")
	}
}

func FuzzRun(f *testing.F) {
	f.Add([]byte(passing))
	f.Add([]byte(skipping))
	f.Add([]byte("FAIL\n{}\n{\"Action\":\"output\"}"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		_, ok := reported(t, stream, true)
		if ok && !bytes.Contains(bytes.ToLower(stream), []byte("pass")) {
			t.Errorf("all is well with %q", stream)
		}
	})
}
