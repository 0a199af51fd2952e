package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// hintsForFile says what to do about a file or directory that the system did
// not let us use: the configuration, the data directory, the audit directory.
func hintsForFile(err error) []string {
	var at *fs.PathError
	if !errors.As(err, &at) {
		return nil
	}
	switch {
	case errors.Is(at.Err, syscall.EACCES), errors.Is(at.Err, syscall.EPERM):
		return []string{fmt.Sprintf("this process runs as user %d, which may not: change the owner of %s, or run it as the user who owns it", os.Getuid(), at.Path)}
	case errors.Is(at.Err, syscall.ENOSPC), errors.Is(at.Err, syscall.EDQUOT):
		return []string{"free space on the disk of " + at.Path + ", then start again"}
	case errors.Is(at.Err, syscall.EROFS):
		return []string{at.Path + " lies on a file system that is mounted read-only: choose another directory or mount it anew"}
	case errors.Is(at.Err, syscall.ENOTDIR):
		return []string{at.Path + ", or a directory above it, is a file: move that away or choose another directory"}
	}
	return nil
}

// hintsForCertificate says what to do about the server's certificate. ok is
// false if err is not about one.
func hintsForCertificate(err error) (hints []string, ok bool) {
	var (
		unknownCA x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknownCA):
		if file := os.Getenv("SIGNET_CACERT"); file != "" {
			return []string{"SIGNET_CACERT is " + file + ": it does not hold the CA that issued the server's certificate"}, true
		}
		return []string{"set SIGNET_CACERT to the PEM file of the CA that issued the server's certificate"}, true
	case errors.As(err, &hostname):
		return []string{"put a name that the certificate is for into SIGNET_ADDR"}, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return []string{
			"is the clock of this machine right? if so, give the server a new certificate",
			"a server takes a new certificate from its files at SIGHUP, without a restart",
		}, true
	}
	return nil, false
}
