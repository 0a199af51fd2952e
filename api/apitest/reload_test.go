package apitest_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

// TestHangupReloadsTheCertificate: SIGHUP brings the new certificate in without a
// restart, and a broken one changes nothing.
func TestHangupReloadsTheCertificate(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	n := apitest.New(t, apitest.TLS(cert, key))
	before := served(t, n)
	freshCert, freshKey := certificate(t)
	replace(t, cert, freshCert)
	replace(t, key, freshKey)
	must(t, syscall.Kill(n.Pid(), syscall.SIGHUP))
	after := before
	for end := time.Now().Add(10 * time.Second); after.Equal(before) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		after = served(t, n)
	}
	if after.Equal(before) {
		t.Fatal("the old certificate is still served")
	}

	must(t, os.WriteFile(cert, []byte("no certificate"), 0o600), syscall.Kill(n.Pid(), syscall.SIGHUP))
	for end := time.Now().Add(10 * time.Second); !strings.Contains(n.Log(), "could not reload") && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if !strings.Contains(n.Log(), "could not reload") {
		t.Error("a broken certificate is not in the log")
	}
	if !served(t, n).Equal(after) {
		t.Error("a broken certificate replaced the one in use")
	}
	replace(t, cert, freshCert) // CheckAll talks to the node again
}

func served(t *testing.T, n *apitest.Node) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", n.Address(), &tls.Config{InsecureSkipVerify: true}) // it is looked at, not trusted
	must(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func replace(t *testing.T, file, with string) {
	t.Helper()
	content, err := os.ReadFile(with)
	must(t, err, os.WriteFile(file, content, 0o600))
}

// TestHangupReloadsTheLogLevel: SIGHUP takes the level from the configuration file.
func TestHangupReloadsTheLogLevel(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	n.Configure(`log_level = "error"`)
	must(t, syscall.Kill(n.Pid(), syscall.SIGHUP))
	// That it was reloaded is said at the new level, so it is not said.
	eventually(t, "nothing is logged at level error", func() bool {
		before := n.Log()
		must(t, syscall.Kill(n.Pid(), syscall.SIGHUP))
		time.Sleep(100 * time.Millisecond)
		return n.Log() == before
	})
	n.Configure(`log_level = "loud"`)
	must(t, syscall.Kill(n.Pid(), syscall.SIGHUP))
	eventually(t, "an unknown level is in the log", func() bool { return strings.Contains(n.Log(), "is unknown; use trace") })
	n.Configure(`log_level = "info"`)
	before := len(n.Log())
	must(t, syscall.Kill(n.Pid(), syscall.SIGHUP))
	eventually(t, "the reload is in the log again", func() bool {
		return strings.Contains(n.Log()[before:], "reloaded the certificate and the log level")
	})
}
