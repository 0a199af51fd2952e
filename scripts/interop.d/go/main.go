package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: interop issue | interop verify | interop table [--same-as FILE] VERDICTS…")

// patience bounds one run of anything here.
const patience = 5 * time.Minute

func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	node := &server{strings.TrimSuffix(env("SIGNET_ADDR"), "/"), env("SIGNET_TOKEN")}
	switch {
	case len(args) == 1 && args[0] == "issue":
		s, err := node.issue(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(s)
	case len(args) == 1 && args[0] == "verify":
		return verify(ctx, node, stdin, stdout)
	case len(args) > 3 && args[0] == "table" && args[1] == "--same-as":
		return table(args[3:], args[2], stdout)
	case len(args) > 1 && args[0] == "table" && !strings.HasPrefix(args[1], "-"):
		return table(args[1:], "", stdout)
	}
	return errUsage
}

// table prints the file of some verdicts. It fails, after printing, if one is not as
// it must be, or if the table differs from that in the file sameAs.
func table(files []string, sameAs string, stdout io.Writer) error {
	var columns []*column
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		columns, err = readVerdicts(f, columns)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	var text strings.Builder
	faults := render(&text, columns)
	if _, err := io.WriteString(stdout, text.String()); err != nil {
		return err
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "\n"))
	}
	if sameAs == "" {
		return nil
	}
	before, err := os.ReadFile(sameAs)
	if err != nil {
		return err
	}
	if !sameTable(string(before), text.String()) {
		return fmt.Errorf("%s says something else than was seen: run scripts/interop and commit it", sameAs)
	}
	return nil
}
