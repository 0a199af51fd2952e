package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// full has every field set.
func full() Record {
	return Record{
		Type: TypeRequest, RequestID: "req-1", Operation: "transit/sign", Method: "POST",
		Path: "transit/sign/k", Accessor: "acc", DisplayName: "ci", Application: "billing",
		Policies: []string{"default", "sign"}, Remote: "[::1]:80", Key: "k", KID: "k-1",
		KeyVersion: 3, Alg: "ES256",
		Issuer: "acme", Profile: "access", JTI: "AAAA", Claims: []Claim{{"sub", "user:1"}, {"", ""}, {"role", "hmac-sha256:22"}},
		Outcome: OutcomeOK, Code: "c", Detail: "d",
		Duration: 87 * time.Microsecond, Input: "hmac-sha256:00", Output: "hmac-sha256:11",
		Items: 2, Chunk: 1, Hashes: []ItemHash{{Index: 0, Input: "a", Output: "b", KeyVersion: 1}, {Index: 1, Code: "bad", JTI: "BBBB", Claims: []Claim{{"z", "1"}, {"a", "2"}}}},
		Proposal: "p", Count: 4, Late: true, Fields: map[string]string{"b": "2", "a": "1", "": ""},
	}
}

func line(seq uint64, at time.Time, r *Record) []byte {
	var s stamper
	return appendBody(s.append(nil, seq, at), r, "node-1")
}

// TestFormat pins the bytes: logs are kept for years and read by others.
func TestFormat(t *testing.T) {
	r := full()
	at := time.Date(2026, 11, 3, 12, 0, 0, 5, time.FixedZone("CET", 3600))
	want := `{"seq":7,"time":"2026-11-03T11:00:00.000000005Z","type":"request","node":"node-1","request_id":"req-1",` +
		`"operation":"transit/sign","method":"POST","path":"transit/sign/k","accessor":"acc","display_name":"ci",` +
		`"application":"billing","policies":["default","sign"],"remote":"[::1]:80","key":"k","kid":"k-1","key_version":3,` +
		`"alg":"ES256","issuer":"acme","profile":"access","jti":"AAAA","claims":{"sub":"user:1","":"","role":"hmac-sha256:22"},"outcome":"ok","code":"c","detail":"d","duration_us":87,"input":"hmac-sha256:00",` +
		`"output":"hmac-sha256:11","items":2,"chunk":1,"hashes":[{"index":0,"input":"a","output":"b","key_version":1},` +
		`{"index":1,"code":"bad","jti":"BBBB","claims":{"z":"1","a":"2"}}],"proposal":"p","count":4,"late":true,"fields":{"":"","a":"1","b":"2"}}` + "\n"
	if got := string(line(7, at, &r)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var empty Record
	if got := string(appendBody(nil, &empty, "")); got != "}\n" {
		t.Errorf("an empty record has fields: %s", got)
	}
}

// TestEveryFieldIsWritten sets one field of Record at a time: each must show in
// the line and come back from it.
func TestEveryFieldIsWritten(t *testing.T) {
	typ := reflect.TypeFor[Record]()
	from := reflect.ValueOf(full())
	for i := range typ.NumField() {
		name := typ.Field(i).Name
		if name == "Seq" || name == "Time" || name == "Node" {
			continue // set by the log
		}
		var r Record
		reflect.ValueOf(&r).Elem().Field(i).Set(from.Field(i))
		if reflect.ValueOf(r).Field(i).IsZero() {
			t.Errorf("full() does not set %s", name)
		}
		b := line(1, time.Unix(0, 0), &r)
		p, why := parse(b[:len(b)-1])
		if why != "" {
			t.Errorf("%s: %s in %s", name, why, b)
		}
		if !reflect.DeepEqual(reflect.ValueOf(p.Record).Field(i).Interface(), from.Field(i).Interface()) {
			t.Errorf("%s is lost in %s", name, b)
		}
	}
}

var nasty = []string{
	"plain", "", `quote " and \ backslash`, "a\nb\r\nc\td", "\x00\x01\x1f\x7f", "\u0085\u009b31mred",
	"\u2028\u2029", "\u202egnp.exe", "\ufeff\u200b", "grüße 日本 🔑", "\xff\xfe", "cut\xe2\x82", "\xed\xa0\x80",
	"\x1b[2J", `{"seq":99}`, "\n{\"seq\":2,\"time\":\"2026-11-03T12:00:00.000000000Z\",\"outcome\":\"ok\"}\n",
	`</script>`, "\ufffd",
}

// TestNoInjection puts hostile text in every field: a record stays one line of
// printable ASCII, and encoding/json reads the text back.
func TestNoInjection(t *testing.T) {
	for _, s := range nasty {
		r := hostile(s)
		b := line(1, time.Unix(0, 0), &r)
		checkLine(t, b)
		var back struct {
			Path, Detail, Remote string
			Policies             []string
			Fields               map[string]string
			Hashes               []struct{ Input string }
		}
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q: %v in %s", s, err, b)
		}
		want := jsonText(s)
		for _, got := range []string{back.Path, back.Detail, back.Remote, back.Policies[0], back.Fields["x"], back.Hashes[0].Input} {
			if got != want {
				t.Errorf("wrote %q, read %q from %s", s, got, b)
			}
		}
	}
}

