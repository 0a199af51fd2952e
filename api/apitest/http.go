package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// errDown is what Send returns between two processes.
var errDown = errors.New("the node does not run")

// Reply is a whole answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Send makes one HTTP request and reads the answer. The path is below /v1/, or,
// when it begins with a slash, goes out byte for byte as it is. A body that is a
// string or bytes goes out as it is, nil is none, anything else as its JSON.
// headers are names and values in turn.
//
// Every answer is registered, for CheckAll to compare with its record, and every
// token and secret id in one, to look for where it must not be.
func (n *Node) Send(method, path, token string, body any, headers ...string) (Reply, error) {
	return n.SendContext(context.Background(), method, path, token, body, headers...)
}

// SendContext is Send that gives up with ctx.
func (n *Node) SendContext(ctx context.Context, method, path, token string, body any, headers ...string) (Reply, error) {
	base := n.url()
	if base == "" {
		return Reply{}, errDown
	}
	if !strings.HasPrefix(path, "/") {
		path = "/v1/" + path
	}
	u, err := url.Parse(base)
	if err != nil {
		return Reply{}, err
	}
	u.Opaque = path // sent without being cleaned or escaped
	content, err := encode(body)
	if err != nil {
		return Reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, base, content)
	if err != nil {
		return Reply{}, err
	}
	req.URL = u
	if token != "" {
		req.Header.Set("X-Vault-Token", token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if strings.EqualFold(headers[i], "Host") {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := n.http.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or broken
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		return Reply{}, err
	}
	r := Reply{Status: resp.StatusCode, Header: resp.Header, Body: all}
	n.register(method, path, r)
	return r, nil
}

func encode(body any) (io.Reader, error) {
	switch v := body.(type) {
	case nil:
		return nil, nil
	case string:
		return strings.NewReader(v), nil
	case []byte:
		return bytes.NewReader(v), nil
	case io.Reader:
		return v, nil
	}
	raw, err := json.Marshal(body)
	return bytes.NewReader(raw), err
}

// Do is Send for the test's own goroutine: it fails the test when there is no
// answer.
func (n *Node) Do(method, path, token string, body any, headers ...string) Reply {
	n.t.Helper()
	r, err := n.Send(method, path, token, body, headers...)
	if err != nil {
		n.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// Get reads a path.
func (n *Node) Get(path, token string) Reply {
	n.t.Helper()
	return n.Do(http.MethodGet, path, token, nil)
}

// Post writes to a path.
func (n *Node) Post(path, token string, body any) Reply {
	n.t.Helper()
	return n.Do(http.MethodPost, path, token, body)
}

// Must is Post as root that expects success.
func (n *Node) Must(path string, body any) Reply {
	n.t.Helper()
	r := n.Post(path, n.root, body)
	if r.Status >= 300 {
		n.t.Fatalf("POST %s: %s", path, r)
	}
	return r
}

// String shows status and body, for the message of a test that failed.
func (r Reply) String() string {
	const most = 2000
	text := string(r.Body)
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("status %d: %s", r.Status, text)
}

// At walks the JSON of the answer along member names: At("data", "valid"). Numbers
// are json.Number. It is nil where the walk ends early.
func (r Reply) At(names ...string) any {
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	for _, name := range names {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// Text is At for a string: "" for anything else.
func (r Reply) Text(names ...string) string {
	s, _ := r.At(names...).(string)
	return s
}

// Code is the code of an error.
func (r Reply) Code() string { return r.Text("code") }

// Errors are the sentences of an error, in one line.
func (r Reply) Errors() string {
	list, _ := r.At("errors").([]any)
	var texts []string
	for _, e := range list {
		texts = append(texts, fmt.Sprint(e))
	}
	return strings.Join(texts, "; ")
}

// RequestID is the id of the request, which its audit record has too.
func (r Reply) RequestID() string { return r.Text("request_id") }
