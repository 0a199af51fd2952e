package main

import (
	"net/http"
	"strings"

	"github.com/signet-kms/signet/client"
	"github.com/signet-kms/signet/client/wire"
)

const raftPaths = "sys/storage/raft/"

// raftHints returns what to do about an answer to a call about the nodes of the
// cluster, nil where it is like others.
func raftHints(err *client.Error) []string {
	about, ok := strings.CutPrefix(err.Path, raftPaths)
	if !ok && err.Path != "sys/step-down" {
		return nil
	}
	switch err.Code {
	case wire.NotFound:
		if strings.HasPrefix(about, "join-token") {
			return []string{"see them with: signet operator raft join-tokens"}
		}
		return []string{"see the nodes with: signet operator raft list"}
	case wire.OutcomeUnknown:
		return []string{"see what has become of it with: signet operator raft list"}
	}
	if about != "join" {
		return nil
	}
	switch err.Code {
	case wire.AlreadyInitialized:
		return []string{"a node that is a member already only needs its shares: signet operator unseal", "to let it join another cluster, stop it, move its data_dir away, and start it again"}
	case wire.InvalidCredentials:
		return []string{"make another one, on the cluster, with: signet operator raft join-token NODE_ID (NODE_ID is the node_id of the node that joins)"}
	case wire.NotAdmitted:
		return []string{"--leader is a URL of a node of the cluster, which is unsealed; --leader-ca is the CA of its certificate", "the node that joins must reach it: the request comes from there, not from here"}
	}
	return nil
}

// raftCapability is capability on the paths about nodes; "" if err is about another
// one.
func raftCapability(err *client.Error) string {
	about, ok := strings.CutPrefix(err.Path, raftPaths)
	switch reading := err.Method == http.MethodGet; {
	case !ok && err.Path != "sys/step-down", about == "configuration", strings.HasPrefix(about, "autopilot/") && reading:
		return ""
	case about == "join-token" && reading:
		return "list and sudo"
	case err.Method == http.MethodDelete:
		return "delete and sudo"
	}
	return "update and sudo"
}
