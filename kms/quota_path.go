package kms

import (
	"strings"

	"github.com/signet-kms/signet/kms/policy"
)

// quotaPath says which requests a quota counts:
//
//	""                 every one, those too whose path is none
//	"transit/sign/*"   those whose path begins with what stands before the '*'
//	"transit/sign/a"   that path and everything below it; a slash at the end
//	                   changes nothing, since Vault writes mounts both ways
type quotaPath struct {
	text string
	glob bool // text is the beginning of paths
}

func newQuotaPath(path string) quotaPath {
	if text, glob := strings.CutSuffix(path, "*"); glob {
		return quotaPath{text, true}
	}
	path = strings.TrimSuffix(path, "/")
	return quotaPath{path, path == ""}
}

// covers reports whether a request for path counts. A path that could not be
// understood is "", which only a quota on everything covers.
func (q quotaPath) covers(path string) bool {
	if !strings.HasPrefix(path, q.text) {
		return false
	}
	return q.glob || len(path) == len(q.text) || path[len(q.text)] == '/'
}

// checkQuotaPath refuses a path that no request could have: such a quota would
// limit nothing, silently. Errors: ErrBadRequest.
func checkQuotaPath(path string) error {
	if path == "" {
		return nil
	}
	if strings.HasPrefix(path, "/") {
		return saying(ErrBadRequest, "'path' begins without a slash and without v1/, such as transit/sign/web")
	}
	if err := policy.ValidPattern(path); err != nil {
		return saying(ErrBadRequest, "'path': %v", err)
	}
	if strings.Contains(path, "+") {
		return saying(ErrBadRequest, "'path': '+' is no wildcard in a quota; only '*' is, as the last character")
	}
	if neverLimited(strings.TrimSuffix(path, "/")) {
		return saying(ErrBadRequest, "'path': requests there are never limited, so that a node can always be opened and closed")
	}
	return nil
}
