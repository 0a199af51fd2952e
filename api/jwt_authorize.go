package api

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/signet-kms/signet/client/wire"
	"github.com/signet-kms/signet/kms"
)

// The endpoint for gateways: nginx (auth_request), Traefik (ForwardAuth) and Envoy
// (ext_authz over HTTP) ask it about each request of an end user, and go by the
// status. Nothing that the end user chooses may weaken what is asked:
//
//   - The path without a suffix is one that the gateway's configuration has whole.
//     The demands are its query; headers may be the end user's, and X-Signet-Audience
//     is refused: the request of a gateway of the other form that came without a path.
//   - With a suffix the path was put together by the gateway, of its configuration
//     and the end user's path, query and method. The demands are headers that the
//     gateway sets, and X-Signet-Audience has to be among them: a configuration
//     that took this form by mistake, such as by a slash at the end, lets nobody pass.

const (
	gatewayPath = "/v1/jwt/authorize/"

	demandAudience = "X-Signet-Audience"
	demandScope    = "X-Signet-Scope"
	demandType     = "X-Signet-Type"
)

var (
	errDemandName   = refuse(http.StatusBadRequest, wire.BadRequest, "the query has a parameter that is not one of audience, scope, typ, profile and max_age")
	errDemandEmpty  = refuse(http.StatusBadRequest, wire.BadRequest, "a parameter of the query is empty: leave out what is not demanded")
	errDemandTyp    = refuse(http.StatusBadRequest, wire.BadRequest, "typ holds a character that no media type has; in a query + is written %2B")
	errDemandAge    = refuse(http.StatusBadRequest, wire.BadRequest, "max_age is whole seconds or a duration such as 1h")
	errDemandTwice  = refuse(http.StatusBadRequest, wire.BadRequest, "the demands are the query here, and X-Signet-Audience is there too: it goes with a path behind the issuer's name")
	errDemandHeader = refuse(http.StatusBadRequest, wire.BadRequest, "behind the issuer's name the path is the end user's: the gateway has to set the header X-Signet-Audience, and may set X-Signet-Scope and X-Signet-Type, each once")
)

