package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// listen opens the API's port, with TLS unless the configuration was allowed to
// do without. A key file that others can read is refused.
func (c *serverConfig) listen() (net.Listener, error) {
	var config *tls.Config
	if l := c.listener; !l.TLSDisable {
		if info, err := os.Stat(l.TLSKeyFile); err == nil && info.Mode().Perm()&0o007 != 0 {
			return nil, fmt.Errorf("listener: tls_key_file %s can be read by everybody (mode %04o); run chmod 600 on it", l.TLSKeyFile, info.Mode().Perm())
		}
		cert, err := tls.LoadX509KeyPair(l.TLSCertFile, l.TLSKeyFile)
		if err != nil {
			return nil, fmt.Errorf("listener: tls_cert_file %s with tls_key_file %s: %w", l.TLSCertFile, l.TLSKeyFile, err)
		}
		// TLS 1.2 is the floor for old clients; Go picks 1.3 where both can.
		config = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	listener, err := net.Listen("tcp", c.listener.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("address %s is in use: another process listens there; stop it or choose another address", c.listener.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	if config != nil {
		return tls.NewListener(listener, config), nil
	}
	return listener, nil
}
