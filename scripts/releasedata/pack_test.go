package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// What is deleted is gone from the file, what is there stays, and the file is
// still one that bbolt finds nothing wrong with.
func TestZeroFreePagesTouchesNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), boltFile)
	bucket := []byte("b")
	name := func(i int) []byte { return fmt.Appendf(nil, "%04d", i) }
	content := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "<%04d>", i), 40+i*9) } // some take several pages
	change := func(f func(b *bbolt.Bucket) error) {
		t.Helper()
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			return f(b)
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	const all, deleted = 300, 200
	change(func(b *bbolt.Bucket) error {
		var errs error
		for i := range all {
			errs = errors.Join(errs, b.Put(name(i), content(i)))
		}
		return errs
	})
	change(func(b *bbolt.Bucket) error {
		var errs error
		for i := range deleted {
			errs = errors.Join(errs, b.Delete(name(i)))
		}
		return errs
	})
	if err := zeroFreePages(path); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if left := bytes.Count(file, []byte("<0100>")); left != 0 {
		t.Errorf("a deleted entry is left %d times", left)
	}
	change(func(b *bbolt.Bucket) error {
		for i := range all {
			want := content(i)
			if i < deleted {
				want = nil
			}
			if !bytes.Equal(b.Get(name(i)), want) {
				return fmt.Errorf("entry %d is another one", i)
			}
		}
		for err := range b.Tx().Check() {
			return err
		}
		return nil
	})
}
