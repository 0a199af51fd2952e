package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tinkold:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: tinkold make | tinkold check")

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "make":
		var all []*sample
		for _, t := range types() {
			s, err := makeSample(t)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			all = append(all, s)
		}
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	case len(args) == 1 && args[0] == "check":
		var all []*sample
		dec := json.NewDecoder(stdin)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&all); err != nil {
			return err
		}
		for _, s := range all {
			if err := s.check(); err != nil {
				return fmt.Errorf("%s: %w", s.Type, err)
			}
		}
		_, err := fmt.Fprintln(stdout, len(all), "accepted")
		return err
	}
	return errUsage
}

// sample is a keyset and what a library made with it. Bytes are base64.
type sample struct {
	Type           string `json:"type"`            // Signet's name
	Keyset         []byte `json:"keyset"`          // the serialized protobuf, in clear
	Input          []byte `json:"input"`           // what was signed or encrypted
	AssociatedData []byte `json:"associated_data"` // of ciphers alone
	Output         []byte `json:"output"`          // signature, ciphertext or MAC
}

func makeSample(t keyType) (*sample, error) {
	h, err := newKeyset(t)
	if err != nil {
		return nil, err
	}
	s := &sample{Type: t.name, Input: fmt.Appendf(nil, "made by the old library with %s: %s", t.name, rand.Text())}
	if t.kind == cipher {
		s.AssociatedData = []byte("of " + t.name)
	}
	if s.Keyset, err = serialize(h); err != nil {
		return nil, err
	}
	s.Output, err = t.use(h, s)
	return s, err
}

// check says whether the old library accepts the output.
func (s *sample) check() error {
	for _, t := range types() {
		if t.name != s.Type {
			continue
		}
		h, err := parsePrimary(s.Keyset)
		if err != nil {
			return err
		}
		return t.accept(h, s)
	}
	return errors.New("the old library has no such type")
}
