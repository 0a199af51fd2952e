package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// item is one input of a request, or the request itself without a batch.
type item struct {
	Input      []byte `json:"input"`
	Plaintext  []byte `json:"plaintext"`
	Ciphertext string `json:"ciphertext"`
	Signature  string `json:"signature"`
}

type request struct {
	item
	Padding string `json:"signature_algorithm"`
	Batch   []item `json:"batch_input"`
}

// result is what one item gives; the members that an operation does not have
// are absent, as in a node's answer.
type result struct {
	Signature  string `json:"signature,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
	Plaintext  []byte `json:"plaintext,omitempty"`
	HMAC       string `json:"hmac,omitempty"`
	Valid      *bool  `json:"valid,omitempty"`
	Version    int    `json:"key_version,omitempty"`
}

type answer[T any] struct {
	Data T `json:"data"`
}

type results struct {
	Results []result `json:"batch_results"`
}

// handler answers <mount>/<verb>/<key> as a node does, and jwt/sign and jwt/verify
// for one issuer. The name of a key is its type, and every key is there.
type handler struct {
	keys    *keys
	answers map[string][]byte // key → the answer to GET <mount>/keys/<key>
	jwks    []byte
}

func newHandler(k *keys) (*handler, error) {
	h := &handler{keys: k, answers: map[string][]byte{}}
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	for name, text := range public {
		h.answers[name], err = json.Marshal(answer[any]{map[string]any{
			"type": name, "latest_version": 1,
			"keys": map[string]any{"1": map[string]string{"public_key": text}},
		}})
		if err != nil {
			return nil, err
		}
	}
	h.answers[issuerName] = h.answers["ecdsa-p256"]
	h.jwks = []byte(`{"keys":[{"alg":"ES256","crv":"P-256","kid":"` + issuerKID + `","kty":"EC","use":"sig","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}]}`)
	return h, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verb, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	w.Header().Set("Content-Type", "application/json")
	if verb == "keys" {
		_, _ = w.Write(h.answers[key]) // the client is gone if this fails
		return
	}
	if r.URL.Path == "/issuers/"+issuerName+"/jwks.json" {
		_, _ = w.Write(h.jwks)
		return
	}
	body, err := io.ReadAll(r.Body)
	var out any
	switch {
	case err != nil:
	case r.URL.Path == "/v1/jwt/sign/"+issuerName+"/access":
		out, err = h.keys.issue(body)
	case r.URL.Path == "/v1/jwt/verify/"+issuerName:
		out, err = h.keys.check(body)
	case r.URL.Path == "/v1/jwt/introspect/"+issuerName:
		out, err = h.keys.introspect(body)
	default:
		var rq request
		if err = json.Unmarshal(body, &rq); err == nil {
			out, err = h.answer(verb, key, &rq)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (h *handler) answer(verb, key string, rq *request) (any, error) {
	if rq.Batch == nil {
		r, err := h.one(verb, key, rq.Padding, &rq.item)
		return answer[result]{r}, err
	}
	out := make([]result, len(rq.Batch))
	for i := range rq.Batch {
		var err error
		if out[i], err = h.one(verb, key, rq.Padding, &rq.Batch[i]); err != nil {
			return nil, err
		}
	}
	return answer[results]{results{out}}, nil
}

func (h *handler) one(verb, key, padding string, it *item) (r result, err error) {
	switch verb {
	case "sign":
		r.Version = 1
		r.Signature, err = h.keys.sign(key, padding, it.Input)
	case "verify":
		var valid bool
		valid, err = h.keys.verify(it.Input, it.Signature)
		r.Valid = &valid
	case "encrypt":
		r.Version = 1
		r.Ciphertext = h.keys.encrypt(it.Plaintext)
	case "decrypt":
		r.Plaintext, err = h.keys.decrypt(it.Ciphertext)
	case "hmac":
		r.HMAC = h.keys.hmac(it.Input)
	default:
		err = errKind
	}
	return r, err
}
