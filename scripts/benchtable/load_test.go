package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// startFloor builds and starts the bare handler.
func startFloor(t *testing.T) target {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("this measures by /proc, which is not here")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "benchfloor")
	if out, err := exec.Command("go", "build", "-o", binary, "../benchfloor").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p, err := start(t.Context(), dir, binary, "-life", "2m")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.kill(); err != nil {
			t.Error(err)
		}
	})
	return target{addr: p.addr, pid: p.pid(), token: "none"}
}

// changed stands before a server and changes the bodies of its answers to POST.
func changed(t *testing.T, to target, change func(path string, body []byte) []byte) target {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to.addr})
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Request.Method != http.MethodPost {
			r.Body = io.NopCloser(bytes.NewReader(body))
			return err
		}
		body = change(r.Request.URL.Path, body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		r.TransferEncoding = nil
		return nil
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	to.addr = strings.TrimPrefix(s.URL, "http://")
	return to
}

func quickLoad() load { return load{conns: 2, warm: time.Millisecond, length: 50 * time.Millisecond} }

func TestEveryOperationIsMeasured(t *testing.T) {
	floor := startFloor(t)
	for _, o := range operations() {
		exchanges, err := prepare(t.Context(), floor, o)
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		r, err := quickLoad().run(t.Context(), floor, exchanges)
		if err != nil || r.Errors != 0 || r.First != "" || r.Ops < 1 || r.P50 <= 0 || r.P99 < r.P50 || r.CPU < 0 || r.Rate <= 0 {
			t.Errorf("%s: %+v, %v", o.name, r, err)
		}
	}
}

// A server that is fast because it is wrong gets no figure. What is changed here
// is one character behind the prefix, of the last item.
func TestWrongAnswersGetNoFigure(t *testing.T) {
	floor := startFloor(t)
	text := regexp.MustCompile(`"(?:vault:v1:|)([A-Za-z0-9+/_-]{20})[A-Za-z0-9+/_=-]*"`)
	wrong := func(body []byte) []byte {
		body = bytes.ReplaceAll(body, []byte(`"valid":true`), []byte(`"valid":false`))
		if all := text.FindAllSubmatchIndex(body, -1); all != nil {
			at := all[len(all)-1][2] + 9
			body[at] = map[bool]byte{true: 'B', false: 'A'}[body[at] == 'A']
		}
		return body
	}
	for _, o := range operations() {
		if o.verb == jwks { // a GET, which changed leaves alone
			continue
		}
		// Right until everything is prepared, wrong from then on.
		var armed atomic.Bool
		server := changed(t, floor, func(path string, body []byte) []byte {
			if armed.Load() && strings.Contains(path, "/"+o.verb+"/") {
				return wrong(body)
			}
			return body
		})
		exchanges, err := prepare(t.Context(), server, o)
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		armed.Store(true)
		if r, err := quickLoad().run(t.Context(), server, exchanges); err == nil {
			t.Errorf("%s: %+v", o.name, r)
		}
	}
}

// Nor does one that gives everybody the same good answer. To verify, "true" is
// the right answer to every request there is.
func TestOneAnswerForAllGetsNoFigure(t *testing.T) {
	floor := startFloor(t)
	for _, o := range operations() {
		if o.verb == "verify" || o.verb == jwks { // these have one answer for all
			continue
		}
		var armed atomic.Bool
		var old atomic.Pointer[[]byte]
		server := changed(t, floor, func(path string, body []byte) []byte {
			if !strings.Contains(path, "/"+o.verb+"/") {
				return body
			}
			if first := old.Load(); armed.Load() && first != nil {
				return *first
			}
			old.Store(&body) // the last one is that of the first request, tried once
			return body
		})
		exchanges, err := prepare(t.Context(), server, o)
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		armed.Store(true)
		if r, err := quickLoad().run(t.Context(), server, exchanges); !errors.Is(err, errWrong) {
			t.Errorf("%s: %+v, %v", o.name, r, err)
		}
	}
}

