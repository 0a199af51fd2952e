package api

import (
	"net/http"
	"strings"
)

// canonical brings a request's path to the one form that routing, policy and the
// audit log see: double slashes and a trailing slash go, everything else that
// has a second spelling is refused. There is no redirect: clients drop the token
// or the body on one.
func canonical(r *http.Request) (string, bool) {
	p := r.URL.Path
	// RawPath is set only when the path was written with escapes that its
	// characters do not need, or that hide a slash.
	if r.URL.RawPath != "" || p == "" || p[0] != '/' {
		return "", false
	}
	if clean(p) {
		return p, true
	}
	var b strings.Builder
	for seg := range strings.SplitSeq(p, "/") {
		switch seg {
		case "":
			continue
		case ".", "..":
			return "", false
		}
		for i := range len(seg) {
			if seg[i] < 0x20 || seg[i] == 0x7f || seg[i] == '\\' {
				return "", false
			}
		}
		b.WriteByte('/')
		b.WriteString(seg)
	}
	if b.Len() == 0 {
		return "/", true
	}
	return b.String(), true
}

// clean says whether p is canonical as it is: slashes between segments of the
// usual characters, none of which begins with a dot.
func clean(p string) bool {
	for i := range len(p) {
		switch c := p[i]; {
		case c == '/':
			if i == len(p)-1 || p[i+1] == '/' || p[i+1] == '.' {
				return len(p) == 1
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
