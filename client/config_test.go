package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"encoding/pem"

	"github.com/signet-kms/signet/client/wire"
)

func TestAddresses(t *testing.T) {
	for _, good := range []string{"https://a.example", "https://a.example:8200/", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:8200"} {
		if _, err := New(Config{Addresses: []string{good}}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "127.0.0.1:8200", "ftp://a", "https://", "https://:8200", "https://a/v1", "https://a?x=1", "https://a#x", "https://user:canary@a", "https://a b"} {
		if _, err := New(Config{Addresses: []string{bad}}); !errors.Is(err, ErrBadAddress) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, open := range []string{"http://a.example:8200", "http://10.0.0.1", "http://0.0.0.0:8200", "http://localhost.evil.example"} {
		if _, err := New(Config{Addresses: []string{open}}); !errors.Is(err, ErrPlaintext) {
			t.Errorf("%s: %v", open, err)
		}
	}
	c, err := New(Config{})
	if err != nil || c.nodes.all[0].base.String() != DefaultAddress {
		t.Errorf("default: %v", err)
	}
}

func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewUnstartedServer(reply(200, sealBody))
	server.Config.ErrorLog = discard()
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(dir, "ca.pem")
	writeFile(t, ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	c, err := New(Config{Addresses: []string{server.URL}, CACert: ca})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sys().SealStatus(context.Background()); err != nil {
		t.Errorf("with the right CA: %v", err)
	}
	empty := filepath.Join(dir, "empty.pem")
	writeFile(t, empty, []byte("nothing"))
	for name, cfg := range map[string]Config{
		"missing CA":   {CACert: filepath.Join(dir, "none")},
		"CA no PEM":    {CACert: empty},
		"cert alone":   {ClientCert: ca},
		"key alone":    {ClientKey: ca},
		"key is a CA":  {ClientCert: ca, ClientKey: ca},
		"pair missing": {ClientCert: filepath.Join(dir, "none"), ClientKey: ca},
	} {
		if _, err := New(cfg); !errors.Is(err, ErrBadTLS) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("SIGNET_ADDR", " https://a:1 , https://b:2,")
	t.Setenv("SIGNET_CACERT", "ca")
	t.Setenv("SIGNET_CLIENT_CERT", "cert")
	t.Setenv("SIGNET_CLIENT_KEY", "key")
	t.Setenv("SIGNET_TOKEN", "")
	cfg := FromEnvironment()
	if fmt.Sprint(cfg.Addresses) != "[https://a:1 https://b:2]" || cfg.CACert != "ca" || cfg.ClientCert != "cert" || cfg.ClientKey != "key" {
		t.Errorf("got %+v", cfg)
	}
	if _, err := cfg.Token(context.Background()); !errors.Is(err, ErrNoToken) {
		t.Errorf("without a token: %v", err)
	}
	path, err := TokenFilePath()
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteTokenFile(path, wire.SecretOf("from-file")); err != nil {
		t.Fatal(err)
	}
	if token, err := cfg.Token(context.Background()); err != nil || token.Reveal() != "from-file" {
		t.Errorf("from the file: %q, %v", token.Reveal(), err)
	}
	t.Setenv("SIGNET_TOKEN", "from-env\n")
	if token, err := cfg.Token(context.Background()); err != nil || token.Reveal() != "from-env" {
		t.Errorf("from the environment: %q, %v", token.Reveal(), err)
	}
}

func TestTokenFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, TokenFileName)
	old := filepath.Join(dir, "old")
	// A planted link must be replaced, not written through.
	writeFile(t, old, []byte("victim"))
	if err := os.Symlink(old, path); err != nil {
		t.Fatal(err)
	}
	if err := WriteTokenFile(path, wire.SecretOf(canary)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got, _ := os.ReadFile(old); string(got) != "victim" {
		t.Error("the link was written through")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, TokenFileName+"-*")); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
	if token, err := FileToken(path)(context.Background()); err != nil || token.Reveal() != canary {
		t.Errorf("got %q, %v", token.Reveal(), err)
	}
	if err := WriteTokenFile(filepath.Join(dir, "no", "such", "dir"), wire.SecretOf(canary)); !errors.Is(err, ErrTokenFile) || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
}

func TestTokenFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, []byte(content))
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		file("group", canary, 0o640), file("world", canary, 0o604), file("group-writable", canary, 0o620),
		file("lines", canary+"\nsecond", 0o600), file("binary", canary+"\x00", 0o600), file("long", strings.Repeat("a", maxToken+1), 0o600),
		dir, fifo,
	} {
		_, err := FileToken(path)(context.Background())
		if !errors.Is(err, ErrTokenFile) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
	for _, path := range []string{filepath.Join(dir, "none"), file("empty", " \n", 0o600)} {
		if _, err := FileToken(path)(context.Background()); !errors.Is(err, ErrNoToken) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}

func TestNothingPrintsTheToken(t *testing.T) {
	token := wire.SecretOf(canary)
	cfg := Config{Token: StaticToken(token)}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{token, cfg, c, c.Sys(), c.Transit(""), &Signer{transit: c.Transit("")}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%T with %s shows the token: %s", v, verb, text)
			}
		}
	}
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// As many calls as connections are kept: the next ones open none.
func TestIdleConnectionsAreKept(t *testing.T) {
	const calls = 100
	var opened atomic.Int64
	arrived, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release // answered together, so each has a connection of its own
		_, _ = io.WriteString(w, `{"type":"shamir"}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c, err := New(Config{Addresses: []string{s.URL}, IdleConnections: calls})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				if _, err := c.Sys().SealStatus(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		for range calls {
			<-arrived
		}
		for range calls {
			release <- struct{}{}
		}
		all.Wait()
	}
	if opened.Load() != calls {
		t.Errorf("%d connections for %d calls at a time", opened.Load(), calls)
	}
}
