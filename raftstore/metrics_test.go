package raftstore

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
)

func TestRaftMetricsComeOut(t *testing.T) {
	s := lead(t, t.TempDir(), newBook())
	propose(t, s, "a", "b")
	registry := prometheus.NewRegistry()
	if err := registry.Register(s.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "signet_raft_") {
			t.Errorf("metric %s", f.GetName())
		}
		m := f.GetMetric()[0]
		found[f.GetName()] = m.GetCounter().GetValue() + float64(m.GetSummary().GetSampleCount()) + m.GetGauge().GetValue()
	}
	for _, name := range []string{"signet_raft_apply", "signet_raft_commitTime", "signet_raft_fsm_applyBatch", "signet_raft_boltdb_storeLogs", "signet_raft_state_leader"} {
		if found[name] <= 0 {
			t.Errorf("no %s among %v", name, found)
		}
	}
	// The same collector in a second registry, as after a reload.
	if err := prometheus.NewRegistry().Register(s.Collector()); err != nil {
		t.Error(err)
	}
}

// An operator sees no chatter at Info, and no warning from a normal start.
func TestRaftIsQuiet(t *testing.T) {
	var out bytes.Buffer
	log := hclog.New(&hclog.LoggerOptions{Name: "signet", Output: &out, Level: hclog.Info})
	s, err := Open(Options{Dir: t.TempDir(), Dev: true, Logger: log}, newBook())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	settle(t, s)
	propose(t, s, "a")
	if err := s.Snapshot(testContext(t)); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if out.Len() != 0 {
		t.Errorf("logged:\n%s", out.String())
	}

	log.SetLevel(hclog.Debug)
	q := newQuiet(log)
	q.Debug("one")
	q.With("a", 1).Info("two")
	q.Named("sub").Warn("three")
	q.ResetNamed("other").Warn(startingElection)
	q.Log(hclog.Info, "four")
	q.Log(hclog.Error, "five")
	q.Log(hclog.Debug, "six")
	q.Log(hclog.Warn, "seven")
	got := out.String()
	for _, want := range []string{"[DEBUG] signet: two: a=1", "[WARN]  signet.sub: three", "[DEBUG] other: " + startingElection, "[DEBUG] signet: four", "[ERROR] signet: five", "[WARN]  signet: seven"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, hidden := range []string{"one", "six"} {
		if strings.Contains(got, hidden) {
			t.Errorf("%s is shown", hidden)
		}
	}
	if q.IsDebug() || !q.IsInfo() {
		t.Error("levels are not moved")
	}
}
