package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Read walks a log from its first record and calls fn for each with its line,
// without the newline; the line is valid during the call only. It accepts nothing
// but what this package writes, with seq counting from 1 without gaps.
//
// Errors: a *CorruptError (ErrCorrupt) for the first bad line; ErrTorn, after fn
// was called for every whole record, when bytes without a newline follow the last
// one; the first error of fn or r.
func Read(r io.Reader, fn func(line []byte, rec Parsed) error) error {
	br := bufio.NewReaderSize(r, 2*MaxRecord)
	var offset int64
	for seq := uint64(1); ; seq++ {
		line, err := br.ReadSlice('\n')
		switch {
		case err == io.EOF && len(line) == 0:
			return nil
		case err == io.EOF:
			return fmt.Errorf("%w: %d bytes after seq %d", ErrTorn, len(line), seq-1)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		case err != nil:
			err = skipLine(br)
		}
		if err == io.EOF {
			return fmt.Errorf("%w: more than %d bytes after seq %d", ErrTorn, MaxRecord, seq-1)
		} else if err != nil {
			return err
		}
		corrupt := &CorruptError{Line: int64(seq), Seq: seq, Offset: offset}
		if len(line) > MaxRecord {
			corrupt.Reason = "the line is longer than a record can be"
			return corrupt
		}
		rec, why := parse(line[:len(line)-1])
		if why == "" && rec.Seq != seq {
			why = fmt.Sprintf("its seq is %d", rec.Seq)
		}
		if why != "" {
			corrupt.Reason = why
			return corrupt
		}
		if err := fn(line[:len(line)-1], rec); err != nil {
			return err
		}
		offset += int64(len(line))
	}
}

// skipLine reads on to the next newline and returns io.EOF when there is none.
func skipLine(br *bufio.Reader) error {
	for {
		if _, err := br.ReadSlice('\n'); err == nil || !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
