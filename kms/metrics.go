package kms

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
)

// MayReadMetrics asks for read on sys/metrics.
func (s *Service) MayReadMetrics(c *Call) error {
	return s.act(c, verb{operation: "sys/metrics", need: policy.Read, late: true}, func(*gate.Admission) error { return nil })
}

// Collectors are this service's metrics: what everybody may see of a sealed
// node, and the rest.
func (s *Service) Collectors() (public, private []prometheus.Collector) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	one := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	public = []prometheus.Collector{
		gauge("signet_initialized", "1 once the cluster was made.", func() float64 { return one(s.Initialized()) }),
		gauge("signet_sealed", "1 while the node is sealed.", func() float64 { return one(s.view.Load() == nil) }),
		counter("signet_seal_unwrap_failures_total", "Times a configured seal did not unwrap the root key.", func() float64 { return float64(s.waiting.failures.Load()) }),
		gauge("signet_serving", "1 while the node answers requests that need a key or a token.", func() float64 { return one(s.store.Leases().Held()) }),
	}
	count := func(pick func(keys, versions, tokens, policies int) int) func() float64 {
		return func() float64 {
			v := s.view.Load()
			if v == nil {
				return 0
			}
			return float64(pick(v.Counts()))
		}
	}
	private = []prometheus.Collector{
		gauge("signet_keys", "Keys.", count(func(k, _, _, _ int) int { return k })),
		gauge("signet_key_versions", "Versions of all keys.", count(func(_, v, _, _ int) int { return v })),
		gauge("signet_tokens", "Tokens, expired ones not yet removed included.", count(func(_, _, t, _ int) int { return t })),
		gauge("signet_policies", "Policies.", count(func(_, _, _, p int) int { return p })),
		gauge("signet_issued_entries", "What is remembered of tokens of issuers: revoked and used ones, and cut-offs of subjects and applications.", func() float64 {
			v := s.view.Load()
			if v == nil {
				return 0
			}
			return float64(v.CountIssued().All())
		}),
		gauge("signet_audit_healthy", "1 while the audit log can be written.", func() float64 { return one(s.audit.Err() == nil) }),
		counter("signet_audit_records_total", "Audit records written.", func() float64 { return float64(s.audit.Stats().Records) }),
		counter("signet_audit_groups_total", "Writes to the audit log, each with one or more records.", func() float64 { return float64(s.audit.Stats().Groups) }),
		counter("signet_audit_syncs_total", "Times the audit log was synced to disk.", func() float64 { return float64(s.audit.Stats().Syncs) }),
		s.store.Collector(),
		newQuotaCollector(s),
	}
	private = append(append(private, s.clusterCollectors()...), s.scheduled.collectors()...)
	return public, private
}
