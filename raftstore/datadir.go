package raftstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The files of a data directory.
const (
	lockFile        = "lock"
	logFile         = "raft.db"
	nodeKeyFile     = "node.key"
	nodeIDFile      = "node-id"
	incarnationFile = "node-incarnation"
	nodeCertFile    = "node.crt"
	rosterFile      = "roster"
	snapshotsDir    = "snapshots"

	// tempSuffix ends the names of files being made. It is raft's own suffix
	// for snapshots being made, too.
	tempSuffix = ".tmp"
)

// dataDir is a data directory that this process alone holds.
type dataDir struct {
	path string
	lock *os.File // flock held while open
}

// openDataDir makes path if it is missing, locks it, removes what a crash left
// half made and tightens all modes. Errors: ErrLocked, and those of the file
// system.
func openDataDir(path string) (_ *dataDir, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	// Before the lock file is looked at: nobody else can then put one there.
	if err := os.Chmod(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory private, which its owner must do: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	d := &dataDir{path: path, lock: lock}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	// The kernel drops the lock with the process, however that ends.
	switch err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if err := d.sweep(); err != nil {
		return nil, err
	}
	return d, d.tighten()
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

func (d *dataDir) close() { d.lock.Close() }

// sweep removes files and snapshots that a crash left half made. The lock is
// held, so nobody is making them now. Temporary files of other names belong to
// others.
func (d *dataDir) sweep() error {
	for _, name := range []string{logFile, nodeKeyFile, nodeIDFile, incarnationFile, nodeCertFile, rosterFile} {
		if err := os.RemoveAll(d.file(name + tempSuffix)); err != nil {
			return err
		}
	}
	halfMade, err := filepath.Glob(filepath.Join(d.file(snapshotsDir), "*"+tempSuffix))
	if err != nil {
		return err
	}
	for _, path := range halfMade {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// tighten makes every directory 0700 and every file 0600. Symbolic links are
// left alone: a mode set through one would land outside the directory.
func (d *dataDir) tighten() error {
	return filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.Chmod(path, 0o700)
		case e.Type().IsRegular():
			return os.Chmod(path, 0o600)
		}
		return nil
	})
}

// exists tells whether the directory has an entry of that name.
func (d *dataDir) exists(name string) (bool, error) {
	_, err := os.Lstat(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// free returns the bytes that an unprivileged process may still write.
func (d *dataDir) free() (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return 0, fmt.Errorf("asking for the free space of %s: %w", d.path, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// create writes a new file, whole or not at all, also through a crash.
func (d *dataDir) create(name string, data []byte) error {
	temp := d.file(name + tempSuffix)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return d.publish(name)
}

// replace writes a file anew, whole or not at all, also through a crash.
func (d *dataDir) replace(name string, data []byte) error {
	if err := os.RemoveAll(d.file(name + tempSuffix)); err != nil {
		return err
	}
	return d.create(name, data)
}

// publish gives a finished temporary file its name, durably.
func (d *dataDir) publish(name string) error {
	if err := os.Rename(d.file(name+tempSuffix), d.file(name)); err != nil {
		return err
	}
	return syncDir(d.path)
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing directory %s: %w", path, err)
	}
	return nil
}
