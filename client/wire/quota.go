package wire

// QuotaType is the type of every quota.
const QuotaType = "rate-limit"

// QuotaPer says what a quota counts.
const (
	QuotaPerSource = "source" // each address, before authentication; IPv6 by its /64
	QuotaPerToken  = "token"  // each token

	QuotaPerApplication = "application" // each application, all its tokens together
)

// QuotaRequest is PUT sys/quotas/rate-limit/:name. Rate is required. It replaces
// the quota of this name whole. The members after Per are known so that they can
// be refused unless they ask for what happens anyway: ignoring them would leave
// unlimited, or limit, what nobody meant.
type QuotaRequest struct {
	Path          String   `json:"path,omitzero"`           // "" everything; a mount, a path and all below, or a beginning and "*"
	Rate          Float    `json:"rate,omitzero"`           // requests in an interval
	Interval      Duration `json:"interval,omitzero"`       // default 1 s
	BlockInterval Duration `json:"block_interval,omitzero"` // default none
	Per           String   `json:"per,omitzero"`            // QuotaPerSource, the default, QuotaPerToken or QuotaPerApplication

	Name          String `json:"name,omitzero"`
	Type          String `json:"type,omitzero"`
	Role          String `json:"role,omitzero"`
	Inheritable   Bool   `json:"inheritable,omitzero"`
	GroupBy       String `json:"group_by,omitzero"`
	SecondaryRate Float  `json:"secondary_rate,omitzero"`
}

// QuotaData is the data of GET sys/quotas/rate-limit/:name. LIST has [Keys].
type QuotaData struct {
	Type          string   `json:"type"` // QuotaType
	Name          string   `json:"name"`
	Path          string   `json:"path"`
	Per           string   `json:"per"`
	Rate          float64  `json:"rate"`
	Interval      Duration `json:"interval"`       // whole seconds as a number, others as text
	BlockInterval Duration `json:"block_interval"` // likewise; 0 for none
	Role          string   `json:"role"`           // always ""
	Inheritable   bool     `json:"inheritable"`    // true for a quota on everything
}
