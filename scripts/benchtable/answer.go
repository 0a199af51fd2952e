package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// item is the part of an answer that belongs to one input.
type item struct {
	Signature  string `json:"signature"`
	Ciphertext string `json:"ciphertext"`
	Plaintext  string `json:"plaintext"`
	HMAC       string `json:"hmac"`
	Valid      bool   `json:"valid"`
	Error      string `json:"error"`
}

// parseItems reads the answer to a request with n items; n is 0 without a batch,
// and then the result is one item.
func parseItems(body []byte, n int) ([]item, error) {
	var a struct {
		Data struct {
			item
			Results []item `json:"batch_results"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, err
	}
	if n == 0 {
		return []item{a.Data.item}, nil
	}
	if len(a.Data.Results) != n {
		return nil, fmt.Errorf("%d results for %d inputs", len(a.Data.Results), n)
	}
	for i, r := range a.Data.Results {
		if r.Error != "" {
			return nil, fmt.Errorf("item %d: %s", i, r.Error)
		}
	}
	return a.Data.Results, nil
}

var errWrong = errors.New("the answer is wrong")

// spell writes a request: the members that hold for all, then the items, which
// are JSON objects without their braces. One item without batch stands by itself.
func spell(params string, items []string, batch bool) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	b.WriteString(params)
	if !batch {
		b.WriteString(items[0])
		b.WriteByte('}')
		return b.Bytes()
	}
	b.WriteString(`"batch_input":[`)
	for i, it := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("{" + it + "}")
	}
	b.WriteString("]}")
	return b.Bytes()
}
