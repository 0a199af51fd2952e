package main

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// samples makes signatures or ciphertexts with the newest version of a key, as
// questions for later.
func (d *daemon) samples(k *key) error {
	text := b64(fmt.Sprintf("the text of %s, version %d", k.Name, k.Latest))
	if encrypts(k.Type) {
		if err := d.encrypt(k, map[string]any{"plaintext": text}); err != nil {
			return err
		}
		return d.encrypt(k, map[string]any{"plaintext": text, "associated_data": b64("of " + k.Name)})
	}
	for _, options := range signOptions(k.Type) {
		if err := d.sign(k, text, options); err != nil {
			return err
		}
	}
	return nil
}

func encrypts(typ string) bool {
	return strings.Contains(typ, "gcm") || strings.Contains(typ, "poly1305")
}

// signOptions are the forms of signatures of a type: few, since what a release
// keeps is the key.
func signOptions(typ string) []map[string]any {
	switch {
	case strings.HasPrefix(typ, "ecdsa-"):
		return []map[string]any{{}, {"hash_algorithm": "sha2-384", "marshaling_algorithm": "jws"}}
	case strings.HasPrefix(typ, "rsa-"):
		return []map[string]any{
			{"signature_algorithm": "pss", "salt_length": "hash"},
			{"signature_algorithm": "pkcs1v15", "hash_algorithm": "sha2-512"},
		}
	}
	return []map[string]any{{}}
}

func (d *daemon) sign(k *key, input string, options map[string]any) error {
	body := map[string]any{"input": input}
	maps.Copy(body, options)
	signature, err := d.made("transit/sign/"+k.Name, body, "signature")
	if err != nil {
		return err
	}
	body["signature"] = signature
	d.later("transit/verify/"+k.Name, body)
	return nil
}

func (d *daemon) encrypt(k *key, body map[string]any) error {
	ciphertext, err := d.made("transit/encrypt/"+k.Name, body, "ciphertext")
	if err != nil {
		return err
	}
	question := map[string]any{"ciphertext": ciphertext}
	if aad, ok := body["associated_data"]; ok {
		question["associated_data"] = aad
	}
	d.later("transit/decrypt/"+k.Name, question)
	return nil
}

// made posts and takes one text out of the data of the answer.
func (d *daemon) made(path string, body any, member string) (string, error) {
	return d.text(http.MethodPost, path, body, member)
}

// later keeps a question whose answer is taken at the end of the story.
func (d *daemon) later(path string, body map[string]any) {
	d.m.Answers = append(d.m.Answers, answer{Method: http.MethodPost, Path: path, Body: body})
}

// questions asks for everything that a later release must still know.
func (d *daemon) questions() error {
	kept := d.m.Answers
	d.m.Answers = nil
	for _, a := range kept {
		if err := d.ask(a.Method, a.Path, a.Body); err != nil {
			return err
		}
	}
	paths := []string{"sys/policies/acl?list=true", "sys/policies/acl/signer", "sys/policies/acl/reader", "sys/policies/acl/nobody", "sys/policies/acl/late", "transit/keys?list=true"}
	for _, k := range d.m.Keys {
		paths = append(paths, "transit/keys/"+k.Name)
	}
	for _, k := range d.m.Destroyed {
		paths = append(paths, "transit/keys/"+k.Name)
	}
	for _, path := range append(paths, d.reads...) {
		if err := d.ask(http.MethodGet, path, nil); err != nil {
			return err
		}
	}
	return nil
}
