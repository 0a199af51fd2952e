package kms

import "github.com/prometheus/client_golang/prometheus"

// quotaCollector counts refusals by quota. Its labels are the quotas that exist,
// so there are never more than those.
type quotaCollector struct {
	s    *Service
	desc *prometheus.Desc
}

func newQuotaCollector(s *Service) *quotaCollector {
	return &quotaCollector{s, prometheus.NewDesc("signet_rate_limited_total",
		"Requests refused by a rate limit, by its name, since it was written or the node was unsealed.", []string{"quota"}, nil)}
}

// Describe implements prometheus.Collector.
func (q *quotaCollector) Describe(ch chan<- *prometheus.Desc) { ch <- q.desc }

// Collect implements prometheus.Collector.
func (q *quotaCollector) Collect(ch chan<- prometheus.Metric) {
	v := q.s.view.Load()
	if v == nil || v.quotas == nil {
		return
	}
	for _, l := range v.quotas.all() {
		ch <- prometheus.MustNewConstMetric(q.desc, prometheus.CounterValue, float64(l.refused.Load()), l.quota.Name)
	}
}
