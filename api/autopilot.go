package api

import (
	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

func autopilotState(rq *request, _ *nothing) (*wire.AutopilotState, error) {
	ctx, cancel := rq.context()
	defer cancel()
	st, err := rq.s.kms.AutopilotState(ctx, rq.call)
	if err != nil {
		return nil, err
	}
	out := &wire.AutopilotState{Healthy: st.Healthy, FailureTolerance: st.FailureTolerance, Leader: st.Leader, Voters: []string{}, Servers: map[string]wire.AutopilotServer{}}
	for _, m := range st.Members {
		s := wire.AutopilotServer{
			ID: m.NodeID, Name: m.NodeID, Address: m.Address, NodeStatus: "failed", NodeType: "non-voter", LastContact: m.LastContact.String(),
			LastTerm: m.Term, LastIndex: m.LastIndex, Healthy: m.Healthy, StableSince: m.Since.UTC(), Version: m.Version,
		}
		if m.Alive {
			s.NodeStatus = "alive"
		}
		if m.Voter {
			s.NodeType = "voter"
			out.Voters = append(out.Voters, m.NodeID)
		} else {
			out.NonVoters = append(out.NonVoters, m.NodeID)
		}
		if s.Status = s.NodeType; m.Leader {
			s.Status = "leader"
		}
		out.Servers[m.NodeID] = s
	}
	return out, nil
}

func readAutopilot(rq *request, _ *nothing) (*wire.AutopilotConfig, error) {
	a, err := rq.s.kms.ReadAutopilot(rq.call)
	if err != nil {
		return nil, err
	}
	return &wire.AutopilotConfig{
		CleanupDeadServers: a.CleanupDeadServers, DeadServerLastContactThreshold: a.DeadAfter.String(), LastContactThreshold: a.LastContactThreshold.String(),
		MaxTrailingLogs: a.MaxTrailingLogs, MinQuorum: a.MinQuorum, ServerStabilizationTime: a.ServerStabilizationTime.String(),
	}, nil
}

func configAutopilot(rq *request, in *wire.AutopilotConfigRequest) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	req := kms.AutopilotRequest{
		CleanupDeadServers: given(in.CleanupDeadServers.Set, in.CleanupDeadServers.Value), DeadAfter: given(in.DeadServerLastContactThreshold.Set, in.DeadServerLastContactThreshold.Value),
		LastContactThreshold: given(in.LastContactThreshold.Set, in.LastContactThreshold.Value), ServerStabilizationTime: given(in.ServerStabilizationTime.Set, in.ServerStabilizationTime.Value),
		MaxTrailingLogs: given(in.MaxTrailingLogs.Set, in.MaxTrailingLogs.Value), MinQuorum: given(in.MinQuorum.Set, in.MinQuorum.Value),
	}
	return nothing{}, rq.s.kms.ConfigAutopilot(ctx, rq.call, req)
}

func listJoinTokens(rq *request, _ *nothing) (*wire.JoinTokenList, error) {
	list, err := rq.s.kms.JoinTokens(rq.call)
	if err != nil {
		return nil, err
	}
	out := &wire.JoinTokenList{Keys: []string{}, KeyInfo: map[string]wire.JoinTokenInfo{}}
	for _, t := range list {
		out.Keys = append(out.Keys, t.ID)
		out.KeyInfo[t.ID] = wire.JoinTokenInfo{
			NodeID: t.NodeID, NonVoter: t.Replica, CreatedAt: t.Created.UTC(), ExpiresAt: t.Expires.UTC(), CreatedBy: t.Maker, UsedBy: t.UsedBy,
		}
	}
	return out, nil
}

func deleteJoinToken(rq *request, _ *nothing) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.DeleteJoinToken(ctx, rq.call, rq.vars.get("name"))
}
