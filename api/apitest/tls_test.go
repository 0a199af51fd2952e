package apitest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// certificate makes a self-signed one for 127.0.0.1 and returns its two files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "apitest"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	cert = writeFile(t, filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = writeFile(t, filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return cert, key
}

func TestATLSNode(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	n := apitest.New(t, apitest.TLS(cert, key), apitest.Shares(3, 2))
	if !strings.HasPrefix(n.URL(), "https://") {
		t.Fatalf("ready at %s", n.URL())
	}
	n.Must("transit/keys/web", object{"type": "ecdsa-p256"})
	wantStatus(t, n.Post("transit/sign/web", n.Root(), object{"input": "aGk="}), 200)
	if health, err := n.Client(n.Root()).Sys().Health(context.Background()); err != nil || health.Sealed {
		t.Errorf("the SDK over TLS: %+v, %v", health, err)
	}
	pool := x509.NewCertPool()
	content, err := os.ReadFile(cert)
	must(t, err)
	pool.AppendCertsFromPEM(content)
	for _, c := range []struct {
		name     string
		min, max uint16
		ok       bool
	}{
		{"1.3", tls.VersionTLS13, tls.VersionTLS13, true}, {"1.2", tls.VersionTLS12, tls.VersionTLS12, true},
		{"1.1", tls.VersionTLS10, tls.VersionTLS11, false}, {"1.0", tls.VersionTLS10, tls.VersionTLS10, false},
	} {
		conn, err := tls.Dial("tcp", n.Address(), &tls.Config{RootCAs: pool, MinVersion: c.min, MaxVersion: c.max})
		if (err == nil) != c.ok {
			t.Errorf("TLS %s: %v", c.name, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	conn, err := tls.Dial("tcp", n.Address(), &tls.Config{RootCAs: pool})
	must(t, err)
	if conn.ConnectionState().Version != tls.VersionTLS13 {
		t.Errorf("both can 1.3, and speak %x", conn.ConnectionState().Version)
	}
	must(t, conn.Close())
	h2 := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer h2.CloseIdleConnections()
	resp, err := h2.Get(n.URL() + "/v1/sys/health")
	must(t, err)
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
		t.Errorf("HTTP/%d, status %d", resp.ProtoMajor, resp.StatusCode)
	}
	plain, err := net.Dial("tcp", n.Address())
	must(t, err)
	defer plain.Close()
	must(t, plain.SetDeadline(time.Now().Add(30*time.Second)))
	_, _ = io.WriteString(plain, "GET /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n")
	text, _ := io.ReadAll(plain)
	if !strings.HasPrefix(string(text), "HTTP/1.0 400") || !strings.Contains(string(text), "HTTPS") {
		t.Errorf("plaintext on the TLS port: %q", text)
	}
}

// A mistake in the configuration names the file, the line and the field, and the
// node does not start.
func TestConfigurationErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	open := writeFile(t, filepath.Join(t.TempDir(), "open.key"), nil)
	content, err := os.ReadFile(key)
	must(t, err, os.WriteFile(open, content, 0o600))
	must(t, os.Chmod(open, 0o644))
	listener := func(lines ...string) string { return "listener \"tcp\" {\n  " + strings.Join(lines, "\n  ") + "\n}\n" }
	loopback := listener(`address = "127.0.0.1:0"`, `tls_disable = true`)
	for _, c := range []struct {
		name, text string
		line       string // of the mistake, counted from 1; "" where there is none
		field      string
	}{
		{"an unknown attribute", loopback + "data_dirr = \"/x\"\n", "5", "data_dirr"},
		{"an unknown block", loopback + "storage \"raft\" {}\n", "5", "storage"},
		{"an unknown attribute of a block", listener(`address = "127.0.0.1:0"`, `tls_disabled = true`), "3", "tls_disabled"},
		{"a syntax error", loopback + "data_dir = \n", "5", ""},
		{"a wrong type", loopback + "data_dir = [1]\n", "5", ""},
		{"an expression", loopback + "data_dir = env(\"HOME\")\n", "5", ""},
		{"plaintext on all interfaces", listener(`tls_disable = true`, `address = "0.0.0.0:0"`), "2", "tls_disable"},
		{"plaintext on another interface", listener(`tls_disable = true`, `address = "192.0.2.1:8200"`), "2", "tls_disable"},
		{"no certificate", listener(`address = "127.0.0.1:0"`), "", "tls_cert_file"},
		{"a certificate without key", listener(`address = "127.0.0.1:0"`, `tls_cert_file = "`+cert+`"`), "", "tls_key_file"},
		{"a certificate that is missing", listener(`address = "127.0.0.1:0"`, `tls_cert_file = "/nonexistent/crt"`, `tls_key_file = "`+key+`"`), "3", "tls_cert_file"},
		{"a key that everybody reads", listener(`address = "127.0.0.1:0"`, `tls_cert_file = "`+cert+`"`, `tls_key_file = "`+open+`"`), "4", "tls_key_file"},
		{"an address without port", listener(`tls_disable = true`, `address = "127.0.0.1"`), "3", "address"},
		{"another kind of listener", "listener \"unix\" {\n}\n", "1", "listener"},
		{"two listeners", loopback + loopback, "[15]", "listener"},
		{"another seal", loopback + "seal \"awskms\" {}\n", "5", "seal"},
		{"another durability", loopback + "audit {\n  durability = \"none\"\n}\n", "6", "durability"},
		{"another log level", loopback + "log_level = \"loud\"\n", "5", "log_level"},
		{"another log format", loopback + "log_format = \"xml\"\n", "5", "log_format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := refusedConfig(t, c.text)
			if !strings.Contains(out, "signet.hcl") || !strings.Contains(out, c.field) {
				t.Errorf("the file and the field %s are not named: %s", c.field, out)
			}
			if c.line != "" && !regexp.MustCompile(`signet\.hcl:`+c.line+`\b|line `+c.line+`\b`).MatchString(out) {
				t.Errorf("line %s is not named: %s", c.line, out)
			}
		})
	}
	wantExit(t, 1, "nonexistent.hcl", "server", "--config", "/nonexistent.hcl")
	wantExit(t, 2, "--config", "server")
	wantExit(t, 2, "exclude", "server", "--dev", "--config", "x")
	wantExit(t, 2, "loopback", "server", "--dev", "--listen", "0.0.0.0:0")
	wantExit(t, 2, "--dev", "server", "--config", "x", "--dev-root-token", "root")
}

