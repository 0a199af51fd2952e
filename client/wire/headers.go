package wire

// Header names, in the canonical form of net/http.
const (
	// HeaderToken carries the token; "Authorization: Bearer" is the same thing.
	HeaderToken = "X-Vault-Token"
	// HeaderRequest is "true" on every request of a Vault client or of ours. A
	// browser cannot add it across origins without asking first.
	HeaderRequest = "X-Vault-Request"
	// HeaderNamespace: only "", "root" and "root/" are served, others are a 400.
	HeaderNamespace = "X-Vault-Namespace"
	// HeaderWrapTTL asks for response wrapping, which is refused with a 400.
	HeaderWrapTTL = "X-Vault-Wrap-Ttl"
	// HeaderIdempotencyKey makes a write take effect once, however often it is
	// sent by one caller: 1 to 255 printable ASCII characters.
	HeaderIdempotencyKey = "Idempotency-Key"
	// HeaderIndex, in an answer, is the index of the state that it was decided on;
	// after a write, that of the write. In a request it asks for an answer from a
	// state at that index or a later one, on whichever node: decimal digits. A node
	// that does not get there within a second answers 503 with no_lease, and 412 with
	// index_unknown if the whole cluster is not there.
	HeaderIndex = "X-Signet-Index"
	// HeaderConsistency: "strict" asks for an answer that knows all that any node
	// acknowledged before the request.
	HeaderConsistency = "X-Signet-Consistency"
	// HeaderEffective is "everywhere" after a write that took something away: no
	// request that begins after this answer is decided without it, on any node.
	HeaderEffective = "X-Signet-Effective"
	// HeaderBarrierMS is how long the write waited for that after it was committed,
	// in milliseconds, rounded up.
	HeaderBarrierMS = "X-Signet-Barrier-Ms"
	// HeaderRetryAfter holds whole seconds, on 429 and 503.
	HeaderRetryAfter = "Retry-After"
)
