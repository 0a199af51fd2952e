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
	makeCert := flags.String("make-cert", "", "write the certificate and key of a replicated floor to this `file`, and end")
	sizeOf := flags.String("entry-size", "", "print how long the last commands in this `file`, a log of raft, are, and end")
	var rf raftFlags
	flags.StringVar(&rf.id, "raft", "", "answer writes alone, as the voter with this `id`")
	flags.StringVar(&rf.peers, "raft-peers", "", "all voters: `id=host:port`,…; empty: this one alone")
	flags.StringVar(&rf.dir, "raft-dir", "", "its `directory`")
	flags.StringVar(&rf.cert, "raft-cert", "", "the `file` that -make-cert has written")
	flags.IntVar(&rf.entry, "raft-entry", 700, "bytes of a proposal")
	flags.IntVar(&rf.record, "raft-record", 500, "bytes of a line before and after it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *raw < 0 || *life <= 0 || rf.id != "" && (rf.dir == "" || rf.entry < 1 || rf.record < 1) {
		return errors.New("usage: benchfloor [-life DURATION] | benchfloor -raw N | benchfloor -raft ID -raft-dir DIR …; see -help")
	}
	switch {
	case *makeCert != "":
		return writeCertificate(*makeCert)
	case *sizeOf != "":
		n, err := entrySize(*sizeOf)
		if err == nil {
			_, err = fmt.Fprintln(stdout, n)
		}
		return err
	}
	h, err := chooseHandler(rf, *raw)
	if h == nil || err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
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

// chooseHandler makes what is served; nil if there is nothing to serve.
func chooseHandler(rf raftFlags, raw int) (http.Handler, error) {
	if rf.id != "" {
		return newWriter(rf)
	}
	k, err := makeKeys()
	if err != nil {
		return nil, err
	}
	if raw > 0 {
		return nil, k.signRaw(raw)
	}
	return newHandler(k)
}
