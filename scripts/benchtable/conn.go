package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// maxBody bounds the body of an answer, in bytes.
const maxBody = 64 << 20

var errHTTP = errors.New("the answer is not one of HTTP/1.1 with a body of known length")

// httpConn is a keep-alive connection for one worker. It does what the measure
// needs of HTTP/1.1 (RFC 9112) and no more, since what the client costs is taken
// from the server on a small machine.
type httpConn struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte // of the last answer; reused
}

// dial opens a connection that ends at the deadline, whatever happens on it.
func dial(addr string, deadline time.Time) (*httpConn, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(deadline); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &httpConn{conn: c, in: bufio.NewReaderSize(c, 64<<10)}, nil
}

func (c *httpConn) close() { _ = c.conn.Close() }

// do sends a request as it stands and returns the status and the body of the
// answer. The body is good until the next call. After an error the connection is
// of no use.
func (c *httpConn) do(request []byte) (int, []byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	status, body, err := readAnswer(c.in, c.body[:0])
	c.body = body
	return status, body, err
}

// newRequest spells a request.
func newRequest(method, host, path, token string, body []byte) []byte {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nX-Vault-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		method, path, host, token, len(body))
	return append([]byte(head), body...)
}

// readAnswer reads one answer and appends its body to into.
func readAnswer(in *bufio.Reader, into []byte) (status int, body []byte, err error) {
	line, err := readLine(in)
	if err != nil {
		return 0, into, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, into, errHTTP
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil || status < 200 || status > 599 {
		return 0, into, errHTTP
	}
	length, chunked := -1, false
	for {
		if line, err = readLine(in); err != nil {
			return 0, into, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = parseSize(value, 10); err != nil {
				return 0, into, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
	switch {
	case chunked:
		body, err = readChunks(in, into)
	case status == 204:
		body = into
	case length < 0:
		return 0, into, errHTTP
	default:
		body, err = readN(in, into, length)
	}
	return status, body, err
}

// readLine returns a line without its end, good until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, errHTTP
		}
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// parseSize reads a length; nothing but digits is one.
func parseSize(text []byte, base int) (int, error) {
	n, err := strconv.ParseUint(string(text), base, 31)
	if err != nil || n > maxBody {
		return 0, errHTTP
	}
	return int(n), nil
}

func readN(in *bufio.Reader, into []byte, n int) ([]byte, error) {
	if len(into)+n > maxBody {
		return into, errHTTP
	}
	at := len(into)
	// Grown as it arrives: the length alone is only a claim.
	for n > 0 {
		step := min(n, 1<<20)
		into = append(into, make([]byte, step)...)
		if _, err := io.ReadFull(in, into[at:]); err != nil {
			return into[:at], err
		}
		at, n = at+step, n-step
	}
	return into, nil
}

func readChunks(in *bufio.Reader, into []byte) ([]byte, error) {
	for {
		line, err := readLine(in)
		if err != nil {
			return into, err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := parseSize(bytes.TrimSpace(size), 16)
		if err != nil {
			return into, err
		}
		if into, err = readN(in, into, n); err != nil {
			return into, err
		}
		// After the last chunk: no trailers are expected, so the line is empty too.
		if line, err = readLine(in); err != nil {
			return into, err
		}
		if len(line) != 0 {
			return into, errHTTP
		}
		if n == 0 {
			return into, nil
		}
	}
}
