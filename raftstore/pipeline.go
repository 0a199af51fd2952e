package raftstore

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// network is raft's transport over the cluster port, without the messages that say
// nothing. raft sends an append every 5 to 10 ms to each follower, entries or not,
// so that a commit is known soon; an idle leader of 24 would send 3,200 a second. One
// that has no entries and the commit index that was sent before is left out. raft
// takes it for one without an answer, which it may be: contact is kept by heartbeats,
// which go another way.
type network struct {
	*raft.NetworkTransport
	again time.Duration // after this long a message goes out that says nothing new
}

// AppendEntriesPipeline implements raft.Transport.
func (n network) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := n.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	return &pipeline{AppendPipeline: p, again: n.again}, nil
}

// pipeline is the appends to one follower over one connection, which keeps their
// order: what was sent arrives before what comes next, or nothing does. One
// goroutine of raft's uses it.
type pipeline struct {
	raft.AppendPipeline
	again  time.Duration
	commit uint64    // the commit index that was sent last
	sent   time.Time // when; zero before the first
}

// AppendEntries implements raft.AppendPipeline.
func (p *pipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	now := time.Now()
	if len(args.Entries) == 0 && args.LeaderCommitIndex == p.commit && !p.sent.IsZero() && now.Sub(p.sent) < p.again {
		return unsent{now, args, resp}, nil
	}
	p.commit, p.sent = args.LeaderCommitIndex, now
	return p.AppendPipeline.AppendEntries(args, resp)
}

// unsent is the future of an append that did not go out. raft asks for none of
// those that a pipeline's Consumer does not give it.
type unsent struct {
	start time.Time
	args  *raft.AppendEntriesRequest
	resp  *raft.AppendEntriesResponse
}

var errUnsent = errors.New("the append said nothing new and was not sent")

func (u unsent) Error() error                          { return errUnsent }
func (u unsent) Start() time.Time                      { return u.start }
func (u unsent) Request() *raft.AppendEntriesRequest   { return u.args }
func (u unsent) Response() *raft.AppendEntriesResponse { return u.resp }
