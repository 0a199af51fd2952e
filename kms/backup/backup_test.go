package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func content() *Content {
	state := bytes.Repeat([]byte{0xa5, 0x01, 0xfe}, 100)
	return &Content{
		Meta: Meta{
			ClusterID: "c1", ClusterEpoch: 1, RosterVersion: 3, Generation: 2, Index: 40, CommandEpoch: 2, CommandSeq: 9, Term: 1,
			Time: time.Unix(1700000000, 5).UTC(), Made: time.Unix(1700000009, 0).UTC(), StateSize: int64(len(state)), Node: "a", Software: "0.4.0",
		},
		Seal: []byte(`{"seal":1}`), Roster: []byte(`{"roster":1}`),
		State: func(w io.Writer) error { _, err := w.Write(state); return err },
		Sign:  func(sums []byte) ([]byte, error) { return append([]byte("signed:"), sums...), nil },
	}
}

func written(t testing.TB, c *Content) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, c); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// all reads everything of a backup into one text.
func all(r io.Reader) (string, error) {
	b, err := NewReader(r)
	if err != nil {
		return "", err
	}
	state, err := io.ReadAll(b)
	if err != nil {
		return "", err
	}
	sums, err := b.Close()
	if err != nil {
		return "", err
	}
	meta, err := b.Meta.marshal()
	return strings.Join([]string{string(meta), string(b.Seal), string(b.Roster), string(state), string(sums.Sums), string(sums.Sealed)}, "\x00"), err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	raw := written(t, content())
	text, err := all(iotest.OneByteReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"generation": 2`, `{"seal":1}`, `{"roster":1}`, "\xa5\x01\xfe", "  state.bin\n", "signed:"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in what was read: %q", want, text)
		}
	}
	b, err := NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Close(); err != nil {
		t.Errorf("a state that nobody read is skipped: %v", err)
	}
}

// Every tool reads it, and checks it.
func TestTheToolsOfASystemReadIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", "tar xzf - && sha256sum --strict -c SHA256SUMS && test -s SHA256SUMS.sealed")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(written(t, content()))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// A flipped bit is noticed, wherever it is, or changes nothing of what is read:
// gzip has a few bits that mean nothing.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	raw := written(t, content())
	sound, err := all(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	silent := 0
	for i := range raw {
		for bit := range 8 {
			if i > 40 && i < len(raw)-40 && bit != i%8 {
				continue // one bit a byte is enough inside
			}
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			got, err := all(bytes.NewReader(bad))
			switch {
			case err == nil && got != sound:
				t.Fatalf("bit %d of byte %d: another content is taken for sound", bit, i)
			case err == nil:
				silent++
			case !errors.Is(err, ErrFormat):
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
	if silent > 64 {
		t.Errorf("%d bits mean nothing; there should be few", silent)
	}
}

func TestEveryTruncationIsNoticed(t *testing.T) {
	t.Parallel()
	raw := written(t, content())
	for n := range raw {
		if _, err := all(bytes.NewReader(raw[:n])); !errors.Is(err, ErrFormat) {
			t.Fatalf("%d of %d bytes: %v", n, len(raw), err)
		}
	}
	for _, more := range []string{"\x00", "x", string(raw)} {
		if _, err := all(strings.NewReader(string(raw) + more)); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes more: %v", len(more), err)
		}
	}
}

// file is one file of an archive that a test makes itself.
type file struct {
	name, content string
	mode          int64
}

func pack(t *testing.T, files []file) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: f.mode, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func unpack(t *testing.T, raw []byte) []file {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var files []file
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{h.Name, string(b), h.Mode})
	}
}

// What somebody who can repair checksums may try: each of these archives is whole.
func TestAnotherArchiveIsRefused(t *testing.T) {
	t.Parallel()
	raw := written(t, content())
	if _, err := all(bytes.NewReader(pack(t, unpack(t, raw)))); err != nil {
		t.Fatalf("an archive that was packed again as it was: %v", err)
	}
	edit := func(name, old, new string) func([]file) []file {
		return func(files []file) []file {
			for i := range files {
				if files[i].name == name {
					if !strings.Contains(files[i].content, old) {
						t.Fatalf("%s does not contain %q", name, old)
					}
					files[i].content = strings.Replace(files[i].content, old, new, 1)
				}
			}
			return files
		}
	}
	for name, change := range map[string]func([]file) []file{
		"another order":      func(f []file) []file { f[1], f[2] = f[2], f[1]; return f },
		"a file more":        func(f []file) []file { return append(f, file{"evil", "x", 0o600}) },
		"a file twice":       func(f []file) []file { return append(f[:2], f[1:]...) },
		"a file less":        func(f []file) []file { return append(f[:2], f[3:]...) },
		"no sealed sums":     func(f []file) []file { return f[:5] },
		"empty sealed sums":  func(f []file) []file { f[5].content = ""; return f },
		"another mode":       func(f []file) []file { f[0].mode = 0o644; return f },
		"another cluster":    edit(fileMeta, `"c1"`, `"c2"`),
		"another generation": edit(fileMeta, `"generation": 2`, `"generation": 3`),
		"another format":     edit(fileMeta, Format, "signet-backdrop"),
		"a later version":    edit(fileMeta, `"format_version": 1`, `"format_version": 2`),
		"meta spelt again":   edit(fileMeta, `"c1"`, ` "c1"`),
		"an unknown member":  edit(fileMeta, `"node":`, `"nodes":`),
		"another seal":       edit(fileSeal, "1", "2"),
		"another roster":     edit(fileRoster, "1", "2"),
		"another state":      edit(fileState, "\xa5", "\xa6"),
		"a longer state":     edit(fileState, "\xa5", "\xa5\xa5"),
		"other sums":         edit(fileSums, "  state.bin", "  state.txt"),
		"a huge seal record": func(f []file) []file { f[1].content = strings.Repeat("x", maxSeal+1); return f },
		"no state at all": func(f []file) []file {
			f = edit(fileMeta, `"state_size": 300`, `"state_size": 0`)(f)
			f[3].content = ""
			return f
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := all(bytes.NewReader(pack(t, change(unpack(t, raw))))); !errors.Is(err, ErrFormat) {
				t.Errorf("taken for sound: %v", err)
			}
		})
	}
}

func TestWritingFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, change := range map[string]func(*Content){
		"the state":      func(c *Content) { c.State = func(io.Writer) error { return boom } },
		"the seal":       func(c *Content) { c.Sign = func([]byte) ([]byte, error) { return nil, boom } },
		"a short state":  func(c *Content) { c.Meta.StateSize++ },
		"a long state":   func(c *Content) { c.Meta.StateSize-- },
		"no cluster":     func(c *Content) { c.Meta.ClusterID = "" },
		"no seal record": func(c *Content) { c.Sign = func([]byte) ([]byte, error) { return nil, boom } },
	} {
		var buf bytes.Buffer
		c := content()
		change(c)
		if err := Write(&buf, c); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := all(&buf); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: what was written passes for a backup: %v", name, err)
		}
	}
	if _, err := all(iotest.ErrReader(boom)); !errors.Is(err, boom) {
		t.Errorf("an error of the source is %v", err)
	}
	raw := written(t, content())
	if _, err := all(io.MultiReader(bytes.NewReader(raw[:len(raw)/2]), iotest.ErrReader(boom))); !errors.Is(err, boom) {
		t.Errorf("an error of the source midway is %v", err)
	}
}

// What parses has one form: the archive of what was read has the same files.
func FuzzReader(f *testing.F) {
	raw := written(f, content())
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		state, err := io.ReadAll(r)
		if err != nil {
			return
		}
		sums, err := r.Close()
		if err != nil {
			return
		}
		again := written(t, &Content{
			Meta: *r.Meta, Seal: r.Seal, Roster: r.Roster,
			State: func(w io.Writer) error { _, err := w.Write(state); return err },
			Sign:  func([]byte) ([]byte, error) { return sums.Sealed, nil },
		})
		first, _ := all(bytes.NewReader(b))
		if second, err := all(bytes.NewReader(again)); err != nil || first != second {
			t.Errorf("it does not survive being written again: %v", err)
		}
	})
}
