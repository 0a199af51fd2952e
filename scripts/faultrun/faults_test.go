package faultrun

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/signet-kms/signet/api/apitest"
)

var (
	wanted = flag.String("faults", "", "run the rows whose names have one of these parts, separated by commas; all: every one")
	seed   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the clients and of choices")
	out    = flag.String("out", "", "directory for the table and the pictures of the histories")
	list   = flag.Bool("list", false, "print the names of the rows")

	kills     = flag.Int("kills", 5, "how often the leader is killed")
	revokes   = flag.Int("revocations", 500, "revocations under a changing leader")
	rotations = flag.Int("rotations", 150, "rotations while nodes are killed")
)

// TestFaults is the whole table, for scripts/faults.
func TestFaults(t *testing.T) {
	if *list {
		for _, row := range rows() {
			fmt.Println(row.name)
		}
		return
	}
	if *wanted == "" {
		t.Skip("the whole table takes long, as with SIGNET_TEST_LONG=1: scripts/faults makes it")
	}
	if *out != "" {
		if err := os.MkdirAll(*out, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var table []result
	for _, row := range rows() {
		if !row.chosen() {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			var r *run
			t.Cleanup(func() {
				table = append(table, lineOf(row.name, r, t.Failed(), t.Skipped()))
			})
			var net *apitest.Network
			if row.network {
				net = apitest.NewNetwork(t)
			}
			r = begin(t, row.name, *seed, net, row.prepare...)
			defer r.ended.Store(true)
			row.inject(r)
			r.finish(*out)
		})
		print := func(w io.Writer) { printTable(w, table) }
		if *out != "" {
			f, err := os.Create(filepath.Join(*out, "table.txt"))
			if err != nil {
				t.Fatal(err)
			}
			print(f)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	printTable(os.Stdout, table)
}

func (r row) chosen() bool {
	if *wanted == "all" {
		return true
	}
	for part := range strings.SplitSeq(*wanted, ",") {
		if strings.Contains(r.name, part) {
			return true
		}
	}
	return false
}

// lineOf is the line of a row that has ended, however; r is nil when it did not begin.
func lineOf(name string, r *run, failed, skipped bool) result {
	switch {
	case r == nil && skipped:
		return result{fault: name, seed: *seed, notes: "skipped"}
	case r == nil:
		return result{fault: name, seed: *seed, notes: "FAILED: it did not begin"}
	}
	res := r.res
	switch {
	case res.fault == "":
		r.h.mu.Lock() // clients may be under way
		defer r.h.mu.Unlock()
		res.fault, res.seed, res.operations, res.acked, res.unknown = name, r.seed, r.h.tried, len(r.h.acked), r.h.unknown
		res.violations = len(r.h.violations)
		res.notes = strings.TrimSpace("FAILED: it did not end; " + res.notes)
	case failed:
		res.notes = strings.TrimSpace("FAILED " + res.notes)
	}
	return res
}

// A row that fails is in the table, wherever it was.
func TestTheTableHasWhatFailed(t *testing.T) {
	begun := &run{seed: 7, h: &history{tried: 12, violations: []string{"one"}}}
	judged := &run{seed: 7, h: &history{}, res: result{fault: "x", seed: 7, notes: "n"}}
	for want, got := range map[string]result{
		"FAILED: it did not begin": lineOf("x", nil, true, false),
		"skipped":                  lineOf("x", nil, false, true),
		"FAILED: it did not end;":  lineOf("x", begun, true, false),
		"FAILED n":                 lineOf("x", judged, true, false),
		"n":                        lineOf("x", judged, false, false),
	} {
		if got.notes != want || got.fault != "x" || got.seed == 0 {
			t.Errorf("%q: %+v", want, got)
		}
	}
	if got := lineOf("x", begun, true, false); got.operations != 12 || got.violations != 1 {
		t.Errorf("%+v", got)
	}
}

func printTable(w io.Writer, table []result) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "fault\tseed\toperations\tacked\tunknown\tlost\tviolations\tlinearizable\tfirst write\tno signature\tall serve\t")
	for _, r := range table {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%.2fs\t%.2fs\t%.2fs\t%s\n", r.fault, r.seed, r.operations, r.acked, r.unknown, r.lost, r.violations,
			r.linearizable, r.recovery.Seconds(), r.gap.Seconds(), r.settled.Seconds(), r.notes)
	}
	_ = tw.Flush()
}

// The short form: a kill of the leader, and a leader that is stopped past its lease,
// in one cluster. Where namespaces can be made the leader is cut off too.
func TestAClusterSurvivesTheLossOfItsLeader(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three daemons and harms them")
	}
	r := begin(t, "short", *seed, nil)
	defer r.ended.Store(true)
	r.killLeader(1)
	r.pause(r.leader(), 4*time.Second)
	r.finish("")
	t.Logf("seed %d: %d operations, %d writes acknowledged, first write after %v, no signature for %v", r.seed, r.res.operations, r.res.acked, r.res.recovery, r.res.gap)
}

func TestAClusterSurvivesAPartitionOfItsLeader(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three daemons and cuts them off")
	}
	r := begin(t, "partition", *seed, apitest.NewNetwork(t))
	defer r.ended.Store(true)
	r.isolate(r.leader(), 4*time.Second)
	r.finish("")
	t.Logf("seed %d: %d operations, %d writes acknowledged, first write after %v, no signature for %v", r.seed, r.res.operations, r.res.acked, r.res.recovery, r.res.gap)
}
