package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileName is the log's name in its directory.
const fileName = "audit.log"

// opened is what openFile found.
type opened struct {
	seq  uint64 // of the last record, 0 in a new log
	torn int64  // bytes of a torn last line that were cut off
}

// openFile makes the directory private, locks it, and opens the log after reading
// all of it. What it leaves is on the disk, name included, whatever a crashed
// process had left in the page cache.
func openFile(dir string) (f *file, found opened, err error) {
	f = &file{dir: dir, path: filepath.Join(dir, fileName), lock: -1, fd: -1}
	defer func() {
		if err != nil {
			f.abandon()
		}
	}()
	if err := f.openDir(); err != nil {
		return f, found, err
	}
	if err := f.openLog(); err != nil {
		return f, found, err
	}
	if found, err = f.scan(); err != nil {
		return f, found, err
	}
	if err := f.sync(); err != nil {
		return f, found, err
	}
	return f, found, f.syncNames()
}

// openDir makes the directory, tightens it to 0700 and takes its lock. The lock
// is on the directory itself, so there is no lock file that could be deleted.
func (f *file) openDir() error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("audit directory: %w", err)
	}
	fd, err := unix.Open(f.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("audit directory %s: %w", f.dir, err)
	}
	f.lock = fd
	if err := unix.Fchmod(fd, 0o700); err != nil {
		return fmt.Errorf("audit directory %s cannot be made private: %w", f.dir, err)
	}
	return flock(fd, f.dir)
}

func flock(fd int, path string) error {
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return fmt.Errorf("%w: %s", ErrLocked, path)
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", path, err)
	}
	return nil
}

// openLog opens or creates the log. It is locked too, since it may be moved into
// another directory with its writer still running.
func (f *file) openLog() error {
	flags := unix.O_RDWR | unix.O_CREAT | unix.O_APPEND | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, err := unix.Open(f.path, flags, 0o600)
	if err != nil {
		return fmt.Errorf("audit log %s: %w", f.path, err)
	}
	f.fd = fd
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("audit log %s: %w", f.path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("audit log %s is not a regular file", f.path)
	}
	if err := unix.Fchmod(fd, 0o600); err != nil {
		return fmt.Errorf("audit log %s cannot be made private: %w", f.path, err)
	}
	f.dev, f.ino, f.size = uint64(st.Dev), st.Ino, st.Size
	return flock(fd, f.path)
}

// scan reads the log and cuts off a torn last line.
func (f *file) scan() (opened, error) {
	var found opened
	end := int64(0)
	err := Read(io.NewSectionReader(fdReader(f.fd), 0, f.size), func(line []byte, rec Parsed) error {
		found.seq = rec.Seq
		end += int64(len(line)) + 1
		return nil
	})
	switch {
	case errors.Is(err, ErrTorn):
		found.torn = f.size - end
		if err := unix.Ftruncate(f.fd, end); err != nil {
			return found, fmt.Errorf("cutting the torn last line off audit log %s: %w", f.path, err)
		}
		f.size = end
	case err != nil:
		return found, fmt.Errorf("audit log %s: %w", f.path, err)
	}
	return found, nil
}

// syncNames makes the names of the log and of its directory durable.
func (f *file) syncNames() error {
	if err := unix.Fsync(f.lock); err != nil {
		return fmt.Errorf("audit directory %s: %w", f.dir, err)
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(f.dir)))
	if err != nil {
		return nil // not ours to read; the directory was there before us then
	}
	defer parent.Close()
	if err := parent.Sync(); err != nil {
		return fmt.Errorf("directory above %s: %w", f.dir, err)
	}
	return nil
}

// abandon closes what openFile had opened before it failed.
func (f *file) abandon() {
	for _, fd := range []int{f.fd, f.lock} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// fdReader reads a descriptor at offsets.
type fdReader int

func (fd fdReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := unix.Pread(int(fd), p, off)
	if err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
