package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxInput is what fits into the 32 MiB of a request as base64, with room for
// the rest of it.
const maxInput = (32<<20 - 64<<10) / 4 * 3

// readInput returns the content of a file, or of stdin for "-", if it is not
// over limit bytes.
func (c *cli) readInput(name string, limit int64) ([]byte, error) {
	from, shown := c.stdin, "stdin"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usageError(err.Error(), "the input is a file, or - for stdin")
		}
		defer func() { _ = f.Close() }()
		from, shown = f, name
	}
	content, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		if at := (*fs.PathError)(nil); errors.As(err, &at) {
			err = at.Err // it names the file too
		}
		return nil, usageError(fmt.Sprintf("read %s: %v", shown, err), "")
	}
	if int64(len(content)) > limit {
		return nil, usageError(
			fmt.Sprintf("%s is over the %d bytes that one request can carry", shown, limit),
			"sign the hash of it instead, with --prehashed")
	}
	return content, nil
}
