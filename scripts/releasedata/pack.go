package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// boltFile is the name of raft's log, wherever the release puts it.
const boltFile = "raft.db"

// pack writes the named files and directories of dir to file, in the order of their names
// and without times or owners.
func pack(file, dir string, names ...string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(dir, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return add(t, dir, path, d)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

func add(t *tar.Writer, dir, path string, d fs.DirEntry) error {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	name = filepath.ToSlash(name)
	if d.IsDir() {
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o700})
	}
	if d.Name() == boltFile {
		if err := zeroFreePages(path); err != nil {
			return err
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err = t.Write(content)
	return err
}

// zeroFreePages overwrites what a bbolt file says that nobody reads: free pages,
// which still hold deleted entries, and the rest of the file after the last page.
func zeroFreePages(path string) error {
	type span struct{ from, to int64 }
	var unused []span
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return err
	}
	size := int64(db.Info().PageSize)
	err = db.View(func(tx *bbolt.Tx) error {
		for id := 2; int64(id)*size < tx.Size(); { // the first two are the meta pages
			p, err := tx.Page(id)
			if err != nil {
				return err
			}
			next := id + 1 + p.OverflowCount
			if p.Type == "free" {
				next = id + 1
				unused = append(unused, span{int64(id) * size, int64(next) * size})
			}
			id = next
		}
		unused = append(unused, span{tx.Size(), 0})
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, s := range unused {
		if s.to == 0 {
			s.to = int64(len(content))
		}
		clear(content[min(s.from, s.to):s.to])
	}
	return os.WriteFile(path, content, 0o600)
}
