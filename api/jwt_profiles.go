package api

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func writeProfile(rq *request, in *wire.Profile) (*wire.ProfileData, error) {
	definition, err := definitionOf(in)
	if err != nil {
		rq.s.kms.Reject(rq.origin, rq.call, err)
		return nil, err
	}
	ctx, cancel := rq.context()
	defer cancel()
	return profileData(rq.s.kms.WriteProfile(ctx, rq.call, rq.vars.get("issuer"), rq.vars.get("profile"), definition))
}

// definitionOf is a profile in the JSON of kms: durations are whole seconds there.
func definitionOf(in *wire.Profile) ([]byte, error) {
	for _, d := range []struct {
		name string
		is   wire.Duration
	}{{"ttl", in.TTL}, {"max_ttl", in.MaxTTL}, {"max_nbf", in.MaxNBF}} {
		if d.is.Value%time.Second != 0 {
			return nil, refuse(http.StatusBadRequest, wire.BadRequest, "'"+d.name+"' is in whole seconds")
		}
	}
	definition, err := json.Marshal(in)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, wire.InvalidJSON, "the profile is not JSON in UTF-8")
	}
	return definition, nil
}

func readProfile(rq *request, _ *nothing) (*wire.ProfileData, error) {
	return profileData(rq.s.kms.ReadProfile(rq.call, rq.vars.get("issuer"), rq.vars.get("profile")))
}

func listProfiles(rq *request, _ *nothing) (*wire.Keys, error) {
	names, err := rq.s.kms.ListProfiles(rq.call, rq.vars.get("issuer"))
	return &wire.Keys{Keys: names}, err
}

func deleteProfile(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeleteProfile(ctx, rq.call, rq.vars.get("issuer"), rq.vars.get("profile"))
}

// profileData is a profile in the words of the wire.
func profileData(p kms.ProfileInfo, err error) (*wire.ProfileData, error) {
	if err != nil {
		return nil, err
	}
	d := &wire.ProfileData{Name: p.Name, Issuer: p.Issuer, CreationTime: timeOf(p.Created), UpdateTime: timeOf(p.Updated)}
	return d, json.Unmarshal(p.Definition, &d.Profile)
}
