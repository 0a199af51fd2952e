package wrap

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

const redactedText = "[redacted token of a seal]"

// maxToken bounds a token file, in bytes.
const maxToken = 4 << 10

// token is a token of the other side, or the file that holds it. It redacts itself
// everywhere.
type token struct {
	_      [0]func()
	hidden func() string // nil: it lies in file
	file   string
}

func fixedToken(text string) token { return token{hidden: func() string { return text }} }

// read returns the token. A file is read each time: whoever renews tokens from
// outside puts a new one there. Its errors name the file and never what is in it.
func (t token) read() (string, error) {
	if t.hidden != nil {
		return t.hidden(), nil
	}
	f, err := os.Open(t.file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no regular file", t.file)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s can be read by others (mode %04o); run chmod 600 on it", t.file, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", err
	}
	defer clear(b)
	if len(b) > maxToken {
		return "", fmt.Errorf("%s is too large for a token", t.file)
	}
	text := strings.TrimSpace(string(b))
	if !goodToken(text) {
		return "", fmt.Errorf("%s holds no token: one line of printable characters", t.file)
	}
	return text, nil
}

func goodToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// String returns a fixed text.
func (token) String() string { return redactedText }

// GoString returns a fixed text.
func (token) GoString() string { return redactedText }

// Format writes a fixed text under every verb and flag.
func (token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redactedText)) }

// LogValue returns a fixed text.
func (token) LogValue() slog.Value { return slog.StringValue(redactedText) }

// MarshalText always fails.
func (token) MarshalText() ([]byte, error) {
	return nil, fmt.Errorf("wrap: the token of a seal is never marshalled")
}
