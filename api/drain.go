package api

import "github.com/signet-kms/signet/client/wire"

// Drain begins the end of this node's service: from now on health says 503, and each
// answer ends its connection, so that load balancers and clients go to other nodes.
// Requests are answered as before.
func (s *Server) Drain() { s.draining.Store(true) }

// reasonStopping is what health says of a node that finishes what is under way.
const reasonStopping wire.Code = "stopping"

const whyStopping = "this node is stopping: it finishes what is under way"
