package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestParseRefuses: what differs by a byte from what the log writes is no record.
func TestParseRefuses(t *testing.T) {
	const good = `{"seq":1,"time":"2026-11-03T12:00:00.000000000Z","type":"node","detail":"é\n\"x\"","fields":{"a":"b","c":""}}`
	ok := strings.Replace(good, "é", `\u00e9`, 1)
	if _, why := parse([]byte(ok)); why != "" {
		t.Fatalf("the example is refused: %s", why)
	}
	for name, edit := range map[string][2]string{
		"leading zero":      {`"seq":1`, `"seq":01`},
		"negative":          {`"seq":1`, `"seq":-1`},
		"fraction":          {`"seq":1`, `"seq":1.0`},
		"too large":         {`"seq":1`, `"seq":18446744073709551616`},
		"no seq":            {`"seq":1,`, ``},
		"space":             {`"seq":1,`, `"seq":1, `},
		"case":              {`"seq"`, `"Seq"`},
		"zone":              {`000Z`, `000+00:00`},
		"short fraction":    {`.000000000Z`, `.000Z`},
		"no such day":       {`11-03`, `11-31`},
		"time garbage":      {`2026-11-03T`, `2026-11-03 `},
		"order":             {`"type":"node","detail":"\u00e9\n\"x\""`, `"detail":"x","type":"node"`},
		"twice":             {`"type":"node"`, `"type":"node","type":"node"`},
		"unknown field":     {`"type":"node"`, `"type":"node","extra":"x"`},
		"empty field":       {`"type":"node"`, `"type":""`},
		"number as text":    {`"type":"node"`, `"type":7`},
		"null":              {`"type":"node"`, `"type":null`},
		"raw UTF-8":         {`\u00e9`, `é`},
		"upper-case hex":    {`\u00e9`, `\u00E9`},
		"needless escape":   {`"node"`, `"\u006eode"`},
		"escaped slash":     {`"node"`, `"no\/de"`},
		"other escape":      {`\n`, `\b`},
		"long escape":       {`\n`, `\u000a`},
		"half an escape":    {`\u00e9`, `\u00e`},
		"lone surrogate":    {`\u00e9`, `\ud800`},
		"lone low":          {`\u00e9`, `\udc00`},
		"two high":          {`\u00e9`, `\ud800\ud800`},
		"raw newline":       {`\n`, "\n"},
		"raw control":       {`\n`, "\x01"},
		"field order":       {`"a":"b","c":""`, `"c":"","a":"b"`},
		"field twice":       {`"a":"b","c":""`, `"a":"b","a":""`},
		"no fields":         {`{"a":"b","c":""}`, `{}`},
		"field number":      {`"a":"b"`, `"a":1`},
		"late false":        {`,"fields"`, `,"late":false,"fields"`},
		"zero":              {`,"fields"`, `,"count":0,"fields"`},
		"minus zero":        {`,"fields"`, `,"count":-0,"fields"`},
		"count too large":   {`,"fields"`, `,"count":9223372036854775808,"fields"`},
		"duration too long": {`,"fields"`, `,"duration_us":9223372036854776,"fields"`},
		"empty list":        {`,"detail"`, `,"policies":[],"detail"`},
		"open list":         {`,"detail"`, `,"policies":["a","detail"`},
		"empty hashes":      {`,"fields"`, `,"hashes":[],"fields"`},
		"hash without index": {
			`,"fields"`, `,"hashes":[{"input":"x"}],"fields"`},
		"claim twice":       {`,"detail"`, `,"claims":{"a":"1","b":"2","a":"1"},"detail"`},
		"no claims":         {`,"detail"`, `,"claims":{},"detail"`},
		"claim number":      {`,"detail"`, `,"claims":{"a":1},"detail"`},
		"claims unfinished": {`,"detail"`, `,"claims":{"a":"1","detail"`},
		"empty jti":         {`,"detail"`, `,"jti":"","detail"`},
		"profile first":     {`,"detail"`, `,"profile":"a","issuer":"b","detail"`},
		"version too large": {`,"detail"`, `,"key_version":4294967296,"detail"`},
		"negative version":  {`,"detail"`, `,"key_version":-1,"detail"`},
		"bytes after":       {`}}`, `}} `},
		"second object":     {`}}`, `}}{}`},
		"cut":               {`}}`, `}`},
		"nothing":           {ok, ``},
		"NUL":               {ok, "\x00\x00"},
		"array":             {ok, `[]`},
	} {
		bad := strings.Replace(ok, edit[0], edit[1], 1)
		if bad == ok {
			t.Errorf("%s: the edit changes nothing", name)
		}
		if _, why := parse([]byte(bad)); why == "" {
			t.Errorf("%s: accepted %s", name, bad)
		}
	}
	for i := range ok {
		if _, why := parse([]byte(ok[:i])); why == "" {
			t.Errorf("accepted %s", ok[:i])
		}
	}
}

// FuzzParse: whatever is accepted is JSON and encodes to the same bytes.
func FuzzParse(f *testing.F) {
	r := full()
	b := line(1, time.Unix(0, 0), &r)
	f.Add(b[:len(b)-1])
	for _, s := range nasty {
		r := hostile(s)
		b := line(1, time.Unix(1, 1), &r)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, why := parse(in)
		if why != "" {
			return
		}
		if !json.Valid(in) {
			t.Fatalf("accepted what is not JSON: %q", in)
		}
		if again := encodeParsed(p); !bytes.Equal(again, append(bytes.Clone(in), '\n')) {
			t.Fatalf("accepted %q\nencodes to %q", in, again)
		}
	})
}

// FuzzRead: a reader of arbitrary files stops with one of its errors and never
// hands out a gap.
func FuzzRead(f *testing.F) {
	r := full()
	two := append(line(1, time.Unix(0, 0), &r), line(2, time.Unix(0, 0), &r)...)
	f.Add(two)
	f.Add(two[:len(two)-3])
	f.Add([]byte("\n\n"))
	f.Add(bytes.Repeat([]byte("x"), 3*MaxRecord))
	f.Fuzz(func(t *testing.T, in []byte) {
		n, size := uint64(0), 0
		err := Read(bytes.NewReader(in), func(l []byte, rec Parsed) error {
			n++
			size += len(l) + 1
			if rec.Seq != n {
				t.Fatalf("seq %d as number %d", rec.Seq, n)
			}
			return nil
		})
		if err == nil && size != len(in) {
			t.Fatalf("read %d of %d bytes and found no fault", size, len(in))
		}
	})
}