// refusedConfig starts a node on a configuration and returns its complaint.
func refusedConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if !strings.Contains(text, "data_dir") {
		text += "data_dir = \"" + filepath.Join(dir, "data") + "\"\n"
	}
	file := writeFile(t, filepath.Join(dir, "signet.hcl"), []byte(text))
	out := runToEnd(t, dir, "server", "--config", file)
	if lines := strings.Count(out, "\n"); lines > 6 || strings.Contains(out, "goroutine") {
		t.Errorf("%d lines of complaint: %s", lines, out)
	}
	return out
}

// What a node finds on its ports and in its directories when it starts.
func TestStartErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	busy := configFor(t, filepath.Join(t.TempDir(), "data"), "")
	content, err := os.ReadFile(busy)
	must(t, err, os.WriteFile(busy, []byte(strings.Replace(string(content), "127.0.0.1:0", n.Address(), 1)), 0o600))
	wantExit(t, 1, "in use", "server", "--config", busy)
	wantExit(t, 1, "in use", "server", "--config", configFor(t, n.DataDir(), ""))
	wantExit(t, 1, "in use", "server", "--config", configFor(t, filepath.Join(t.TempDir(), "data"), "audit {\n  path = \""+n.AuditDir()+"\"\n}\n"))
	wantStatus(t, n.Get("sys/health", ""), 200)
}

// An existing data directory is tightened, whatever its mode was.
func TestAnOpenDataDirectoryIsTightened(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	must(t, os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777))
	n := apitest.New(t, apitest.DataDir(dir))
	n.Must("transit/keys/web", nil)
	info, err := os.Stat(dir)
	must(t, err)
	if mode := info.Mode().Perm(); mode != 0o700 {
		t.Errorf("data_dir keeps mode %04o", mode)
	}
}
