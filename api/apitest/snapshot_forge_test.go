package apitest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/signet-kms/signet/api/apitest"
)

// forge packs a snapshot again with one text in meta.json replaced, and checksums
// that are right for it: all that somebody without the barrier can do.
func forge(t *testing.T, raw []byte, old, replacement string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	w := tar.NewWriter(zw)
	sums := ""
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		switch h.Name {
		case "meta.json":
			if !strings.Contains(string(content), old) {
				t.Fatalf("no %q in %s", old, content)
			}
			content = []byte(strings.Replace(string(content), old, replacement, 1))
		case "SHA256SUMS":
			content = []byte(sums)
		}
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(content), h.Name)
		h.Size = int64(len(content))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A file whose checksums are right is still not the cluster's.
func TestAForgedSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	n := apitest.New(t)
	raw := save(t, n)
	wantStatus(t, verify(n, forge(t, raw, `"software"`, `"software"`)), 200) // packed again as it was
	for _, text := range []string{`"software": "0`, `"generation": 0`, `"roster_version": 0`} {
		r := verify(n, forge(t, raw, text, text[:len(text)-1]+"9"))
		wantError(t, r, 400, "bad_snapshot")
	}
}
