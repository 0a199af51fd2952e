package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "benchfloor:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("benchfloor", flag.ContinueOnError)
	life := flags.Duration("life", 20*time.Minute, "end after this long")
	raw := flags.Int("raw", 0, "make so many signatures on every processor, and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *raw < 0 || *life <= 0 {
		return errors.New("usage: benchfloor [-life DURATION] | benchfloor -raw N")
	}
	k, err := makeKeys()
	if err != nil {
		return err
	}
	if *raw > 0 {
		return k.signRaw(*raw)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h, err := newHandler(k)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "benchfloor ready addr=http://%s\n", l.Addr()); err != nil {
		return err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	time.AfterFunc(*life, func() { _ = s.Close() })
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