// cutGatewayPath cuts what a gateway put behind its path off, and says whether there
// was anything. What is cut decides nothing, so it may be spelled as end users spell
// it; but what another hop could take for a way up is refused.
func cutGatewayPath(r *http.Request) (cut, ok bool) {
	rest, found := strings.CutPrefix(r.URL.EscapedPath(), gatewayPath)
	issuer, suffix, slash := strings.Cut(rest, "/")
	if !found || !slash || !validName(issuer) {
		return false, true
	}
	lower := strings.ToLower(suffix)
	for _, bad := range [...]string{"%2f", "%5c", `\`} {
		if strings.Contains(lower, bad) {
			return false, false
		}
	}
	kept := len(gatewayPath) + len(issuer) // no escapes before here
	for segment := range strings.SplitSeq(r.URL.Path[kept+1:], "/") {
		if segment == "." || segment == ".." {
			return false, false
		}
		for i := range len(segment) {
			if segment[i] < 0x20 || segment[i] == 0x7f {
				return false, false
			}
		}
	}
	r.URL.Path, r.URL.RawPath = r.URL.Path[:kept], ""
	return true, true
}

// authenticateGateway finds the caller by the one X-Vault-Token.
func (rq *request) authenticateGateway() error {
	if tokens := rq.r.Header[wire.HeaderToken]; len(tokens) == 1 {
		rq.token = tokens[0]
	}
	return rq.knowToken()
}

// queryDemands reads what the query of a gateway's own URL demands.
func queryDemands(query string) (d kms.JWTDemand, err error) {
	form, err := parseForm(query)
	if err != nil {
		return d, err
	}
	for pair := range strings.SplitSeq(query, "&") {
		if _, value, _ := strings.Cut(pair, "="); pair != "" && value == "" {
			return d, errDemandEmpty // as a variable is that was never set
		}
	}
	for name, value := range form {
		switch name {
		case "audience":
			d.Audience = value
		case "scope":
			d.Scope = value
		case "typ":
			d.Typ = value
		case "profile":
			d.Profile = value
		case "max_age":
			if d.MaxAge, err = wire.ParseDuration(value); err != nil || d.MaxAge == 0 {
				return d, errDemandAge
			}
		default:
			return d, errDemandName
		}
	}
	return d, checkTyp(d.Typ)
}

// headerDemands reads what the headers of a gateway demand.
func headerDemands(h http.Header) (d kms.JWTDemand, err error) {
	for name, to := range map[string]*string{demandAudience: &d.Audience, demandScope: &d.Scope, demandType: &d.Typ} {
		switch values := h[name]; {
		case len(values) > 1 || len(values) == 1 && values[0] == "":
			return kms.JWTDemand{}, errDemandHeader
		case len(values) == 1:
			*to = values[0]
		}
	}
	if d.Audience == "" {
		return d, errDemandHeader
	}
	return d, checkTyp(d.Typ)
}

// checkTyp refuses what no token's typ can be.
func checkTyp(typ string) error {
	for i := range len(typ) {
		if typ[i] <= ' ' || typ[i] > '~' {
			return errDemandTyp
		}
	}
	return nil
}

// bearerOf reads the end user's credentials (RFC 6750, section 2.1). presented is
// false where there are none of this scheme; token is "" for what is not exactly one
// token.
func bearerOf(h http.Header) (token string, presented bool) {
	lines := h["Authorization"]
	if len(lines) != 1 {
		return "", len(lines) > 1
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.Trim(token, " "), true
}

// authorizeJWT answers a gateway.
func authorizeJWT(rq *request) error {
	var q kms.JWTQuestion
	switch {
	case rq.behind:
		q.Demand, q.Err = headerDemands(rq.r.Header)
	case rq.r.Header[demandAudience] != nil:
		q.Err = errDemandTwice
	default:
		q.Demand, q.Err = queryDemands(rq.r.URL.RawQuery)
	}
	q.Token, q.Presented = bearerOf(rq.r.Header)
	p, err := rq.s.kms.AuthorizeJWT(rq.call, rq.vars.get("issuer"), &q)
	if err != nil {
		return err
	}
	h := rq.w.Header()
	delete(h, "Content-Type") // there is no body
	// A challenge names no check that failed, but for scopes, as RFC 6750, section
	// 3.1, has it: who is told of scopes has a token that is good.
	challenge := `Bearer realm="` + rq.vars.get("issuer") + `"` // a name that needs no quoting
	switch p.Access {
	case kms.JWTGranted:
		setClaims(h, &p)
		rq.head(http.StatusOK)
		return nil
	case kms.JWTScopeLacked:
		h["Www-Authenticate"] = []string{challenge + `, error="insufficient_scope", scope="` + q.Demand.Scope + `"`}
		rq.head(http.StatusForbidden)
		return nil
	case kms.JWTDenied:
		challenge += `, error="invalid_token"`
	}
	h["Www-Authenticate"] = []string{challenge}
	rq.head(http.StatusUnauthorized)
	return nil
}

// setClaims tells the gateway of the token. Every header is there, so that a gateway
// which copies them replaces each one that an end user forged.
func setClaims(h http.Header, p *kms.JWTPassage) {
	h["X-Signet-Subject"] = []string{plainHeader(p.Subject)}
	h["X-Signet-Client-Id"] = []string{plainHeader(p.ClientID)}
	h["X-Signet-Scope"] = []string{plainHeader(p.Scope)}
	h["X-Signet-Jti"] = []string{plainHeader(p.JTI)}
	h["X-Signet-Expires"] = []string{strconv.FormatInt(p.Expires, 10)}
	h["X-Signet-Claims"] = []string{base64.RawURLEncoding.EncodeToString(p.Claims)}
}

// plainHeader is s where a header carries it unchanged, and else "": any encoding of
// some texts would be the plain form of others, and what proxies trim or break would
// be somebody else's name. X-Signet-Claims has it in any case.
func plainHeader(s string) string {
	if strings.Trim(s, " ") != s {
		return ""
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return ""
		}
	}
	return s
}
