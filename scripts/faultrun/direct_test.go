package faultrun

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/signet-kms/signet/api/apitest"
	"github.com/signet-kms/signet/client/wire"
)

// direct asks nodes without the harness remembering each answer, for rows that make tens
// of thousands.
type direct struct {
	r     *run
	http  map[*apitest.Node]*http.Client
	nodes []*apitest.Node
	urls  map[*apitest.Node]string // which stay the same when a node is started again
}

func newDirect(r *run) *direct {
	d := &direct{r: r, nodes: r.clients(), http: map[*apitest.Node]*http.Client{}, urls: map[*apitest.Node]string{}}
	for _, n := range d.nodes {
		d.urls[n] = n.URL()
		d.http[n] = &http.Client{Transport: n.Transport(), Timeout: answerTime}
		r.t.Cleanup(d.http[n].CloseIdleConnections)
	}
	return d
}

func (d *direct) any(random *rand.Rand) *apitest.Node { return d.nodes[random.IntN(len(d.nodes))] }

// ask sends one request; path begins with a slash. status is 0 without an answer.
func (d *direct) ask(n *apitest.Node, method, path string, body any, headers ...string) (status int, header http.Header, content []byte) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			panic(err) // a body of the row's own
		}
		in = bytes.NewReader(raw)
	}
	d.r.count()
	req, err := http.NewRequestWithContext(context.Background(), method, d.urls[n]+path, in)
	if err != nil {
		panic(err) // a path of the row's own
	}
	req.Header.Set(wire.HeaderToken, d.r.root)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := d.http[n].Do(req)
	if err != nil {
		return 0, nil, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if content, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil, nil
	}
	return resp.StatusCode, resp.Header, content
}

// insist asks one node after the other until one answers with a success. Every try
// carries the same Idempotency-Key. An answer that is final and no success is a
// violation, and so is none in writeTime.
func (d *direct) insist(random *rand.Rand, key, path string, body any) (content []byte, by *apitest.Node, ok bool) {
	last := ""
	for end := time.Now().Add(writeTime); time.Now().Before(end); {
		n := d.any(random)
		status, _, content := d.ask(n, "POST", path, body, "Idempotency-Key", key)
		switch {
		case status >= 200 && status < 300:
			return content, n, true
		case status != 0:
			last = fmt.Sprintf("%d %s", status, content)
		}
		time.Sleep(time.Duration(5+random.IntN(40)) * time.Millisecond)
	}
	d.r.h.violated("POST %s: no success for %v, at last %s", path, writeTime, last)
	return nil, nil, false
}
