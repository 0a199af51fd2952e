package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

const (
	inputSize = 255 // bytes; a multiple of 3, so that base64 needs no padding
	sameSize  = 240 // bytes at the beginning of all inputs of a run
	poolSize  = 128 // inputs, and requests without a batch
	poolBatch = 8   // requests with one
)

// inputs are what is signed, encrypted and so on: random, and no two alike.
func inputs() [][]byte {
	same := make([]byte, sameSize)
	_, _ = rand.Read(same) // never fails
	out := make([][]byte, poolSize)
	for i := range out {
		out[i] = fmt.Appendf(append([]byte{}, same...), "%0*d", inputSize-sameSize, i)
	}
	return out
}

func text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// preparer makes the requests of one operation for one server.
type preparer struct {
	operation
	api    *api
	token  string
	inputs [][]byte
	items  []string // of the requests, for each input
	good   []string // what is expected for each input, where that is known before
	public map[string]string
}

// prepare makes the requests of an operation for a server. It returns
// errNotOffered if the server lacks it.
func prepare(ctx context.Context, t target, o operation) ([]exchange, error) {
	if o.jwt() {
		return prepareJWT(ctx, t, o)
	}
	p := &preparer{operation: o, api: newAPI(t.addr, t.token, 4), token: t.token, inputs: inputs()}
	if err := p.makeItems(ctx); err != nil {
		return nil, notOffered(err)
	}
	var out []exchange
	for first := range map[bool]int{true: poolBatch, false: poolSize}[o.batch > 0] {
		which := []int{first} // inputs
		for len(which) < o.batch {
			which = append(which, (which[len(which)-1]+1)%poolSize)
		}
		out = append(out, p.exchange(t.addr, which))
	}
	// Once before any load, for a server that does not do this at all.
	_, err := p.post(ctx, o.verb, spell(o.params(o.verb), p.items[:max(1, o.batch)], o.batch > 0))
	return out, notOffered(err)
}

func (p *preparer) path(verb string) string { return "transit/" + verb + "/" + p.key }

func (p *preparer) post(ctx context.Context, verb string, body []byte) ([]byte, error) {
	return p.api.send(ctx, http.MethodPost, p.path(verb), body)
}

// batch has the server do a verb to all inputs.
func (p *preparer) batch(ctx context.Context, verb, member string) ([]item, error) {
	items := make([]string, len(p.inputs))
	for i, in := range p.inputs {
		items[i] = `"` + member + `":"` + text(in) + `"`
	}
	body, err := p.post(ctx, verb, spell(p.params(verb), items, true))
	if err != nil {
		return nil, err
	}
	return parseItems(body, len(items))
}

// makeItems spells the items, for which verify and decrypt need the server.
func (p *preparer) makeItems(ctx context.Context) error {
	var made []item
	var err error
	switch p.verb {
	case "sign":
		p.public, err = publicKeys(ctx, p.api, p.key, p.version)
	case "verify":
		made, err = p.batch(ctx, "sign", "input")
	case "decrypt":
		made, err = p.batch(ctx, "encrypt", "plaintext")
	case "hmac":
		made, err = p.batch(ctx, "hmac", "input")
	}
	if err != nil {
		return err
	}
	for i, in := range p.inputs {
		member, good := `"input":"`+text(in)+`"`, ""
		switch p.verb {
		case "verify":
			member += `,"signature":"` + made[i].Signature + `"`
		case "encrypt":
			member = `"plaintext":"` + text(in) + `"`
		case "decrypt":
			member, good = `"ciphertext":"`+made[i].Ciphertext+`"`, text(in)
		case "hmac":
			good = made[i].HMAC
		}
		p.items, p.good = append(p.items, member), append(p.good, good)
	}
	return nil
}

// exchange is the request for some inputs.
func (p *preparer) exchange(addr string, which []int) exchange {
	items := make([]string, len(which))
	for i, n := range which {
		items[i] = p.items[n]
	}
	body := spell(p.params(p.verb), items, p.operation.batch > 0)
	return exchange{
		request: newRequest(http.MethodPost, addr, "/v1/"+p.path(p.verb), p.token, body),
		form:    []byte(p.form()), items: len(which),
		check: func(answer []byte) error {
			got, err := parseItems(answer, p.operation.batch)
			if err != nil {
				return err
			}
			return p.check(which, got)
		},
	}
}

// form is what every good item has.
func (p *preparer) form() string {
	switch p.verb {
	case "sign":
		return `"signature":"vault:v`
	case "encrypt":
		return `"ciphertext":"vault:v`
	case "decrypt":
		return `"plaintext":"` + text(p.inputs[0][:sameSize])
	case "hmac":
		return `"hmac":"vault:v`
	}
	return `"valid":true`
}

// check verifies the answer for some inputs in full.
func (p *preparer) check(which []int, got []item) error {
	if p.verb == "encrypt" {
		return p.checkCiphertexts(which, got)
	}
	for i, n := range which {
		ok := true
		switch p.verb {
		case "sign":
			version, data, err := split(got[i].Signature)
			if err == nil {
				err = checkSignature(p.keyType, p.padding, p.public[version], p.inputs[n], data)
			}
			if err != nil {
				return err
			}
		case "verify":
			ok = got[i].Valid
		case "decrypt":
			ok = got[i].Plaintext == p.good[n]
		case "hmac":
			_, _, err := split(got[i].HMAC)
			ok = err == nil && got[i].HMAC == p.good[n] && p.good[n] != p.good[(n+1)%len(p.good)]
		}
		if !ok {
			return fmt.Errorf("%w: %s of input %d", errWrong, p.verb, n)
		}
	}
	return nil
}

// checkCiphertexts has the server open what it has made.
func (p *preparer) checkCiphertexts(which []int, got []item) error {
	items := make([]string, len(got))
	for i, g := range got {
		plain := text(p.inputs[which[i]])
		if _, _, err := split(g.Ciphertext); err != nil || strings.Contains(g.Ciphertext, plain) {
			return fmt.Errorf("%w: a ciphertext of input %d is none", errWrong, which[i])
		}
		items[i] = `"ciphertext":"` + g.Ciphertext + `"`
	}
	body, err := p.post(context.Background(), "decrypt", spell("", items, true))
	if err != nil {
		return err
	}
	opened, err := parseItems(body, len(items))
	if err != nil {
		return err
	}
	for i, o := range opened {
		if o.Plaintext != text(p.inputs[which[i]]) {
			return fmt.Errorf("%w: the ciphertext of input %d opens to something else", errWrong, which[i])
		}
	}
	return nil
}
