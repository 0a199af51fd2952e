package api

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/signet-kms/signet/kms"
)

// metrics are this server's own registries: one for an unsealed node, and one
// with the few figures that a sealed node shows to everybody.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	open      http.Handler
	sealed    http.Handler
}

func newMetrics(service *kms.Service, refused func() uint64) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "signet_requests_total", Help: "Requests by operation and outcome code; code is empty for a success.",
		}, []string{"operation", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "signet_request_duration_seconds", Help: "Time from a routed request to its answer.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 2.5, 10},
		}, []string{"operation"}),
	}
	public, private := service.Collectors()
	sealed, open := prometheus.NewRegistry(), prometheus.NewRegistry()
	sealed.MustRegister(public...)
	open.MustRegister(public...)
	open.MustRegister(private...)
	open.MustRegister(m.requests, m.durations, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if refused != nil {
		open.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "signet_connections_refused_total", Help: "Connections closed at once because their source had too many open.",
		}, func() float64 { return float64(refused()) }))
	}
	m.open = promhttp.HandlerFor(open, promhttp.HandlerOpts{})
	m.sealed = promhttp.HandlerFor(sealed, promhttp.HandlerOpts{})
	return m
}

// observer counts the requests of one operation. The successes are resolved
// beforehand: looking a label up costs as much as the rest.
func (m *metrics) observer(operation string) func(time.Duration, error) {
	ok, duration := m.requests.WithLabelValues(operation, ""), m.durations.WithLabelValues(operation)
	return func(d time.Duration, err error) {
		duration.Observe(d.Seconds())
		if err == nil {
			ok.Inc()
			return
		}
		_, code, _ := answerTo(err)
		m.requests.WithLabelValues(operation, string(code)).Inc()
	}
}

// serveMetrics asks for a token with read on sys/metrics, unless the node is
// sealed, where nobody has one and little is shown, or configured not to.
func serveMetrics(rq *request) error {
	m := rq.s.metrics
	if rq.s.kms.Sealed() {
		rq.s.kms.Count("sys/metrics")
		rq.serveText(m.sealed)
		return nil
	}
	if !rq.s.cfg.PublicMetrics {
		rq.origin.Path = "sys/metrics"
		call, err := rq.begin(true)
		if err == nil {
			rq.call = call
			err = rq.s.kms.Authenticate(call, tokenOf(rq.r))
		}
		if err == nil {
			err = rq.s.kms.LimitToken(call)
		}
		if err != nil {
			if !kms.Doubted(err) {
				rq.s.kms.Reject(rq.origin, call, err)
			}
			return err
		}
		if err := rq.s.kms.MayReadMetrics(call); err != nil {
			return err
		}
	} else {
		rq.s.kms.Count("sys/metrics")
	}
	rq.serveText(m.open)
	return nil
}

func (rq *request) serveText(h http.Handler) {
	rq.w.Header().Del("Content-Type")
	h.ServeHTTP(rq.w, rq.r)
}
