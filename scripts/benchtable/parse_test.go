package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 7 8 20 0 9 0 100 200 300 18446744073709551615\n"

func TestStat(t *testing.T) {
	if got, err := parseStat(stat); err != nil || got != 1750*time.Millisecond {
		t.Errorf("%v, %v", got, err)
	}
	for name, text := range map[string]string{
		"empty": "", "short": "42 (x) S 1 2 3", "no number": strings.Replace(stat, " 25 ", " x ", 1),
		"negative": strings.Replace(stat, " 25 ", " -25 ", 1), "too much": strings.Replace(stat, " 25 ", " 9223372036854775807 ", 1),
	} {
		if got, err := parseStat(text); !errors.Is(err, errProc) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc")
	}
	for begin := time.Now(); time.Since(begin) < 30*time.Millisecond; { // so that there is CPU time
	}
	if cpu, err := cpuTime(os.Getpid()); err != nil || cpu <= 0 {
		t.Errorf("of this process: %v, %v", cpu, err)
	}
	if mib, err := resident(os.Getpid()); err != nil || mib < 1 {
		t.Errorf("of this process: %v MiB, %v", mib, err)
	}
}

func TestStatus(t *testing.T) {
	if got, err := parseStatus("Name:\tVmRSS\nVmHWM:\t 9999 kB\nVmRSS:\t    2560 kB\n"); err != nil || got != 2.5 {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "VmHWM:\t1 kB\n", "VmRSS:\t1 MB\n", "VmRSS:\t-1 kB\n", "VmRSS:\n"} {
		if got, err := parseStatus(text); !errors.Is(err, errProc) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestAnswersOfHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		status int
		body   string
	}{
		"length":        {"HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 5\r\n\r\nhelloNEXT", 200, "hello"},
		"lower case":    {"HTTP/1.1 400 Bad\r\ncontent-length:2\r\n\r\nno", 400, "no"},
		"chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, my world\r\n0\r\n\r\nNEXT", 200, "hello, my world"},
		"empty":         {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
		"without":       {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		"no reason":     {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, ""},
		"feeds alone":   {"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, "x"},
		"body of lines": {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\r\n\r\n", 200, "\r\n\r\n"},
	} {
		in := bufio.NewReader(iotest.OneByteReader(strings.NewReader(c.text)))
		status, body, err := readAnswer(in, nil)
		if err != nil || status != c.status || string(body) != c.body {
			t.Errorf("%s: %d, %q, %v", name, status, body, err)
		}
		if rest, _ := io.ReadAll(in); strings.Contains(c.text, "NEXT") && string(rest) != "NEXT" {
			t.Errorf("%s: it leaves %q", name, rest)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "no HTTP": "hello\r\n", "HTTP/2": "HTTP/2 200\r\n\r\n", "status": "HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
		"interim": "HTTP/1.1 100 Continue\r\n\r\n", "no length": "HTTP/1.1 200 OK\r\n\r\n", "short": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"negative": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "huge": "HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n",
		"bad chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"long chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
		"trailer":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
		"long line":  "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<13) + "\r\nContent-Length: 0\r\n\r\n",
	} {
		if status, body, err := readAnswer(bufio.NewReader(strings.NewReader(text)), nil); err == nil {
			t.Errorf("%s: %d, %q", name, status, body)
		}
	}
}

func TestItems(t *testing.T) {
	got, err := parseItems([]byte(`{"request_id":"r","data":{"signature":"vault:v1:x","key_version":1}}`), 0)
	if err != nil || len(got) != 1 || got[0].Signature != "vault:v1:x" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = parseItems([]byte(`{"data":{"batch_results":[{"valid":true},{"hmac":"vault:v1:y"}]}}`), 2)
	if err != nil || len(got) != 2 || !got[0].Valid || got[1].HMAC != "vault:v1:y" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{``, `{"data":{"batch_results":[{}]}}`, `{"data":{"batch_results":[{},{"error":"no"}]}}`, `{"data":{"signature":"x"}}`} {
		if got, err := parseItems([]byte(text), 2); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestSpell(t *testing.T) {
	if got := string(spell(`"a":1,`, []string{`"b":2`}, false)); got != `{"a":1,"b":2}` {
		t.Error(got)
	}
	if got := string(spell(`"a":1,`, []string{`"b":2`, `"b":3`}, true)); got != `{"a":1,"batch_input":[{"b":2},{"b":3}]}` {
		t.Error(got)
	}
}

func TestSmallParsers(t *testing.T) {
	for line, want := range map[string]string{
		"signet ready addr=http://127.0.0.1:8200 mode=dev\n": "127.0.0.1:8200",
		"benchfloor ready addr=http://127.0.0.1:1\n":         "127.0.0.1:1",
		"signet ready addr=https://127.0.0.1:8200\n":         "", "starting\n": "", "": "",
	} {
		if got := readyAddr(line); got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
	if v, d, err := split("vault:v12:a:b"); v != "12" || d != "a:b" || err != nil {
		t.Errorf("%q, %q, %v", v, d, err)
	}
	for _, s := range []string{"", "vault:v1", "vault:v:x", "vault:v1:", "hash:v1:x"} {
		if _, _, err := split(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
	times, err := parseBenchmark("goos: linux\nBenchmarkX-2 \t 100\t 1850 ns/op\t 0 B/op\nBenchmarkX-2 100 12.5 ns/op\nPASS\n")
	if err != nil || len(times) != 2 || times[0] != 1.85 || times[1] != 0.0125 {
		t.Errorf("%v, %v", times, err)
	}
	for _, text := range []string{"", "PASS\n", "BenchmarkX 1 x ns/op\n", "BenchmarkX 1 NaN ns/op\n", "BenchmarkX 1 +Inf ns/op\n", "BenchmarkX 1 -1 ns/op\n"} {
		if times, err := parseBenchmark(text); err == nil {
			t.Errorf("%q: %v", text, times)
		}
	}
}

func TestRatio(t *testing.T) {
	good := `{"ratio":1.6,"min":1.1,"max":1.9,"server_us":160,"floor_us":100,"server_ops":5000,"server_p99_us":9,"errors":2,"pairs":9}`
	f, err := parseRatio([]byte(good), "sync", aim{ratioAim, 1.5})
	if err != nil || f.Ratio != (spread{1.6, 1.1, 1.9}) || f.Over.Median != 60 || f.OK || f.Errors != 2 || f.Audit != "sync" {
		t.Errorf("%+v, %v", f, err)
	}
	if f, err := parseRatio([]byte(good), "sync", aim{ratioAim, 1.7}); err != nil || !f.OK {
		t.Errorf("%+v, %v", f, err)
	}
	for _, text := range []string{"", "{}", "null", `{"ratio":1.2}`} {
		if f, err := parseRatio([]byte(text), "os", aim{}); err == nil {
			t.Errorf("%q: %+v", text, f)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		status, body, err := readAnswer(bufio.NewReader(bytes.NewReader(text)), nil)
		if err == nil && (status < 200 || status > 599 || len(body) > len(text)) {
			t.Errorf("status %d and %d bytes of %d", status, len(body), len(text))
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add(stat)
	f.Add("VmRSS:\t    2560 kB\n")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseStat(text); err == nil && d < 0 {
			t.Errorf("%v", d)
		}
		if mib, err := parseStatus(text); err == nil && !(mib >= 0) {
			t.Errorf("%v", mib)
		}
	})
}

func FuzzParsers(f *testing.F) {
	f.Add("BenchmarkX-2 100 12.5 ns/op\n")
	f.Add(`{"ratio":1.6,"min":1.1,"max":1.9,"server_us":160,"floor_us":100}`)
	f.Add(`{"data":{"batch_results":[{"valid":true}]}}`)
	f.Add("vault:v1:x")
	f.Fuzz(func(t *testing.T, text string) {
		times, err := parseBenchmark(text)
		for _, v := range times {
			if err == nil && (!(v > 0) || math.IsInf(v, 0)) {
				t.Errorf("%v", times)
			}
		}
		if r, err := parseRatio([]byte(text), "os", aim{ratioAim, 1.5}); err == nil && !(r.Ratio.Median > 0) {
			t.Errorf("%+v", r)
		}
		if items, err := parseItems([]byte(text), 1); err == nil && len(items) != 1 {
			t.Errorf("%+v", items)
		}
		if v, d, err := split(text); err == nil && "vault:v"+v+":"+d != text {
			t.Errorf("%q, %q", v, d)
		}
	})
}
