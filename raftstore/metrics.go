package raftstore

import (
	metrics "github.com/hashicorp/go-metrics/compat"
	gmprom "github.com/hashicorp/go-metrics/compat/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// newCollector points the metrics of raft and its log at a fresh collector,
// under names that begin with signet_raft_. The compat packages follow the same
// build tag as raft does, so that both always speak of the same library.
//
// That library knows one sink for each process. With several stores in one
// process, the one opened last collects for all.
func newCollector() (prometheus.Collector, error) {
	// The sink insists on registering itself somewhere; the caller of
	// Store.Collector decides where it really goes.
	sink, err := gmprom.NewPrometheusSinkFrom(gmprom.PrometheusOpts{Registerer: prometheus.NewRegistry()})
	if err != nil {
		return nil, err
	}
	conf := metrics.DefaultConfig("signet")
	conf.EnableHostname = false
	conf.EnableRuntimeMetrics = false // client_golang has its own, and this one would leave a goroutine behind
	if _, err := metrics.NewGlobal(conf, sink); err != nil {
		return nil, err
	}
	return collector{sink}, nil
}

// collector hides the sink's description, which names a metric that it never
// reports. Without one, a registry takes the metrics as they come.
type collector struct{ sink prometheus.Collector }

func (collector) Describe(chan<- *prometheus.Desc)       {}
func (c collector) Collect(out chan<- prometheus.Metric) { c.sink.Collect(out) }
