package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `{"request_id":"r-1","data":{"signature":"vault:v1:MAYCAQECAQE=","key_version":1}}`

func TestSignSendsEveryByte(t *testing.T) {
	binary := make([]byte, 0, 1<<16)
	for i := range 1 << 16 {
		binary = append(binary, byte(i), byte(i>>8))
	}
	for name, input := range map[string][]byte{"empty": {}, "text": []byte("hello\n"), "binary": binary} {
		var got struct {
			Input *[]byte `json:"input"`
		}
		var token, path string
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, path = r.Header.Get("X-Vault-Token"), r.Method+" "+r.URL.Path
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, good)
		}))
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in put"), filepath.Join(dir, "out")
		if err := os.WriteFile(in, input, 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout bytes.Buffer
		env := map[string]string{"SIGNET_ADDR": s.URL, "SIGNET_TOKEN": "sgt.x"}
		err := run([]string{"sign", "web", in, out}, func(k string) string { return env[k] }, &stdout)
		s.Close()
		der, readErr := os.ReadFile(out)
		if err != nil || readErr != nil || stdout.String() != "r-1 vault:v1:MAYCAQECAQE=\n" || !bytes.Equal(der, []byte{0x30, 6, 2, 1, 1, 2, 1, 1}) {
			t.Errorf("%s: %q, %x, %v, %v", name, stdout.String(), der, err, readErr)
		}
		if got.Input == nil || !bytes.Equal(*got.Input, input) || token != "sgt.x" || path != "POST /v1/transit/sign/web" {
			t.Errorf("%s: the server got something else, at %q", name, path)
		}
	}
}

func TestAnswersThatAreNoSignatureAreRefused(t *testing.T) {
	if _, err := parseAnswer(200, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"not JSON":      `<html>`,
		"empty":         `{}`,
		"no request id": `{"data":{"signature":"vault:v1:MAYCAQECAQE="}}`,
		"split id":      `{"request_id":"r 1","data":{"signature":"vault:v1:MAYCAQECAQE="}}`,
		"no prefix":     `{"request_id":"r-1","data":{"signature":"MAYCAQECAQE="}}`,
		"base64url":     `{"request_id":"r-1","data":{"signature":"vault:v1:_-__"}}`,
		"nothing in it": `{"request_id":"r-1","data":{"signature":"vault:v1:"}}`,
	} {
		if _, err := parseAnswer(200, []byte(body)); !errors.Is(err, errAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := parseAnswer(403, []byte(`{"errors":["permission denied\u001b[2J"]}`))
	if err == nil || !strings.Contains(err.Error(), "permission denied") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("a refusal: %v", err)
	}
}

const goodToken = `{"request_id":"r-9","data":{"token":"eyJ.e30.AA-_","jti":"x"}}`

func TestTokenAsksForSubjectAndAudience(t *testing.T) {
	var got, token, path string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, token, path = string(body), r.Header.Get("X-Vault-Token"), r.Method+" "+r.URL.Path
		_, _ = io.WriteString(w, goodToken)
	}))
	defer s.Close()
	out := filepath.Join(t.TempDir(), "token")
	var stdout bytes.Buffer
	env := map[string]string{"SIGNET_ADDR": s.URL, "SIGNET_TOKEN": "sgt.x"}
	err := run([]string{"token", "acme", "access", "user:1", "api://a", out}, func(k string) string { return env[k] }, &stdout)
	text, readErr := os.ReadFile(out)
	if err != nil || readErr != nil || stdout.String() != "r-9\n" || string(text) != "eyJ.e30.AA-_" {
		t.Errorf("%q, %q, %v, %v", stdout.String(), text, err, readErr)
	}
	if got != `{"aud":"api://a","sub":"user:1"}` || token != "sgt.x" || path != "POST /v1/jwt/sign/acme/access" {
		t.Errorf("the server got %s at %q", got, path)
	}
}

