package main

import (
	"fmt"
	"io"
	"net"
)

// maxPorts bounds how many ports are asked for at once.
const maxPorts = 64

// ports writes n different ports of loopback, one a line, on which nobody listens
// now. Somebody may take one before it is used; then who wants it says so.
func ports(stdout io.Writer, n int) error {
	if n < 1 || n > maxPorts {
		return fmt.Errorf("1 to %d ports, not %d", maxPorts, n)
	}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // at the end, so that no port comes twice
		if _, err := fmt.Fprintln(stdout, l.Addr().(*net.TCPAddr).Port); err != nil {
			return err
		}
	}
	return nil
}
