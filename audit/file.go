package audit

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// file is the log on disk and every system call on it. It has no lock of its
// own: whoever holds the journal's turn to write owns it, except sync, which the
// kernel orders.
type file struct {
	dir  string
	path string
	lock int    // the open directory, which carries the flock
	fd   int    // the log, O_APPEND
	dev  uint64 // identity of fd, which no other file can have while it is open
	ino  uint64
	size int64 // bytes of whole records that were written successfully
	tail int64 // bytes of a failed write beyond size, still to be cut off
	full bool  // the last failure was for want of space
}

// Space below which a log that ran full stays unavailable, so that the last free
// bytes of a block do not make it come and go; and below which unauthenticated
// requests are only counted.
const (
	resumeSpace = 256 << 10
	lowSpace    = 64 << 20
)

// commit writes whole records at the end of the log and, where sync is set, waits
// for the disk. It returns nil only when they stand in the file at the path. After
// an error the file is as it was, or f.tail says what heal has to cut off.
//
// The check comes last, so that it vouches for the records themselves: since the
// file is opened with O_APPEND, any change by others shows in its size.
func (f *file) commit(b []byte, sync bool) error {
	n, err := writeAll(f.fd, b)
	if err == nil && sync {
		err = f.sync()
	}
	if err == nil {
		err = f.check(f.size + int64(n))
	}
	if err != nil {
		var fatal *fatalError
		if !errors.As(err, &fatal) {
			f.tail = int64(n)
			f.rollback()
		}
		f.full = isFull(err)
		return err
	}
	f.size += int64(n)
	return nil
}

// writeAll writes b and tells how much of it was written, also on error.
func writeAll(fd int, b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Write(fd, b[done:])
		if n > 0 {
			done += n
		}
		switch {
		case err == unix.EINTR:
		case err == unix.EIO:
			return done, &fatalError{cause: err}
		case isFull(err):
			return done, fmt.Errorf("%w (%w)", errFull, err)
		case err != nil:
			return done, fmt.Errorf("the audit log cannot be written: %w", err)
		case n == 0:
			return done, fmt.Errorf("the audit log cannot be written: %w", io.ErrShortWrite)
		}
	}
	return done, nil
}

func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// sync waits until the log's bytes are on the disk. For want of space (file
// systems that allocate late) the caller may cut off what it wrote and go on, as
// all before it was synced; any other failure is fatal.
func (f *file) sync() error {
	for {
		err := unix.Fdatasync(f.fd)
		switch {
		case err == nil:
			return nil
		case err == unix.EINTR:
		case isFull(err):
			return fmt.Errorf("%w (%w)", errFull, err)
		default:
			return &fatalError{cause: err}
		}
	}
}

// check compares what stands at the path with the open file and a size.
func (f *file) check(size int64) error {
	var st unix.Stat_t
	for {
		err := unix.Lstat(f.path, &st)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EIO:
			return &fatalError{cause: err}
		case err != nil:
			return fmt.Errorf("%w (%w)", errMoved, err)
		case uint64(st.Dev) != f.dev || st.Ino != f.ino:
			return errMoved
		case st.Size != size:
			return errSize
		}
		return nil
	}
}

// rollback cuts off the failed write, unless the size shows that others changed
// the file too: then nothing more is cut, and the next Open names the bad line.
func (f *file) rollback() {
	var st unix.Stat_t
	if f.tail == 0 || unix.Fstat(f.fd, &st) != nil {
		return
	}
	if st.Size == f.size+f.tail && unix.Ftruncate(f.fd, f.size) != nil {
		return // heal tries again
	}
	f.tail = 0
}

// heal makes the log fit to be written again, or says why it is not.
func (f *file) heal() error {
	f.rollback()
	if err := f.check(f.size); err != nil {
		return err
	}
	if f.full {
		if free, err := f.free(); err == nil && free < resumeSpace {
			return errFull
		}
	}
	return nil
}

// free is the space in bytes that this process may still fill.
func (f *file) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(f.fd, &st); err != nil {
		return 0, err
	}
	blocks := st.Bavail
	if unix.Geteuid() == 0 {
		blocks = st.Bfree // root may use what is reserved for it
	}
	return int64(blocks) * int64(st.Bsize), nil
}

// close releases the log and the directory's lock.
func (f *file) close() error {
	return errors.Join(unix.Close(f.fd), unix.Close(f.lock))
}
