package main

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
)

// readyTLS reads the certificate, if there is to be TLS, before anything is made: a
// start with a mistake in it leaves no data directory behind. A key file that others
// can read is refused.
func (c *serverConfig) readyTLS() error {
	l := c.listener
	if l.TLSDisable {
		return nil
	}
	if info, err := os.Stat(l.TLSKeyFile); err == nil && info.Mode().Perm()&0o007 != 0 {
		return c.place(wrong("tls_key_file", "%s can be read by everybody (mode %04o); run chmod 600 on it", l.TLSKeyFile, info.Mode().Perm()))
	}
	return c.loadCertificate()
}

// listen opens the API's port, with TLS unless the configuration was allowed to
// do without. It comes after readyTLS.
func (c *serverConfig) listen() (net.Listener, error) {
	var config *tls.Config
	if !c.listener.TLSDisable {
		// TLS 1.2 is the floor for old clients; Go picks 1.3 where both can.
		config = &tls.Config{GetCertificate: c.certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	tcp, err := net.Listen("tcp", c.listener.Address)
	if err != nil {
		return nil, c.place(wrong("address", "%s", whyNotListening(c.listener.Address, err)))
	}
	listener := newLimitedListener(tcp, maxConnections, &c.refused)
	if config != nil {
		return tls.NewListener(listener, config), nil
	}
	return listener, nil
}

func whyNotListening(address string, err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return address + " is in use: another process listens there; stop it or choose another address"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return address + " is no address of this machine: choose one of its own, or 0.0.0.0 for all of them"
	case errors.Is(err, syscall.EACCES):
		return address + ": this user may not open that port; choose one above 1023, or grant CAP_NET_BIND_SERVICE"
	}
	return err.Error()
}

// loadCertificate reads the certificate and its key, for the connections that
// begin from now on. If it fails the one in use stays.
func (c *serverConfig) loadCertificate() error {
	l := c.listener
	cert, err := tls.LoadX509KeyPair(l.TLSCertFile, l.TLSKeyFile)
	if err != nil {
		return c.place(wrong("tls_cert_file", "%s with tls_key_file %s: %v", l.TLSCertFile, l.TLSKeyFile, err))
	}
	c.cert.Store(&cert)
	return nil
}

func (c *serverConfig) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.cert.Load(), nil
}
