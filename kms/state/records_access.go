package state

// TokenRole is a template and a limit for the tokens made through it.
type TokenRole struct {
	Name            string   `codec:"n"`
	Allowed         []string `codec:"a,omitempty"` // policies; empty with AllowedGlobs empty: those of the caller
	Disallowed      []string `codec:"d,omitempty"` // policies
	AllowedGlobs    []string `codec:"g,omitempty"` // policies, in which '*' is any text
	DisallowedGlobs []string `codec:"h,omitempty"` // policies, in which '*' is any text
	Orphan          bool     `codec:"o,omitempty"`
	NotRenewable    bool     `codec:"b,omitempty"`
	NoDefault       bool     `codec:"f,omitempty"` // no policy "default"
	PathSuffix      string   `codec:"p,omitempty"` // of the path that the tokens show
	TTL             int64    `codec:"t,omitempty"` // seconds; 0 the system's default
	MaxTTL          int64    `codec:"l,omitempty"` // seconds; 0 the system's limit
	ExplicitMax     int64    `codec:"x,omitempty"` // seconds; 0 none
	Period          int64    `codec:"q,omitempty"` // seconds; 0 not periodic
	Uses            int64    `codec:"u,omitempty"` // 0 unlimited
	BoundCIDRs      []string `codec:"s,omitempty"`
}

// Quota is one rate limit. Two quotas may limit one path with two windows.
type Quota struct {
	Name     string  `codec:"n"`
	Path     string  `codec:"p,omitempty"` // a policy path, or the beginning of paths and '*'; empty everywhere
	Per      string  `codec:"k"`           // one of QuotaPer…
	Rate     float64 `codec:"r"`           // requests in an interval
	Interval int64   `codec:"i"`           // nanoseconds
	Block    int64   `codec:"b,omitempty"` // nanoseconds that whoever exceeds it is refused everything; 0 none
}

// What a Quota counts.
const (
	QuotaPerSource = "source" // each address, before authentication; an IPv6 address by its /64
	QuotaPerToken  = "token"  // each token, after authentication

	QuotaPerApplication = "application" // each application, all its tokens together; nobody else
)

// Rotation says when the barrier's term rotates by itself.
type Rotation struct {
	Disabled bool   `codec:"d,omitempty"`
	Interval int64  `codec:"i,omitempty"` // nanoseconds of age; 0 never by age
	Commands uint64 `codec:"c,omitempty"` // commands sealed under one term; 0 never by use
}

// Once asks that a command takes effect once, however often it is sent: a retried
// request brings another command under the same Once.
type Once struct {
	Caller  string `codec:"c"` // the accessor of the caller's token
	Key     []byte `codec:"k"` // 32 bytes: hash of the caller's idempotency key
	Request []byte `codec:"r"` // 32 bytes: hash of what was asked
}

// OnceRecord is what a command under a Once did, for those that repeat it.
type OnceRecord struct {
	Once     Once   `codec:"o"`
	Time     int64  `codec:"t"`           // replicated, unix nanoseconds
	Key      *Key   `codec:"k,omitempty"` // the key as the command left it
	Token    []byte `codec:"h,omitempty"` // hash of the token that was renewed
	Accessor string `codec:"a,omitempty"` // of the token or secret id that was made, which nobody shows again
}