func TestPut(t *testing.T) {
	var got string
	status, answer := http.StatusOK, `{"request_id":"r-1","data":{}}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Vault-Token") + " " + string(body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer s.Close()
	env := map[string]string{"SIGNET_ADDR": s.URL, "SIGNET_TOKEN": "sgt.x"}
	do := func() error {
		return run([]string{"put", "jwt/issuers/acme", `{"alg":"ES256"}`}, func(k string) string { return env[k] }, io.Discard)
	}
	if err := do(); err != nil || got != `PUT /v1/jwt/issuers/acme sgt.x {"alg":"ES256"}` {
		t.Errorf("%q, %v", got, err)
	}
	if status, answer = http.StatusNoContent, ""; do() != nil {
		t.Error("an answer without content is no failure")
	}
	status, answer = http.StatusBadRequest, `{"errors":["no \u001b"]}`
	if err := do(); err == nil || !strings.Contains(err.Error(), "no \\x1b") {
		t.Errorf("a refusal: %v", err)
	}
	if status, answer = http.StatusOK, `<html>`; !errors.Is(do(), errAnswer) {
		t.Error("a page is taken for an answer")
	}
}

func TestAnswersThatAreNoTokenAreRefused(t *testing.T) {
	if _, err := parseIssued(200, []byte(goodToken)); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"not JSON":      `<html>`,
		"empty":         `{}`,
		"null":          `{"request_id":"r-1","data":null}`,
		"no request id": `{"data":{"token":"a.b.c"}}`,
		"nothing in it": `{"request_id":"r-1","data":{"token":""}}`,
		"two segments":  `{"request_id":"r-1","data":{"token":"a.b"}}`,
		"five segments": `{"request_id":"r-1","data":{"token":"a.b.c.d.e"}}`,
		"a space":       `{"request_id":"r-1","data":{"token":"a.b b.c"}}`,
		"an escape":     `{"request_id":"r-1","data":{"token":"a.\u001b.c"}}`,
	} {
		if _, err := parseIssued(200, []byte(body)); !errors.Is(err, errAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseIssued(400, []byte(goodToken)); err == nil {
		t.Error("a refusal with a token in it is taken")
	}
}

const log = `{"seq":1,"type":"node","operation":"sys/unseal","outcome":"ok"}
{"seq":2,"request_id":"r-1","operation":"transit/sign","key":"web","outcome":"ok","display_name":"a\u001b[2Jb","fields":{"x":"y"}}
{"seq":3,"request_id":"r-2","operation":"transit/keys/create"}
{"seq":4,"request_id":"r-2","operation":"transit/keys/create"}
`

func TestRecord(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(name, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run([]string{"record", name, "r-1"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	want := "seq           2\nrequest_id    r-1\noperation     transit/sign\nkey           web\ndisplay_name  a\\u001b[2Jb\noutcome       ok\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	for id, want := range map[string]error{"r-2": errManyRecords, "r-3": errNoRecord, "": errNoRecord} {
		if _, err := find(strings.NewReader(log), id); !errors.Is(err, want) {
			t.Errorf("%q: %v", id, err)
		}
	}
	for name, text := range map[string]string{"torn": log + `{"seq":5,"requ`, "too long": strings.Repeat("x", maxRecord+1)} {
		if _, err := find(strings.NewReader(text), "r-1"); err == nil {
			t.Errorf("a %s line was accepted", name)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"sign"}, {"record", "a"}, {"sign", "a", "b"}, {"token", "a", "b", "c", "d"}, {"put", "a"}, {"other", "a", "b"}} {
		if err := run(args, func(string) string { return "" }, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(200, []byte(good))
	f.Add(403, []byte(`{"errors":["permission denied"]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		s, err := parseAnswer(status, body)
		if err == nil && (s.requestID == "" || len(s.der) == 0 || strings.ContainsAny(s.requestID, " \n")) {
			t.Errorf("%q was accepted", body)
		}
	})
}

func FuzzParseIssued(f *testing.F) {
	f.Add(200, []byte(goodToken))
	f.Add(403, []byte(`{"errors":["permission denied"]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		out, err := parseIssued(status, body)
		if err == nil && (out.requestID == "" || strings.Count(out.token, ".") != 2 || strings.ContainsAny(out.token, " \x1b\n")) {
			t.Errorf("%q was accepted", body)
		}
	})
}

func FuzzShow(f *testing.F) {
	for line := range strings.Lines(log) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var out bytes.Buffer
		if show(&out, line) == nil && bytes.ContainsRune(out.Bytes(), 0x1b) {
			t.Errorf("%q shows an escape character", line)
		}
	})
}
