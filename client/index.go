package client

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/signet-kms/signet/client/wire"
)

// Index is the highest index of the cluster's state that an answer to this client
// was made from; 0 before the first. Hand it to another client, with a message in a
// queue say, and with [Client.AtLeast] that one sees all that this one was told is
// done, on whatever node.
func (c *Client) Index() uint64 { return c.index.Load() }

// AtLeast lets the calls from now on be answered from the state at index or a later
// one. A lower index than the client has seen changes nothing, and neither does any
// with [Config.NoIndex].
//
// A cluster that was recovered without its majority, or restored from a backup, may have
// lost what the index stands for. It says so, and then the client forgets the index and
// sends the call again without: the calls from then on see what there is.
func (c *Client) AtLeast(index uint64) {
	for {
		seen := c.index.Load()
		if index <= seen || c.index.CompareAndSwap(seen, index) {
			return
		}
	}
}

// demandIndex puts the index into a request.
func (c *Client) demandIndex(cl call, h http.Header) {
	if index := c.index.Load(); index > 0 && !c.noIndex && !cl.here {
		h.Set(wire.HeaderIndex, strconv.FormatUint(index, 10))
	}
}

// forgetIndex gives up an index that the cluster does not know, and those above it.
func (c *Client) forgetIndex(demanded uint64) {
	for {
		seen := c.index.Load()
		if seen < demanded || c.index.CompareAndSwap(seen, 0) {
			return
		}
	}
}

func unknownIndex(err error) bool {
	answered := (*Error)(nil)
	return errors.As(err, &answered) && answered.Code == wire.IndexUnknown
}

// noteIndex takes the index of an answer. Servers that send none, or something that
// is no index, change nothing.
func (c *Client) noteIndex(h http.Header) {
	if index, err := strconv.ParseUint(h.Get(wire.HeaderIndex), 10, 64); err == nil {
		c.AtLeast(index)
	}
}
