package main

import (
	"crypto/x509"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-kms/signet/client"
)

// What the system or a certificate refuses comes with what to do about it,
// however deep it is wrapped.
func TestHintsForTheSystem(t *testing.T) {
	c := &serverConfig{file: "signet.hcl"}
	file := func(err error) error {
		return c.place(wrong("data_dir", "%w", &fs.PathError{Op: "mkdir", Path: "/data", Err: err}))
	}
	network := func(err error) error { return &client.NetworkError{Address: "https://a:1", Err: err} }
	for _, c := range []struct {
		err  error
		hint string
	}{
		{file(syscall.EACCES), "change the owner of /data"},
		{file(syscall.EPERM), "change the owner of /data"},
		{file(syscall.ENOSPC), "free space on the disk of /data"},
		{file(syscall.EDQUOT), "free space on the disk of /data"},
		{file(syscall.EROFS), "mounted read-only"},
		{file(syscall.ENOTDIR), "move that away"},
		{network(x509.UnknownAuthorityError{}), "set SIGNET_CACERT to"},
		{network(x509.HostnameError{Certificate: &x509.Certificate{}}), "a name that the certificate is for"},
		{network(fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.Expired})), "is the clock of this machine right?"},
		{client.ErrTokenFile, "chmod 600"},
	} {
		t.Setenv("SIGNET_CACERT", "")
		if got := hints(c.err); len(got) == 0 || !strings.Contains(got[0], c.hint) {
			t.Errorf("%v: hints %q, want %q", c.err, got, c.hint)
		}
	}
	t.Setenv("SIGNET_CACERT", "ca.pem")
	if got := hints(network(x509.UnknownAuthorityError{})); len(got) != 1 || !strings.Contains(got[0], "SIGNET_CACERT is ca.pem") {
		t.Errorf("hints %q for another CA", got)
	}
	if got := hints(file(syscall.EIO)); got != nil {
		t.Errorf("hints %q for what nobody knows a remedy of", got)
	}
}

func TestKeyOfAPath(t *testing.T) {
	for path, want := range map[string]keyPath{
		"transit/keys":             {"transit", "keys", "", ""},
		"transit/keys/web":         {"transit", "keys", "web", ""},
		"transit/keys/web/config":  {"transit", "keys", "web", "config"},
		"team/eu/sign/web":         {"team/eu", "sign", "web", ""},
		"keys/keys/keys":           {"keys", "keys", "keys", ""},
		"sign/verify/web":          {"sign", "verify", "web", ""},
		"sys/keys/web":             {},
		"auth/token/sign":          {},
		"transit":                  {},
		"":                         {},
		"sys/policies/acl/encrypt": {},
	} {
		if got := keyOf(path); got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
	if got := keyOf("eu/keys").args("--x"); got != "NAME --x --mount eu" {
		t.Errorf("args %q", got)
	}
}

func TestWhyNotListening(t *testing.T) {
	for err, want := range map[syscall.Errno]string{
		syscall.EADDRINUSE:    "is in use",
		syscall.EADDRNOTAVAIL: "is no address of this machine",
		syscall.EACCES:        "choose one above 1023",
		syscall.EINVAL:        "invalid argument",
	} {
		wrapped := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", err)}
		if got := whyNotListening("192.0.2.1:81", wrapped); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
