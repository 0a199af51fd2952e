package kms

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/signet-kms/signet/internal/wall"
	"github.com/signet-kms/signet/kms/internal/gate"
	"github.com/signet-kms/signet/kms/jose"
)

// DocumentKind is one of an issuer's public documents.
type DocumentKind int

// The public documents.
const (
	DocumentJWKS   DocumentKind = iota // RFC 7517, section 5
	DocumentOpenID                     // OpenID Connect Discovery 1.0, section 4: what a verifier needs of it
	DocumentOAuth                      // RFC 8414, section 3.2: likewise
)

// Document is a public document, which is the same bytes on every node.
type Document struct {
	Body   []byte // not to be changed
	ETag   string // strong, of the content, with its quotes (RFC 9110, section 8.8.3)
	MaxAge int64  // seconds that it may be kept; 0: not without asking again
}

// documents are those of one revision of an issuer.
type documents [3]Document

// IssuerDocument returns a public document. No token is asked for, and nothing is
// recorded but a count. The call needs nobody behind it; it is there since only a node
// that may answer knows which keys are published. Errors: ErrNotFound for an issuer
// that is not in use, which may be Doubted, and those of Confirm.
func (s *Service) IssuerDocument(c *Call, name string, kind DocumentKind) (Document, error) {
	i := c.view.Issuer(name)
	if i == nil || i.Deleted != 0 {
		if s.doubts(c, ErrNotFound) {
			return Document{}, &doubt{ErrNotFound}
		}
		s.Count("jwt/documents")
		return Document{}, saying(ErrNotFound, "there is no issuer %s", gate.Scrub(name))
	}
	s.Count("jwt/documents")
	found := c.view.viewOf(i)
	d := found.documents()[kind]
	d.MaxAge = found.maxAge(max(wall.Now().UnixNano(), c.view.Time))
	return d, s.Confirm(c)
}

// maxAge is for how many seconds from now, unix nanoseconds, verifiers may keep
// what they get: as an activation nears, never past it, so that whoever holds a set
// without the new key asks again before that key signs.
func (i *issuerView) maxAge(now int64) int64 { return i.ServedMaxAge(i.pending, now) }

// jwksURI is where verifiers find the keys.
func (i *issuerView) jwksURI() string {
	if i.JWKSURI != "" {
		return i.JWKSURI
	}
	return strings.TrimSuffix(i.URL, "/") + "/jwks.json"
}

func newDocuments(i *issuerView) *documents {
	var out documents
	for kind, body := range map[DocumentKind][]byte{DocumentJWKS: i.jwks(), DocumentOpenID: i.openID(), DocumentOAuth: i.oauth()} {
		sum := sha256.Sum256(body)
		out[kind] = Document{Body: body, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`}
	}
	return &out
}

// jwks is the set of the published versions, in the order of their numbers. An
// issuer that signs with a shared secret publishes none.
func (i *issuerView) jwks() []byte {
	var keys [][]byte
	for _, v := range i.versions {
		if !v.State.Published() || jose.Alg(i.Alg).Symmetric() {
			continue
		}
		// A version whose key is not one of its alg's was never one of this
		// issuer's, and is no key to verify with.
		if key, err := jose.PublicJWK(v.Public, jose.Alg(i.Alg), v.KID); err == nil {
			keys = append(keys, key)
		}
	}
	return jose.AppendJWKS(nil, keys...)
}

// Both documents say what a verifier needs and no more: nobody logs in here, so
// there is no endpoint to name. response_types_supported and, for OpenID,
// subject_types_supported are required members.

func (i *issuerView) openID() []byte {
	return document(struct {
		Algs          []string `json:"id_token_signing_alg_values_supported"`
		Issuer        string   `json:"issuer"`
		JWKSURI       string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
	}{[]string{i.Alg}, i.URL, i.jwksURI(), []string{"none"}, []string{"public"}})
}

func (i *issuerView) oauth() []byte {
	return document(struct {
		Issuer        string   `json:"issuer"`
		JWKSURI       string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
	}{i.URL, i.jwksURI(), []string{"none"}})
}

// document encodes what is always encodable: URLs were checked to be ASCII.
func document(v any) []byte {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic("kms: a public document does not encode: " + err.Error())
	}
	return body
}
