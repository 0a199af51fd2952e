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
	// HeaderRetryAfter holds whole seconds, on 429 and 503.
	HeaderRetryAfter = "Retry-After"
)