func hostile(s string) Record {
	return Record{
		Type: s, RequestID: s, Operation: s, Method: s, Path: s, Accessor: s, DisplayName: s, Application: s,
		Policies: []string{s, s}, Remote: s, Key: s, KID: s, Alg: s, Issuer: s, Profile: s, JTI: s, Claims: []Claim{{s, s}, {"x" + s, s}}, Outcome: s, Code: s, Detail: s, Input: s,
		Output: s, Hashes: []ItemHash{{Input: s, Output: s, Code: s, JTI: s, Claims: []Claim{{s, s}}}}, Proposal: s, Fields: map[string]string{s: s, "x": s},
	}
}

// jsonText is s as encoding/json would keep it: invalid UTF-8 replaced.
func jsonText(s string) string {
	b, _ := json.Marshal(s)
	var back string
	json.Unmarshal(b, &back)
	return back
}

// checkLine fails unless b is one line of printable ASCII within MaxRecord that
// parses and encodes to itself.
func checkLine(t testing.TB, b []byte) Parsed {
	t.Helper()
	if len(b) > MaxRecord || len(b) == 0 || b[len(b)-1] != '\n' {
		t.Fatalf("%d bytes, end %q", len(b), b[max(0, len(b)-1):])
	}
	for i, c := range b[:len(b)-1] {
		if c < 0x20 || c > 0x7e {
			t.Fatalf("byte %#x at %d of %q", c, i, b)
		}
	}
	p, why := parse(b[:len(b)-1])
	if why != "" {
		t.Fatalf("%s: %s", why, b)
	}
	if again := encodeParsed(p); !bytes.Equal(again, b) {
		t.Fatalf("wrote    %s\nread and wrote %s", b, again)
	}
	return p
}

func encodeParsed(p Parsed) []byte {
	var s stamper
	return appendFields(s.append(nil, p.Seq, p.Time), &p.Record, p.Node, p.Truncated)
}

