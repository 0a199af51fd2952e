package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// limit counts a request against the quotas of its address. It comes before the
// token, so that whoever floods a node costs it a look at a map and nothing else.
func (s *Server) limit(rq *request) error {
	o := rq.origin
	if o.Path == "/metrics" {
		o.Path = "sys/metrics"
	}
	if o.Path == "sys/metrics" && s.cfg.PublicMetrics {
		return nil
	}
	return s.kms.LimitSource(o)
}

// mostDrained is the longest body that is read and thrown away so that the
// connection of a request over a limit can be used again.
const mostDrained = 16 << 10

// leaveBody ends a connection on which more than a little would have to be read
// before the next request. net/http reads what a handler leaves, up to 256 KiB,
// before it sends the answer; HTTP/2 does not.
func (rq *request) leaveBody() {
	if n := rq.r.ContentLength; rq.r.ProtoMajor == 1 && (n < 0 || n > mostDrained) {
		rq.w.Header().Set("Connection", "close")
	}
}

func listQuotas(rq *request, _ *nothing) (*wire.Keys, error) {
	names, err := rq.s.kms.ListQuotas(rq.call)
	return &wire.Keys{Keys: names}, err
}

func readQuota(rq *request, _ *nothing) (*wire.QuotaData, error) {
	q, err := rq.s.kms.ReadQuota(rq.call, rq.vars.get("name"))
	d := &wire.QuotaData{
		Type: wire.QuotaType, Name: q.Name, Path: q.Path, Per: wire.QuotaPerSource, Rate: q.Rate,
		Interval: wire.DurationOf(q.Interval), BlockInterval: wire.DurationOf(q.Block), Inheritable: q.Path == "",
	}
	switch {
	case q.PerToken:
		d.Per = wire.QuotaPerToken
	case q.PerApplication:
		d.Per = wire.QuotaPerApplication
	}
	return d, err
}

func writeQuota(rq *request, in *wire.QuotaRequest) (nothing, error) {
	name := rq.vars.get("name")
	if err := checkQuota(name, in); err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return nothing{}, err
	}
	q := kms.Quota{
		Name: name, Path: in.Path.Value, PerToken: in.Per.Value == wire.QuotaPerToken, PerApplication: in.Per.Value == wire.QuotaPerApplication, Rate: in.Rate.Value,
		Interval: in.Interval.Value, Block: in.BlockInterval.Value,
	}
	if q.Interval == 0 {
		q.Interval = time.Second
	}
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.WriteQuota(ctx, rq.call, q)
}

// checkQuota refuses what Vault's clients may ask for and this server does not
// do, unless it is what happens anyway.
func checkQuota(name string, in *wire.QuotaRequest) error {
	unsupported := func(text string) error { return refuse(http.StatusBadRequest, wire.Unsupported, text) }
	switch {
	case in.Name.Value != "" && in.Name.Value != name:
		return refuse(http.StatusBadRequest, wire.BadRequest, "'name' is another one than in the path")
	case in.Type.Value != "" && in.Type.Value != wire.QuotaType:
		return unsupported("the only type of quota is " + wire.QuotaType)
	case in.Per.Value != "" && in.Per.Value != wire.QuotaPerSource && in.Per.Value != wire.QuotaPerToken && in.Per.Value != wire.QuotaPerApplication:
		return refuse(http.StatusBadRequest, wire.BadRequest, "'per' is source (each address, before authentication), token (each token, after it) or application (each application)")
	case in.Role.Value != "":
		return unsupported("quotas by role are not supported")
	case in.Inheritable.Value && strings.TrimSuffix(in.Path.Value, "*") != "":
		return unsupported("inheritable means all namespaces, and there is one; leave it out")
	case in.GroupBy.Value != "" && (in.GroupBy.Value != "ip" || in.Per.Value == wire.QuotaPerToken || in.Per.Value == wire.QuotaPerApplication):
		return unsupported("group_by is ip, or absent with per=token or per=application")
	case in.SecondaryRate.Value != 0:
		return unsupported("secondary_rate is not supported; write a second quota")
	}
	return nil
}

func deleteQuota(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeleteQuota(ctx, rq.call, rq.vars.get("name"))
}
