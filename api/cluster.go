package api

import (
	"context"
	"net/http"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms"
)

// Admitter asks a node of a cluster, at a URL, to admit the node that asks. caCert
// is PEM, or empty for the system's roots.
type Admitter func(ctx context.Context, address, caCert string, req *kms.AdmitRequest) (*kms.AdmitResponse, error)

func createJoinToken(rq *request, in *wire.JoinTokenRequest) (*wire.JoinTokenData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	t, err := rq.s.kms.CreateJoinToken(ctx, rq.call, kms.JoinTokenRequest{NodeID: in.NodeID, Replica: in.NonVoter.Value, TTL: in.TTL.Value})
	if err != nil {
		return nil, err
	}
	return &wire.JoinTokenData{JoinToken: wire.SecretOf(t.Token), ID: t.ID, NodeID: t.NodeID, NonVoter: t.Replica, ExpiresAt: t.Expires.UTC()}, nil
}

func joinCluster(rq *request, in *wire.JoinRequest) (bare[*wire.JoinResponse], error) {
	var none bare[*wire.JoinResponse]
	var err error
	switch {
	case in.LeaderClientCert != "" || in.LeaderClientKey.Reveal() != "" || in.AutoJoin != "":
		err = refuse(http.StatusBadRequest, wire.Unsupported, "client certificates and auto_join are not supported: give leader_api_addr and join_token")
	case in.LeaderAPIAddr == "":
		err = refuse(http.StatusBadRequest, wire.BadRequest, "leader_api_addr is missing: the URL of a node of the cluster")
	case in.JoinToken.Reveal() == "":
		err = refuse(http.StatusBadRequest, wire.BadRequest, "join_token is missing: make one with 'signet operator raft join-token' on the cluster")
	case rq.s.cfg.Admit == nil:
		err = refuse(http.StatusBadRequest, wire.Unsupported, "a development node joins no cluster")
	}
	if err != nil {
		rq.s.kms.Reject(rq.origin, nil, err)
		return none, err
	}
	ctx, cancel := rq.context()
	defer cancel()
	err = rq.s.kms.Join(ctx, rq.origin, in.JoinToken.Reveal(), func(ctx context.Context, req *kms.AdmitRequest) (*kms.AdmitResponse, error) {
		return rq.s.cfg.Admit(ctx, in.LeaderAPIAddr, in.LeaderCACert, req)
	})
	if err != nil {
		return none, err
	}
	return bare[*wire.JoinResponse]{&wire.JoinResponse{Joined: true}}, nil
}

// admit takes a request to join. A sealed node says so before it reads what a
// stranger sent.
func admit(rq *request) error {
	if rq.s.kms.Sealed() {
		ctx, cancel := rq.context()
		defer cancel()
		_, err := rq.s.kms.Admit(ctx, rq.origin, &kms.AdmitRequest{})
		return err
	}
	return handle(admitNode)(rq)
}

func admitNode(rq *request, in *wire.AdmitRequest) (*wire.AdmitData, error) {
	ctx, cancel := rq.context()
	defer cancel()
	out, err := rq.s.kms.Admit(ctx, rq.origin, &kms.AdmitRequest{
		TokenID: in.TokenID, Proof: in.Proof, NodeID: in.NodeID, Incarnation: in.Incarnation, CSR: in.CSR, Address: in.ClusterAddr, APIAddress: in.APIAddr, Level: in.FeatureLevel,
	})
	if err != nil {
		return nil, err
	}
	return &wire.AdmitData{Certificate: out.Certificate, Roster: out.Roster, Proof: out.Proof}, nil
}

func raftConfiguration(rq *request, _ *nothing) (*wire.RaftConfiguration, error) {
	ctx, cancel := rq.context()
	defer cancel()
	members, err := rq.s.kms.Members(ctx, rq.call, rq.r.URL.Query().Get("digest") == "true")
	if err != nil {
		return nil, err
	}
	out := &wire.RaftConfiguration{}
	out.Config.Index, out.Config.FeatureLevel = members.Version, members.Level
	for _, m := range members.List {
		s := wire.RaftServer{
			NodeID: m.NodeID, Address: m.Address, Leader: m.Leader, ProtocolVersion: "3", Voter: m.Voter, APIAddress: m.APIAddress, WillVote: m.WillVote,
		}
		if st := m.Status; st != nil {
			s.Reachable, s.Sealed, s.Serving, s.Healthy = true, st.Sealed, st.Serving, st.Healthy
			s.Version, s.LastIndex, s.StateIndex, s.Digest = st.Version, st.LastIndex, st.State, st.Digest
			s.FeatureLevel = st.Level
		}
		out.Config.Servers = append(out.Config.Servers, s)
	}
	return out, nil
}

// changeMember is a change of one member.
func changeMember(change func(s *kms.Service, ctx context.Context, c *kms.Call, nodeID string) error) func(rq *request, in *wire.MemberRequest) (nothing, error) {
	return func(rq *request, in *wire.MemberRequest) (nothing, error) {
		ctx, cancel := rq.context()
		defer cancel()
		return nothing{}, change(rq.s.kms, ctx, rq.call, in.ServerID)
	}
}

func stepDown(rq *request, in *wire.StepDownRequest) (nothing, error) {
	ctx, cancel := rq.context()
	defer cancel()
	return nothing{}, rq.s.kms.Transfer(ctx, rq.call, in.ServerID)
}

func haStatus(rq *request, _ *nothing) (bare[*wire.HAStatus], error) {
	ctx, cancel := rq.context()
	defer cancel()
	members, err := rq.s.kms.HAStatus(ctx, rq.call)
	if err != nil {
		return bare[*wire.HAStatus]{}, err
	}
	nodes := []wire.HANode{}
	for _, m := range members {
		n := wire.HANode{Hostname: m.NodeID, APIAddress: m.APIAddress, ClusterAddress: m.Address, ActiveNode: m.Leader}
		if m.Address != "" {
			n.ClusterAddress = "https://" + m.Address
		}
		if m.Status != nil {
			n.Version, n.FeatureLevel = m.Status.Version, m.Status.Level
			if now := wall.Now().UTC(); !m.Leader {
				n.LastEcho = &now
			}
		}
		nodes = append(nodes, n)
	}
	return bare[*wire.HAStatus]{&wire.HAStatus{RequestID: rq.origin.RequestID, Nodes: nodes, Data: wire.HANodes{Nodes: nodes}}}, nil
}
