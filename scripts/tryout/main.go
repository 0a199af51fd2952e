package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tryout:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: tryout sign KEY FILE OUT | tryout put PATH JSON | tryout token ISSUER PROFILE SUBJECT AUDIENCE OUT | tryout record LOG REQUEST-ID | tryout ports N")

func run(args []string, env func(string) string, stdout io.Writer) error {
	switch {
	case len(args) == 4 && args[0] == "sign":
		input, err := os.ReadFile(args[2])
		if err != nil {
			return err
		}
		s, err := sign(env("SIGNET_ADDR"), env("SIGNET_TOKEN"), args[1], input)
		if err != nil {
			return err
		}
		if err := os.WriteFile(args[3], s.der, 0o600); err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, s.requestID, s.text)
		return err
	case len(args) == 3 && args[0] == "put":
		return put(env("SIGNET_ADDR"), env("SIGNET_TOKEN"), args[1], args[2])
	case len(args) == 6 && args[0] == "token":
		t, err := issue(env("SIGNET_ADDR"), env("SIGNET_TOKEN"), args[1], args[2], args[3], args[4])
		if err != nil {
			return err
		}
		if err := os.WriteFile(args[5], []byte(t.token), 0o600); err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, t.requestID)
		return err
	case len(args) == 3 && args[0] == "record":
		log, err := os.Open(args[1])
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }()
		line, err := find(log, args[2])
		if err != nil {
			return fmt.Errorf("%s: %w", args[1], err)
		}
		return show(stdout, line)
	case len(args) == 2 && args[0] == "ports":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return errUsage
		}
		return ports(stdout, n)
	}
	return errUsage
}
