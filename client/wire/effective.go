package wire

// Everywhere is the value of Effective.Effective and of HeaderEffective.
const Everywhere = "everywhere"

// Effective is the data of an answer to a write that took something away, on a path
// that Vault does not have: the members of Data, and these beside them. On other paths
// the headers HeaderEffective and HeaderBarrierMS say the same.
type Effective[T any] struct {
	Data      T      `json:",inline"`
	Effective string `json:"effective"`  // no request that begins after this answer is decided without the write, on any node
	BarrierMS int64  `json:"barrier_ms"` // how long it waited for that after it was committed, rounded up
}
