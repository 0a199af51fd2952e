package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// scripts/quickstart --once does what it says to a newcomer, in this order, and
// leaves nothing behind.
func TestQuickstart(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the daemon")
	}
	root := filepath.Join("..", "..")
	noteSources(t, root)
	dir := t.TempDir()
	file := filepath.Join(dir, "a file.txt")
	if err := os.WriteFile(file, []byte("to be signed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	temporary := filepath.Join(dir, "tmp")
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(root, "scripts", "quickstart"), "--once", file)
	// What is set for another server must not reach this one.
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary, "SIGNET_TOKEN=sgt.other", "SIGNET_ADDR=http://127.0.0.1:1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // it cleans up then
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s\n%s", err, out, stderr.String())
	}
	rest := string(out)
	for _, want := range []string{
		`(?m)^\d+\. Build$`,
		`(?m)^\d+\. Start a node$`,
		`(?m)^\d+\. Create an ES256 key$`,
		`(?m)^\d+\. Sign .*a file\.txt \(13 bytes\)\n   vault:v1:M`,
		`(?m)^\d+\. Verify it, with the public key alone\n.*Verified OK\n.*refused, as it must be$`,
		`(?m)^\d+\. Find it in the audit log$`,
		`(?m)^   operation     transit/sign\n   key           quickstart$`,
		`(?m)^\d+\. Make an issuer, .*\n   PUT /v1/jwt/issuers/quickstart-issuer \{.*\n   PUT /v1/jwt/issuers/quickstart-issuer/profiles/access \{`,
		`(?m)^\d+\. Issue a token, .*\n   POST /v1/jwt/sign/quickstart-issuer/access .*\n   [\w-]+\.[\w-]+\.[\w-]+\n   for "root" instead: the server said no \(status 400\): .*sub`,
		`(?m)^   operation     jwt/sign\n   profile       access\n   jti           [\w-]{22}\n   outcome       ok$`,
		`(?m)^\d+\. Verify it, with the issuer's published keys alone\n   checked by go-jose, from http://127\.0\.0\.1:\d+/issuers/quickstart-issuer/jwks\.json\n` +
			`   accepted: ES256, sub "user:1", until 20.*Z\n   the same token as one for another audience: refused, as it must be$`,
		`(?m)^Done\. The node is stopped, and nothing is left of it\.\n$`,
	} {
		at := regexp.MustCompile(want).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("%s is not in what is left:\n%s\nof\n%s", want, rest, out)
		}
		rest = rest[at[1]:]
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// noteSources looks at what a child process reads: go test does not count that, and
// would keep the result of a script or a daemon that was changed since.
func noteSources(t *testing.T, root string) {
	t.Helper()
	const files = `{{if and .Module .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}`
	list := exec.Command("go", "list", "-deps", "-f", files, "./cmd/signet", "./scripts/jwtverify", "./scripts/es256verify")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(out))
	for _, name := range append(names, filepath.Join(root, "scripts", "quickstart"), filepath.Join(root, "scripts", "cluster"), filepath.Join(root, "scripts", "cluster.d", "story.sh"), filepath.Join(root, "scripts", "lib.sh")) {
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
}
