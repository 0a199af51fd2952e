package main

import (
	"os"
	"slices"
	"testing"
)

// What stands on later lines of a pipe is not passed over: it says who is given up.
func TestNodeIDsAreReadToTheEnd(t *testing.T) {
	for typed, want := range map[string][]string{
		"":                     nil,
		"\n":                   nil,
		"n2":                   {"n2"},
		"n3\nn2\n":             {"n2", "n3"},
		"n2,n3":                {"n2", "n3"},
		" n3 ,\tn2\r\n\nn2 n4": {"n2", "n3", "n4"},
	} {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		out.Close()
		got, err := (&cli{stdin: in, stderr: os.Stderr}).readNodeIDs()
		in.Close()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
}