func TestFailuresAreCounted(t *testing.T) {
	floor := startFloor(t)
	o := operations()[0]
	var answers atomic.Int64
	server := changed(t, floor, func(_ string, body []byte) []byte {
		if n := answers.Add(1); n > 10 && n%5 == 0 {
			return []byte(`{"data":{}}`)
		}
		return body
	})
	exchanges, err := prepare(t.Context(), server, o)
	if err != nil {
		t.Fatal(err)
	}
	l := quickLoad()
	l.length = 300 * time.Millisecond
	r, err := l.run(t.Context(), server, exchanges)
	if err != nil || r.Errors == 0 || r.First != errForm.Error() {
		t.Errorf("%+v, %v", r, err)
	}
	b := &bench{}
	b.failed("x", result{}, r)
	if len(b.errors) != 1 || !strings.Contains(b.errors[0], errForm.Error()) {
		t.Errorf("%q", b.errors)
	}
}

func TestRefusalsAreCounted(t *testing.T) {
	floor := startFloor(t)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: floor.addr})
	var from, every, seen atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := seen.Add(1); every.Load() != 0 && n > from.Load() && n%every.Load() == 0 {
			w.WriteHeader(http.StatusTooManyRequests)
			// What it says looks like an answer, and is none.
			_, _ = io.WriteString(w, `{"errors":["slow down"],"data":{"signature":"vault:v1:x"}}`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	server := floor
	server.addr = strings.TrimPrefix(s.URL, "http://")
	exchanges, err := prepare(t.Context(), server, operations()[0])
	if err != nil {
		t.Fatal(err)
	}
	l := quickLoad()
	l.length = 300 * time.Millisecond
	from.Store(seen.Load() + 10) // beyond the first answers on the connections
	every.Store(5)
	if r, err := l.run(t.Context(), server, exchanges); err != nil || r.Errors == 0 || r.First != "status 429: slow down" {
		t.Errorf("%+v, %v", r, err)
	}
	every.Store(1)
	from.Store(0)
	var refused *statusError
	if r, err := l.run(t.Context(), server, exchanges); !errors.As(err, &refused) || refused.status != 429 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatIsNotOffered(t *testing.T) {
	for status, want := range map[int]bool{400: true, 404: true, 405: true, 403: false, 500: false, 503: false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"errors":["no such\nendpoint"]}`)
		}))
		_, err := prepare(t.Context(), target{addr: strings.TrimPrefix(s.URL, "http://")}, operations()[7])
		s.Close()
		if err == nil || errors.Is(err, errNotOffered) != want || !strings.Contains(err.Error(), "no such endpoint") {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

func TestRepeat(t *testing.T) {
	var seen [100]atomic.Int64
	if err := repeat(t.Context(), len(seen), 7, func(_ context.Context, i int) error { seen[i].Add(1); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Fatalf("%d was done %d times", i, n)
		}
	}
	var done atomic.Int64
	want := errors.New("no")
	err := repeat(t.Context(), 1000, 2, func(_ context.Context, i int) error {
		if done.Add(1); i == 3 {
			return want
		}
		return nil
	})
	if !errors.Is(err, want) || done.Load() > 10 {
		t.Errorf("%v after %d", err, done.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := repeat(ctx, 3, 1, func(context.Context, int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before: %v", err)
	}
}

func TestAServerThatDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "bad")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho starting\necho 'this is why' >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t.Context(), dir, script); err == nil || !strings.Contains(err.Error(), "this is why") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntrap 'exit 4' TERM\necho 'x ready addr=http://127.0.0.1:9'\nwhile :; do sleep 0.01; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := start(t.Context(), dir, script)
	if err != nil || p.addr != "127.0.0.1:9" {
		t.Fatal(err)
	}
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), fmt.Sprint(4)) {
		t.Errorf("it ended with 4, and that is: %v", err)
	}
	if err := p.kill(); err != nil {
		t.Errorf("killing what has ended: %v", err)
	}
}
