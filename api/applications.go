package api

import (
	"time"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func writeApplication(rq *request, in *wire.ApplicationRequest) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.WriteApplication(ctx, rq.call, rq.vars.get("name"), kms.ApplicationChange{
		Owner: given(in.Owner.Set, in.Owner.Value), Description: given(in.Description.Set, in.Description.Value),
		Policies: in.Policies, Metadata: in.Metadata,
	})
}

func readApplication(rq *request, _ *nothing) (*wire.ApplicationData, error) {
	a, err := rq.s.kms.ReadApplication(rq.call, rq.vars.get("name"))
	if err != nil {
		return nil, err
	}
	return &wire.ApplicationData{
		Name: a.Name, State: a.State(), Owner: a.Owner, Description: a.Description, Policies: a.Policies, Metadata: texts(a.Metadata), Roles: a.Roles,
		Created: timeOf(a.Created), Updated: timeOf(a.Updated), Activated: moment(a.Activated), Blocked: moment(a.Blocked), Reason: a.Reason,
	}, nil
}

// moment is timeOf for what may not have come yet.
func moment(nanos int64) *time.Time {
	if nanos == 0 {
		return nil
	}
	at := timeOf(nanos)
	return &at
}

// texts is never null in an answer.
func texts(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func listApplications(rq *request, _ *nothing) (*wire.Keys, error) {
	names, err := rq.s.kms.ListApplications(rq.call)
	return &wire.Keys{Keys: names}, err
}

func deleteApplication(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeleteApplication(ctx, rq.call, rq.vars.get("name"))
}

func blockApplication(rq *request, in *wire.BlockRequest) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.BlockApplication(ctx, rq.call, rq.vars.get("name"), in.Reason)
}

// unblockApplication takes no members, and refuses them.
func unblockApplication(rq *request, _ *struct{}) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.UnblockApplication(ctx, rq.call, rq.vars.get("name"))
}
