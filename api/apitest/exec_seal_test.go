package apitest_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// safe is a command of a test that keeps what it wraps in a file, and gives a
// number for it: what a hardware module does.
func safe(t *testing.T) (dir, wrap, unwrap string) {
	t.Helper()
	dir = t.TempDir()
	wrap = script(t, "wrap", fmt.Sprintf(`cat > %[1]s/1 && [ "$1" = "to wrap" ] && [ -z "$SIGNET_TOKEN$VAULT_TOKEN" ] && echo "safe 1"`, dir))
	unwrap = script(t, "unwrap", fmt.Sprintf(`read -r safe number && [ "$safe" = safe ] && cat "%[1]s/$number" && echo`, dir))
	return dir, wrap, unwrap
}

func TestExecSeal(t *testing.T) {
	t.Parallel()
	dir, wrap, unwrap := safe(t)
	n := apitest.New(t, apitest.SealedBy(execHCL([]string{wrap, "to wrap"}, []string{unwrap}, `name = "module/1"`)), apitest.Shares(3, 2))
	kept, err := os.ReadFile(filepath.Join(dir, "1"))
	must(t, err)
	if len(kept) != 64 {
		t.Errorf("the command got %d bytes", len(kept))
	}
	n.HandedOut("the root key as text", string(kept))
	n.HandedOut("the root key", hex.EncodeToString(rawOf(t, string(kept))))
	for range 3 {
		n.Restart()
		n.AwaitUnsealed()
	}
	if ok, failed := unsealedBy(t, n, "exec"); ok != 4 || failed != 0 {
		t.Errorf("%d unseals, %d failures", ok, failed)
	}
	must(t, os.Rename(filepath.Join(dir, "1"), filepath.Join(dir, "away")))
	n.Restart()
	waits(t, n, "the exec seal module/1: its unwrap command ended with status 1")
	if !strings.Contains(n.Log(), "No such file or directory") {
		t.Error("what the command said is not in the log")
	}
	must(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "1")))
	n.AwaitUnsealed()
}

// A command that hangs, floods, tells what it was given, or gives something else
// unseals nothing, and nothing of it gets anywhere.
func TestBadCommands(t *testing.T) {
	t.Parallel()
	dir, wrap, unwrap := safe(t)
	block := func(unwrap string) string {
		return execHCL([]string{wrap, "to wrap"}, []string{unwrap}, `timeout = "1s"`)
	}
	n := apitest.New(t, apitest.SealedBy(block(unwrap)), apitest.Shares(3, 2))
	kept, err := os.ReadFile(filepath.Join(dir, "1"))
	must(t, err)
	n.HandedOut("the root key as text", string(kept))
	n.HandedOut("the root key", hex.EncodeToString(rawOf(t, string(kept))))
	child := filepath.Join(dir, "child")
	for _, c := range []struct{ name, text, why string }{
		{"hangs", fmt.Sprintf("sleep 600 & echo $! > %s; wait", child), "did not end within 1s and was stopped"},
		{"floods", "exec yes", "gave more than 16384 bytes and was stopped"},
		{"is silent", "exit 0", "said nothing"},
		{"fails", "exit 7", "ended with status 7"},
		{"dies", "kill -9 $$", "was killed by a signal"},
		{"gives something else", "echo hello", "no root key of Signet"},
		{"gives another key", `head -c 48 /dev/urandom | base64`, "no root key of Signet"},
		{"tells", fmt.Sprintf("cat %[1]s/1; cat %[1]s/1 >&2; exit 3", dir), "ended with status 3"},
		{"tells in hex", fmt.Sprintf("base64 -d %[1]s/1 | od -An -tx1 >&2; exit 4", dir), "ended with status 4"},
		{"traces", fmt.Sprintf("set -x; x=$(cat %[1]s/1); echo $x; exit 5", dir), "ended with status 5"},
		{"floods stderr", "yes >&2 & sleep 2", "did not end within 1s"},
		{"leaves somebody behind", fmt.Sprintf("sleep 600 & echo $! > %s; echo x", child), "did not end within 1s"},
	} {
		n.SealBy(block(script(t, "unwrap", c.text)))
		n.Restart()
		waits(t, n, c.why)
		n.Unseal()
		if strings.Contains(c.text, child) {
			n.Stop() // lest it is run again
			isGone(t, child)
			n.Start()
			n.Unseal()
		}
	}
	if !strings.Contains(n.Log(), "are not shown") {
		t.Error("a message with the root key was not held back")
	}
	badWraps(t, n, wrap)
}

// isGone expects the process whose number a file holds to end.
func isGone(t *testing.T, file string) {
	t.Helper()
	pid, err := os.ReadFile(file)
	must(t, err)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat"); err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("what the command had started still runs")
		}
	}
}

