package main

import (
	"encoding/json"
	"time"
)

// manifestFile is its name in the archive.
const manifestFile = "manifest.json"

// manifest describes one data directory to the tests, which read exactly these
// members: api/apitest/releases_test.go.
type manifest struct {
	Version   string      `json:"version"`
	Made      time.Time   `json:"made"`
	Snapshot  bool        `json:"snapshot"` // raft has taken one
	Processes []string    `json:"processes"`
	Shares    []string    `json:"shares"` // hex; all of them are needed
	RootToken string      `json:"root_token"`
	Tokens    []token     `json:"tokens"`
	Revoked   []string    `json:"revoked"` // tokens that were revoked
	Records   int         `json:"records"` // lines of the audit log
	Keys      []key       `json:"keys"`
	Destroyed []destroyed `json:"destroyed"`
	Answers   []answer    `json:"answers"`

	// Of a release that has issuers:
	Issuers []string `json:"issuers,omitempty"` // each has the profile access
	Issued  []issued `json:"issued,omitempty"`
	Logins  []login  `json:"logins,omitempty"`
}

// issued is a token of an issuer.
type issued struct {
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Audience string    `json:"audience"`
	Token    string    `json:"token"`
	JTI      string    `json:"jti"`
	KID      string    `json:"kid"`
	Expires  time.Time `json:"expires"`
	Reason   string    `json:"reason,omitempty"` // for which it is refused, whatever the clock says
}

// login is credentials of an application.
type login struct {
	Application string `json:"application"`
	RoleID      string `json:"role_id"`
	SecretID    string `json:"secret_id"`
	Code        string `json:"code,omitempty"` // with which they are refused
}

// How a process ended.
const (
	killed  = "killed"
	stopped = "stopped"
)

// token is one that expires.
type token struct {
	Token    string    `json:"token"`
	Policies []string  `json:"policies"`
	Expires  time.Time `json:"expires"`
}

// key is one that lives.
type key struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Latest int    `json:"latest"`
}

// destroyed is a key that was deleted; its name goes on above Last.
type destroyed struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Last int    `json:"last"`
}

// answer is what the release said as root. Later releases may add members to Data
// and say the rest as it stands.
type answer struct {
	Method string          `json:"method"`
	Path   string          `json:"path"` // below /v1/
	Body   map[string]any  `json:"body,omitempty"`
	Status int             `json:"status"`
	Code   string          `json:"code,omitempty"` // of an error
	Data   json.RawMessage `json:"data,omitempty"` // of a success
}
