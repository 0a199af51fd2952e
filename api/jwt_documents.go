package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/signet-kms/signet/kms"
)

// documentRoutes are the public documents of issuers. Their patterns are whole
// paths: they stand where RFC 8414, section 3, and OpenID Connect Discovery 1.0,
// section 4, put them, for an issuer URL that ends in /issuers/:issuer.
func documentRoutes() []*route {
	at := func(pattern, action, doc, mediaType string, kind kms.DocumentKind) *route {
		return &route{methods: "GET HEAD OPTIONS", pattern: pattern, timeout: quick, auth: public, action: action, doc: doc, serve: serveDocument(mediaType, kind)}
	}
	return []*route{
		at("/issuers/"+issuerVar+"/jwks.json", "jwt/jwks", "The public keys of an issuer.", "application/jwk-set+json", kms.DocumentJWKS),
		at("/issuers/"+issuerVar+"/.well-known/openid-configuration", "jwt/discovery", "What a verifier needs to know of an issuer.", "application/json", kms.DocumentOpenID),
		at("/.well-known/oauth-authorization-server/issuers/"+issuerVar, "jwt/discovery", "The same, as RFC 8414 has it.", "application/json", kms.DocumentOAuth),
	}
}

// serveDocument answers with bytes that are ready. Pages of any origin may read
// them: they are public, and no credential changes them.
func serveDocument(mediaType string, kind kms.DocumentKind) func(rq *request) error {
	typ, origins, nosniff := []string{mediaType}, []string{"*"}, []string{"nosniff"}
	return func(rq *request) error {
		h := rq.w.Header()
		h["Access-Control-Allow-Origin"], h["X-Content-Type-Options"] = origins, nosniff
		if rq.r.Method == http.MethodOptions {
			rq.s.kms.Count("jwt/documents")
			delete(h, "Content-Type")
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "If-None-Match")
			h.Set("Access-Control-Max-Age", "86400")
			h.Set("Allow", "GET, HEAD, OPTIONS")
			rq.head(http.StatusNoContent)
			return nil
		}
		d, err := rq.document(kind)
		if err != nil {
			return err
		}
		h["Etag"] = []string{d.ETag}
		h["Cache-Control"] = []string{"public, max-age=" + strconv.FormatInt(d.MaxAge, 10)}
		if holds(rq.r.Header["If-None-Match"], d.ETag) {
			delete(h, "Content-Type")
			rq.head(http.StatusNotModified)
			return nil
		}
		h["Content-Type"] = typ
		h["Content-Length"] = []string{strconv.Itoa(len(d.Body))}
		rq.head(http.StatusOK)
		if rq.r.Method == http.MethodGet {
			_, _ = rq.w.Write(d.Body) // the client is gone if this fails
		}
		return nil
	}
}

// holds says whether the lines of an If-None-Match name a strong entity tag, by
// the weak comparison (RFC 9110, sections 8.8.3.2 and 13.1.2). A line that is
// malformed names none from there on, so that the whole document is sent.
func holds(lines []string, etag string) bool {
	for _, line := range lines {
		if strings.Trim(line, " \t") == "*" {
			return true
		}
		for {
			line = strings.TrimPrefix(strings.TrimLeft(line, " \t,"), "W/")
			if line == "" || line[0] != '"' {
				break
			}
			end := strings.IndexByte(line[1:], '"')
			if end < 0 {
				break
			}
			if line[:end+2] == etag {
				return true
			}
			line = strings.TrimLeft(line[end+2:], " \t")
			if line != "" && line[0] != ',' {
				break
			}
		}
	}
	return false
}