// badWraps: nor does a command wrap that gives in clear what it was given, or that
// its counterpart does not understand.
func badWraps(t *testing.T, n *apitest.Node, wrap string) {
	t.Helper()
	n.SealBy(execHCL([]string{"/bin/cat"}, []string{"/bin/cat"}))
	n.Restart()
	n.Unseal()
	wantText(t, wantError(t, n.Post("sys/migrate-seal", n.Root(), nil), 502, "seal_unavailable"), "in clear")
	n.SealBy(execHCL([]string{wrap, "to wrap"}, []string{"/bin/cat"}))
	n.Restart()
	n.Unseal()
	wantText(t, wantError(t, n.Post("sys/migrate-seal", n.Root(), nil), 502, "seal_unavailable"), "unwraps something else")
}

func TestSealConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	loose := filepath.Join(dir, "loose")
	must(t, os.WriteFile(loose, []byte("#!/bin/sh\n"), 0o700))
	must(t, os.Chmod(loose, 0o722))
	open := filepath.Join(dir, "open", "wrap")
	must(t, os.Mkdir(filepath.Dir(open), 0o700))
	must(t, os.WriteFile(open, []byte("#!/bin/sh\n"), 0o700))
	must(t, os.Chmod(filepath.Dir(open), 0o777))
	begin := fmt.Sprintf("data_dir = %q\napi_addr = \"https://signet.example\"\nlistener \"tcp\" {\n  address = \"127.0.0.1:18277\"\n  tls_disable = true\n}\n", filepath.Join(dir, "data"))
	transit := func(fields ...string) string {
		return "seal \"transit\" {\n  " + strings.Join(fields, "\n  ") + "\n}\n"
	}
	key, token := `key_name = "unseal"`, `token_file = "/x"`
	for what, c := range map[string]struct{ text, says string }{
		"no address":          {transit(key, token), "address: want a URL"},
		"no key":              {transit(`address = "https://a"`, token), "key_name"},
		"a strange key":       {transit(`address = "https://a"`, token, `key_name = "../x"`), "signet.hcl:10: configuration"},
		"plaintext":           {transit(`address = "http://192.0.2.1"`, key, token), ":8: address: http is for loopback"},
		"no token":            {transit(`address = "https://a"`, key), "want either token or token_file"},
		"two tokens":          {transit(`address = "https://a"`, key, token, `token = "x"`), "want either"},
		"a password":          {transit(`address = "https://u:geheim@a"`, key, token), "want a URL"},
		"no CA":               {transit(`address = "https://a"`, key, token, `tls_ca_cert = "/nonexistent"`), "tls_ca_cert"},
		"half a certificate":  {transit(`address = "https://a"`, key, token, `tls_client_key = "/nonexistent"`), "or neither"},
		"a bad duration":      {transit(`address = "https://a"`, key, token, `timeout = "soon"`), "timeout"},
		"a long duration":     {transit(`address = "https://a"`, key, token, `timeout = "2m"`), "1s to 1m"},
		"an unknown field":    {transit(`address = "https://a"`, key, token, `tls_skip_verify = true`), "tls_skip_verify"},
		"commands of transit": {transit(`address = "https://a"`, key, token, `wrap = ["/bin/cat"]`), "transit runs no commands"},
		"itself":              {transit(`address = "http://127.0.0.1:18277"`, key, token), "is this node itself"},
		"itself by localhost": {transit(`address = "http://localhost:18277"`, key, token), "is this node itself"},
		"itself by api_addr":  {transit(`address = "https://SIGNET.example:443"`, key, token), "is this node itself"},
		"two of one name":     {transit(`address = "https://a"`, key, token) + transit(`address = "https://b"`, key, token), "give one of them another name"},
		"four": {transit(`address = "https://a"`, key, token, `name="a"`) + transit(`address = "https://a"`, key, token, `name="b"`) +
			transit(`address = "https://a"`, key, token, `name="c"`) + transit(`address = "https://a"`, key, token, `name="d"`), "at most 3"},
		"beside shamir":       {transit(`address = "https://a"`, key, token) + "seal \"shamir\" {}\n", "shamir stands beside no other"},
		"shamir with a field": {"seal \"shamir\" {\n  name = \"x\"\n}\n", "shamir has no fields"},
		"no commands":         {"seal \"exec\" {}\n", "wrap: want a list"},
		"a relative command":  {execHCL([]string{"cat"}, []string{"/bin/cat"}), "absolute path"},
		"a missing command":   {execHCL([]string{"/bin/cat"}, []string{"/nonexistent"}), "unwrap: stat /nonexistent"},
		"a loose command":     {execHCL([]string{loose}, []string{"/bin/cat"}), "can be written by others"},
		"a directory":         {execHCL([]string{dir}, []string{"/bin/cat"}), "no file that can be executed"},
		"in an open place":    {execHCL([]string{open}, []string{"/bin/cat"}), "anybody can put another command into"},
		"exec with a token":   {execHCL([]string{"/bin/cat"}, []string{"/bin/cat"}, token), "alone"},
	} {
		out := refusedConfig(t, begin+c.text)
		if c.says == "signet.hcl:10: configuration" {
			c.says = "signet.hcl:10: key_name"
		}
		if !strings.Contains(out, c.says) || strings.Contains(out, "geheim") {
			t.Errorf("%s: %s", what, out)
		}
	}
}
