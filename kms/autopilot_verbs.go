package kms

import (
	"context"
	"fmt"
	"time"

	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/policy"
	"github.com/signet-kms/signet/kms/state"
)

// AutopilotConfig says how the leader tends the members of the cluster by itself.
type AutopilotConfig struct {
	CleanupDeadServers      bool          // remove nodes that do not answer for DeadAfter
	DeadAfter               time.Duration // as the leader counts, from when it began to lead
	LastContactThreshold    time.Duration // a healthy node has heard from the leader since
	MaxTrailingLogs         uint64        // a healthy node is not further behind
	MinQuorum               uint64        // the clean-up leaves as many voters
	ServerStabilizationTime time.Duration // a node is healthy for so long before it gets its vote
}

// AutopilotRequest changes settings; nil leaves one as it is.
type AutopilotRequest struct {
	CleanupDeadServers                                       *bool
	DeadAfter, LastContactThreshold, ServerStabilizationTime *time.Duration
	MaxTrailingLogs, MinQuorum                               *int64
}

// AutopilotState says how the leader finds the members of the cluster. Any node takes
// the call. It needs read on sys/storage/raft/autopilot/state. Error: ErrNoLeader.
func (s *Service) AutopilotState(ctx context.Context, c *Call) (out *AutopilotState, err error) {
	err = s.act(c, verb{operation: "sys/storage/raft/autopilot/state", need: policy.Read}, func(*gate.Admission) error {
		out, err = s.autopilotState(ctx, c.view)
		return err
	})
	return out, err
}

// ReadAutopilot returns the settings in force. It needs read on
// sys/storage/raft/autopilot/configuration.
func (s *Service) ReadAutopilot(c *Call) (out AutopilotConfig, err error) {
	err = s.act(c, verb{operation: "sys/storage/raft/autopilot/configuration", need: policy.Read}, func(*gate.Admission) error {
		a := c.view.AutopilotNow()
		out = AutopilotConfig{
			CleanupDeadServers: a.Cleanup, DeadAfter: time.Duration(a.DeadAfter), LastContactThreshold: time.Duration(a.LastContact),
			MaxTrailingLogs: a.MaxTrailing, MinQuorum: a.MinQuorum, ServerStabilizationTime: time.Duration(a.Stabilization),
		}
		return nil
	})
	return out, err
}

// ConfigAutopilot changes settings. It needs update and sudo on
// sys/storage/raft/autopilot/configuration, since it can have nodes removed. Error:
// ErrBadRequest.
func (s *Service) ConfigAutopilot(ctx context.Context, c *Call, req AutopilotRequest) error {
	_, err := s.write(ctx, c, verb{operation: "sys/storage/raft/autopilot/configuration", need: policy.Update | policy.Sudo}, func(a *gate.Admission) (state.Command, error) {
		set := c.view.AutopilotNow()
		if req.CleanupDeadServers != nil {
			set.Cleanup = *req.CleanupDeadServers
		}
		setTime(&set.DeadAfter, req.DeadAfter)
		setTime(&set.LastContact, req.LastContactThreshold)
		setTime(&set.Stabilization, req.ServerStabilizationTime)
		if err := firstError(setCount(&set.MaxTrailing, req.MaxTrailingLogs), setCount(&set.MinQuorum, req.MinQuorum)); err != nil {
			return nil, err
		}
		if err := checkAutopilot(set); err != nil {
			return nil, err
		}
		note(a, "cleanup_dead_servers", fmt.Sprint(set.Cleanup))
		note(a, "min_quorum", fmt.Sprint(set.MinQuorum))
		note(a, "dead_server_last_contact_threshold", time.Duration(set.DeadAfter).String())
		note(a, "server_stabilization_time", time.Duration(set.Stabilization).String())
		return &state.SetAutopilot{Config: set}, nil
	})
	return err
}

func setTime(to *int64, from *time.Duration) {
	if from != nil {
		*to = int64(*from)
	}
}

func setCount(to *uint64, from *int64) error {
	if from == nil {
		return nil
	}
	if *from < 0 {
		return fmt.Errorf("%w: max_trailing_logs and min_quorum are not negative", ErrBadRequest)
	}
	*to = uint64(*from)
	return nil
}
