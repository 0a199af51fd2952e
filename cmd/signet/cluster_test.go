package main

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// nodeCommand starts a node that can be one of a cluster, with a configuration file
// of its own, and puts its address into $NAME:
//
//	node NAME [LEADER TOKEN-FILE]
//
// With a leader it joins that by a retry_join block.
func nodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: node NAME [LEADER TOKEN-FILE]")
	}
	api, cluster := freeLoopback(ts), freeLoopback(ts)
	config := fmt.Sprintf(`node_id = %q
data_dir = %q
api_addr = "http://%s"
cluster_addr = "https://%s"
listener "tcp" {
  address     = %q
  tls_disable = true
}
`, args[0], ts.MkAbs(args[0]), api, cluster, api)
	if len(args) == 3 {
		config += fmt.Sprintf("raft {\n  retry_join {\n    leader_api_addr = %q\n    join_token_file = %q\n  }\n}\n", args[1], ts.MkAbs(args[2]))
	}
	file := ts.MkAbs(args[0] + ".hcl")
	ts.Check(os.WriteFile(file, []byte(config), 0o600))
	address, stop, err := startDaemon(ts.Getenv("WORK"), "--config", file)
	ts.Defer(stop)
	ts.Check(err)
	ts.Setenv(args[0], address)
}

// freeLoopback is an address of loopback on which nobody listens now.
func freeLoopback(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// untilCommand runs a command until its stdout matches a pattern:
//
//	until PATTERN COMMAND ARG...
func untilCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND ARG...")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("never: %s (%v)", args[0], err)
		}
	}
}
