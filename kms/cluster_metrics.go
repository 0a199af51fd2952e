package kms

import "github.com/prometheus/client_golang/prometheus"

// observed is what this node counts of its part in the cluster.
type observed struct {
	barrier   prometheus.Histogram
	waiting   prometheus.Gauge
	forwarded prometheus.Counter
}

func newObserved() observed {
	return observed{
		barrier: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "signet_barrier_seconds", Help: "How long the leader waited, after a write that takes something away was committed, until it was in force on every node.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		waiting:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "signet_barrier_waits", Help: "Writes that wait, at this leader, until they are in force on every node."}),
		forwarded: prometheus.NewCounter(prometheus.CounterOpts{Name: "signet_forwarded_total", Help: "Writes that this node took and the leader committed."}),
	}
}

// clusterCollectors are the metrics of this node's part in the cluster.
func (s *Service) clusterCollectors() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	leases := s.store.Leases()
	return []prometheus.Collector{
		gauge("signet_leader", "1 while this node leads and takes writes.", func() float64 { return is(s.leading()) }),
		gauge("signet_lease_held", "1 while this node may serve.", func() float64 { return is(leases.Held()) }),
		gauge("signet_lease_left_seconds", "How long this node may serve yet if the leader confirms it no more.", func() float64 { return leases.Left().Seconds() }),
		gauge("signet_raft_lag_entries", "How far this node's state is behind the leader's, as of the last lease.", func() float64 {
			at, leaders := s.stateIndex(), leases.LeaderIndex()
			if at == 0 || leaders <= at {
				return 0
			}
			return float64(leaders - at)
		}),
		s.observed.barrier, s.observed.waiting, s.observed.forwarded,
	}
}
