package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What make prints, check accepts, and nothing that differs from it by a bit.
func TestCheckAcceptsWhatMakeMade(t *testing.T) {
	var out, said bytes.Buffer
	if err := run([]string{"make"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	made := out.Bytes()
	if err := run([]string{"check"}, bytes.NewReader(made), &said); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(said.String(), "9 accepted") {
		t.Errorf("check says %q", said.String())
	}
	for i := range types() {
		for what, change := range map[string]func(s *sample){
			"output": func(s *sample) { s.Output[len(s.Output)-1] ^= 1 },
			"input":  func(s *sample) { s.Input[0] ^= 1 },
			"type":   func(s *sample) { s.Type = "rsa-2048" },
			"keyset": func(s *sample) { s.Keyset = nil },
		} {
			var all []*sample
			if err := json.Unmarshal(made, &all); err != nil {
				t.Fatal(err)
			}
			change(all[i])
			changed, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			if err := run([]string{"check"}, bytes.NewReader(changed), &said); err == nil {
				t.Errorf("%s is accepted with another %s", types()[i].name, what)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"mend"}, {"make", "x"}} {
		if err := run(args, nil, nil); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