// TestOversized: a record that is too long is cut and says so; its short fields
// stay.
func TestOversized(t *testing.T) {
	many := make([]ItemHash, 5000)
	for i := range many {
		many[i] = ItemHash{Index: i, Input: "hmac-sha256:" + strings.Repeat("a", 64)}
	}
	lots := map[string]string{}
	for i := range 5000 {
		lots[fmt.Sprint("field", i)] = "value"
	}
	invalid := map[string]string{"\xff": "1", "\xfe": "2", "ok": "3"}
	policies := make([]string, 20_000)
	for i := range policies {
		policies[i] = "policy"
	}
	claims := make([]Claim, 5000)
	for i := range claims {
		claims[i] = Claim{fmt.Sprint("claim", i), "hmac-sha256:" + strings.Repeat("a", 64)}
	}
	long := strings.Repeat("x", 1<<20)
	for name, r := range map[string]Record{
		"path":          {Path: long},
		"multi-byte":    {Detail: strings.Repeat("€", 1<<18)},
		"controls":      {Remote: strings.Repeat("\x00", 1<<20)},
		"invalid":       {Remote: strings.Repeat("\x80", 1<<20)},
		"policies":      {Policies: policies},
		"hashes":        {Hashes: many},
		"fields":        {Fields: lots},
		"field key":     {Fields: map[string]string{long: "v", long + "y": "w"}},
		"equal keys":    {Fields: invalid},
		"claims":        {Claims: claims},
		"equal claims":  {Claims: []Claim{{long, "v"}, {long + "y", "w"}}},
		"claims inside": {Hashes: []ItemHash{{Claims: claims}, {Claims: []Claim{{"\xff", "1"}, {"\xfe", "2"}}}}},
		"everything":    hostile(strings.Repeat("\x01", 100_000)),
		"just too big":  {Path: strings.Repeat("x", MaxRecord-100)},
	} {
		r.RequestID, r.Operation, r.Outcome, r.KeyVersion = "req-1", "transit/sign", OutcomeOK, 9
		p := checkLine(t, line(1<<63, time.Unix(0, 0), &r))
		if !p.Truncated {
			t.Errorf("%s: not marked truncated", name)
		}
		if p.RequestID != "req-1" || p.Operation != "transit/sign" || p.Outcome != OutcomeOK || p.KeyVersion != 9 {
			t.Errorf("%s: short fields were cut: %+v", name, p.Record)
		}
	}
	fits := Record{Path: strings.Repeat("x", MaxRecord-200)}
	if p := checkLine(t, line(1, time.Unix(0, 0), &fits)); p.Truncated || p.Path != fits.Path {
		t.Error("a record that fits was cut")
	}
	body := len(appendBody(nil, &Record{}, ""))
	for n := MaxRecord - maxStamp - body - len(`,"path":""`) - 2; n < MaxRecord-maxStamp+2; n++ {
		checkLine(t, line(1<<64-1, time.Unix(0, 0), &Record{Path: strings.Repeat("x", n)}))
	}
}

// TestTheFirstClaimsStay: whoever adds claims to a token does not push those out of
// its record that are to be read.
func TestTheFirstClaimsStay(t *testing.T) {
	claims := []Claim{{"sub", "user:1"}, {"role", "clerk"}}
	for i := range 400 {
		claims = append(claims, Claim{strings.Repeat("n", 200) + fmt.Sprint(i), HashPrefix + strings.Repeat("f", 64)})
	}
	p := checkLine(t, line(1, time.Unix(0, 0), &Record{JTI: "AAAA", Claims: claims}))
	if !p.Truncated || p.JTI != "AAAA" || len(p.Claims) < 20 || p.Claims[0] != claims[0] || p.Claims[1] != claims[1] {
		t.Errorf("left of %d claims: %d, truncated %v", len(claims), len(p.Claims), p.Truncated)
	}
}

// TestChunkFits keeps the promise of ChunkItems.
func TestChunkFits(t *testing.T) {
	r := full()
	r.Hashes = make([]ItemHash, ChunkItems)
	for i := range r.Hashes {
		h := HashPrefix + strings.Repeat("f", 64)
		r.Hashes[i] = ItemHash{Index: 1_000_000 + i, Input: h, Output: h, Code: strings.Repeat("c", 32), KeyVersion: 1<<32 - 1}
	}
	if p := checkLine(t, line(1, time.Unix(0, 0), &r)); p.Truncated {
		t.Error("a chunk of ChunkItems was cut")
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range nasty {
		f.Add(s, "key", uint32(1), int64(5), int64(1), uint64(1))
	}
	f.Add(strings.Repeat("\x00", 40_000), "k", uint32(0), int64(-1), int64(-5), uint64(1<<63))
	f.Fuzz(func(t *testing.T, s, key string, version uint32, us, sec int64, seq uint64) {
		r := hostile(s)
		r.Fields[key] = s
		r.KeyVersion, r.Count, r.Items = version, us, int(us)
		r.Duration = time.Duration(us)
		at := time.Unix(sec%250_000_000_000, us&0x3fff_ffff)
		if y := at.UTC().Year(); y < 0 || y > 9999 {
			return
		}
		b := line(seq, at, &r)
		p := checkLine(t, b)
		var back map[string]any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&back); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		if back["seq"].(json.Number).String() != fmt.Sprint(seq) || !p.Time.Equal(at) {
			t.Fatalf("seq or time is lost: %s", b)
		}
		if got, _ := back["path"].(string); !p.Truncated && got != jsonText(s) || p.Path != got {
			t.Fatalf("wrote %q, read %q", s, got)
		}
	})
}
