package state

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func readLines(lines ...string) (*Tombstones, error) {
	t := NewTombstones()
	for _, line := range lines {
		if err := t.Add([]byte(line)); err != nil {
			return nil, err
		}
	}
	return t, t.Done()
}

// entries is n entries about tokens, from a number on.
func entries(from, n int) string {
	var b []byte
	for i := range n {
		b = append(binary.BigEndian.AppendUint64(b, 0), make([]byte, 8)...)
		binary.BigEndian.PutUint32(b[len(b)-16:], uint32(from+i))
		b = binary.BigEndian.AppendUint32(b, 77)
		b = binary.BigEndian.AppendUint64(b, uint64(markRevoked))
	}
	return `{"issued":"` + base64.StdEncoding.EncodeToString(b) + `"}`
}

func TestTombstoneLinesHaveOneForm(t *testing.T) {
	const (
		destroyed = `{"destroyed":{"mount":"m","name":"a","last":2,"at":5}}`
		key       = `{"key":{"mount":"m","name":"b","latest":3,"min_available":1,"min_decryption":1,"min_encryption":0}}`
		version   = `{"version":{"mount":"m","name":"b","version":2,"state":"compromised","kid":"k","compromised":9}}`
		blocked   = `{"blocked":{"name":"app","since":7}}`
		allowed   = `{"application":"web"}`
	)
	good, err := readLines(destroyed, key, version, blocked, allowed, entries(1, issuedALine), entries(issuedALine+1, 3))
	if err != nil {
		t.Fatal(err)
	}
	if n := good.Counts(); n != (TombstoneCounts{1, 1, 1, 1, issuedALine + 3}) {
		t.Errorf("%+v", n)
	}
	if v := good.versionsOf("m", "b"); len(v) != 1 || v[0].Number != 2 || len(good.versionsOf("m", "a")) != 0 {
		t.Errorf("%+v", v)
	}
	for what, lines := range map[string][]string{
		"nothing":                 {""},
		"no object":               {"1"},
		"an empty object":         {"{}"},
		"a space":                 {" " + key},
		"another order of fields": {`{"key":{"name":"b","mount":"m","latest":3,"min_available":1,"min_decryption":1,"min_encryption":0}}`},
		"an unknown field":        {strings.Replace(key, `"latest"`, `"x":1,"latest"`, 1)},
		"two things":              {strings.TrimSuffix(destroyed, "}") + "," + strings.TrimPrefix(key, "{")},
		"twice":                   {key, key},
		"out of order":            {key, destroyed},
		"names out of order":      {key, strings.Replace(key, `"b"`, `"a"`, 1)},
		"no name":                 {strings.Replace(key, `"b"`, `""`, 1)},
		"a slash in a name":       {strings.Replace(key, `"b"`, `"b/c"`, 1)},
		"a zero byte in a name":   {strings.Replace(key, `"b"`, `"b\u0000c"`, 1)},
		"another issuer":          {strings.Replace(key, `"latest"`, `"issuer":"c","latest"`, 1)},
		"minimum above latest":    {strings.Replace(key, `"min_available":1`, `"min_available":4`, 1)},
		"no version":              {strings.Replace(key, `"latest":3`, `"latest":0`, 1)},
		"an active version":       {key, strings.Replace(version, "compromised", "active", 1)},
		"no state":                {key, strings.Replace(version, `"compromised",`, `"odd",`, 1)},
		"version 0":               {key, strings.Replace(version, `"version":2`, `"version":0`, 1)},
		"a version too many":      {key, strings.Replace(version, `"version":2`, `"version":4`, 1)},
		"a version of nothing":    {version},
		"an unnamed application":  {strings.Replace(blocked, `"app"`, `""`, 1)},
		"not blocked":             {strings.Replace(blocked, `:7`, `:0`, 1)},
		"allowed before blocked":  {allowed, blocked},
		"allowed twice":           {allowed, allowed},
		"no entries":              {`{"issued":""}`},
		"bad base64":              {`{"issued":"?"}`},
		"half an entry":           {`{"issued":"AAAA"}`},
		"entries out of order":    {entries(2, 1) + "", entries(1, 1)},
		"a line that is not full": {entries(1, 2), entries(3, 2)},
		"entries again":           {entries(1, issuedALine), entries(issuedALine, 1)},
		"a mark that none has":    {`{"issued":"` + base64.StdEncoding.EncodeToString(make([]byte, issuedSize)) + `"}`},
		"a line too long":         {`{"blocked":{"name":"` + strings.Repeat("a", MaxTombstoneLine) + `","since":7}}`},
	} {
		if _, err := readLines(lines...); !errors.Is(err, errTombstone) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What is read is what was written, and nothing else is read.
func FuzzTombstones(f *testing.F) {
	m, i := issuing(f, "acme")
	deletable(m, "web")
	m.ok(&DeleteKey{Mount: testMount, Name: "web"})
	id := m.key(i).Token("jti")
	m.ok(revoking(i, Revocation{ID: id[:], Exp: m.now/1e9 + 600}))
	m.ok(&SetVersionState{Mount: testMount, Name: "acme", Issuer: "acme", Number: 1, State: Suspended})
	m.ok(application("app"))
	m.ok(&SetApplicationState{Name: "app", Blocked: true})
	m.ok(application("web"))
	var all bytes.Buffer
	_ = m.s.Tombstones().Each(func(line []byte) error { all.Write(line); return all.WriteByte('\n') })
	f.Add(all.Bytes())
	f.Add([]byte(entries(1, 3) + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := NewTombstones()
		for line := range bytes.Lines(b) {
			whole, ended := bytes.CutSuffix(line, []byte("\n"))
			if !ended || in.Add(whole) != nil {
				return
			}
		}
		if in.Done() != nil {
			return
		}
		var again bytes.Buffer
		if err := in.Each(func(line []byte) error { _, err := fmt.Fprintf(&again, "%s\n", line); return err }); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("%q is read, and %q is written", b, again.Bytes())
		}
	})
}
