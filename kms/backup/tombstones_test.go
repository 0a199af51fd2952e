package backup

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func tombstones(lines ...string) *TombstonesContent {
	return &TombstonesContent{
		Meta: TombstonesMeta{ClusterID: "c", ClusterEpoch: 1, Index: 9, CommandEpoch: 2, CommandSeq: 3, Term: 1, Time: time.Unix(1, 5).UTC(), Node: "n", Software: "1"},
		Seal: []byte(`{"format":1}`),
		Each: func(fn func([]byte) error) error {
			for _, l := range lines {
				if err := fn([]byte(l)); err != nil {
					return err
				}
			}
			return nil
		},
		Sign: func(sum []byte) ([]byte, error) { return append([]byte("sealed "), sum...), nil },
	}
}

func asTombstones(t testing.TB, c *TombstonesContent) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := WriteTombstones(&buf, c); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestTombstonesAreReadAsTheyWereWritten(t *testing.T) {
	raw := asTombstones(t, tombstones(`{"a":1}`, `{"b":2}`))
	var lines []string
	got, err := ReadTombstones(iotest.OneByteReader(bytes.NewReader(raw)), func(l []byte) error { lines = append(lines, string(l)); return nil })
	if err != nil || strings.Join(lines, " ") != `{"a":1} {"b":2}` || got.Lines != 2 || got.Meta.Index != 9 || string(got.Seal) != `{"format":1}` {
		t.Fatalf("%+v, %v, %v", got, lines, err)
	}
	before := raw[:bytes.LastIndexByte(raw[:len(raw)-1], '\n')+1]
	if sum := sha256.Sum256(before); !bytes.Equal(got.Sum, sum[:]) || string(got.Signed) != "sealed "+string(sum[:]) {
		t.Error("the sum is not that of all that stands before the last line")
	}
}

// Each change of a byte is refused, or seen in what the barrier is asked about.
func TestChangedTombstonesAreRefused(t *testing.T) {
	raw := asTombstones(t, tombstones(`{"a":1}`, `{"b":2}`))
	accept := func([]byte) error { return nil }
	good, err := ReadTombstones(bytes.NewReader(raw), accept)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for _, to := range []byte{raw[i] ^ 1, '\n', '"', '0'} {
			bad := bytes.Clone(raw)
			if bad[i] = to; to == raw[i] {
				continue
			}
			got, err := ReadTombstones(bytes.NewReader(bad), accept)
			if err != nil && !errors.Is(err, ErrTombstones) {
				t.Errorf("byte %d: %v", i, err)
			}
			if err == nil && bytes.Equal(got.Sum, good.Sum) && bytes.Equal(got.Signed, good.Signed) {
				t.Errorf("byte %d is %q and nobody sees it", i, to)
			}
		}
		if _, err := ReadTombstones(bytes.NewReader(raw[:i]), accept); !errors.Is(err, ErrTombstones) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	text := string(raw)
	for what, bad := range map[string]string{
		"something behind the end": text + "{}\n",
		"a record less":            strings.Replace(text, "{\"a\":1}\n", "", 1),
		"a long line":              strings.Replace(text, `{"a":1}`, strings.Repeat("a", maxRecordLine+1), 1),
		"of a later version":       strings.Replace(text, `"format_version":1`, `"format_version":2`, 1),
		"a backup":                 strings.Replace(text, TombstonesFormat, Format, 1),
	} {
		if _, err := ReadTombstones(strings.NewReader(bad), accept); !errors.Is(err, ErrTombstones) {
			t.Errorf("%s: %v", what, err)
		}
	}
	broken := errors.New("broken")
	if _, err := ReadTombstones(io.MultiReader(strings.NewReader(text[:200]), iotest.ErrReader(broken)), accept); !errors.Is(err, broken) || errors.Is(err, ErrTombstones) {
		t.Errorf("a source that breaks: %v", err)
	}
	if _, err := ReadTombstones(bytes.NewReader(raw), func([]byte) error { return broken }); !errors.Is(err, ErrTombstones) || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("a record that is none: %v", err)
	}
}

func TestTombstonesThatCannotBeWritten(t *testing.T) {
	broken := errors.New("broken")
	c := tombstones("{}")
	c.Sign = func([]byte) ([]byte, error) { return nil, broken }
	if err := WriteTombstones(io.Discard, c); !errors.Is(err, broken) {
		t.Error(err)
	}
	c = tombstones("{}")
	c.Each = func(func([]byte) error) error { return broken }
	if err := WriteTombstones(io.Discard, c); !errors.Is(err, broken) {
		t.Error(err)
	}
	c = tombstones()
	c.Meta.ClusterID = ""
	if err := WriteTombstones(io.Discard, c); !errors.Is(err, ErrTombstones) {
		t.Error(err)
	}
}

func FuzzReadTombstones(f *testing.F) {
	f.Add(asTombstones(f, tombstones(`{"a":1}`, `{"b":2}`)))
	f.Add(asTombstones(f, tombstones()))
	f.Add([]byte("{}\n{}\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var lines []string
		got, err := ReadTombstones(bytes.NewReader(b), func(l []byte) error { lines = append(lines, string(l)); return nil })
		if err != nil {
			return
		}
		c := tombstones(lines...)
		c.Meta, c.Seal, c.Sign = *got.Meta, got.Seal, func([]byte) ([]byte, error) { return got.Signed, nil }
		if again := asTombstones(t, c); !bytes.Equal(again, b) {
			t.Fatalf("%q is read, and %q is written", b, fmt.Sprint(string(again)))
		}
	})
}
