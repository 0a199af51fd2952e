package wrap

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/signet-kms/signet/seal"
)

// TransitConfig says where a transit engine is. The names of the fields are those
// of Vault's configuration, but for token_file and timeout.
type TransitConfig struct {
	Name       string // tells two of them apart; "" is mount path and key
	Address    string // https://host:port; http for loopback alone
	MountPath  string // "" is transit
	KeyName    string
	Namespace  string // "" sends none
	Token      string // this or TokenFile
	TokenFile  string // mode 0600; read at each call
	CACert     string // PEM file whose certificates replace the roots of the system
	ClientCert string // PEM files, both or none
	ClientKey  string
	ServerName string        // in the certificate; "" is the host of Address
	Timeout    time.Duration // of one call; 0 is 10 s
}

// Transit wraps with the transit engine of another Signet, Vault or OpenBao. It is
// safe for concurrent use.
type Transit struct {
	name, mount, key string
	base             string // address without a slash at its end
	namespace        string
	token            token
	timeout          time.Duration
	http             *http.Client
}

var _ seal.Wrapper = (*Transit)(nil)

const defaultTimeout = 10 * time.Second

// NewTransit checks a configuration; it asks nobody. Errors: *FieldError.
func NewTransit(c TransitConfig) (*Transit, error) {
	t := &Transit{mount: strings.Trim(c.MountPath, "/"), key: c.KeyName, namespace: strings.Trim(c.Namespace, "/"), timeout: c.Timeout}
	if t.mount == "" {
		t.mount = "transit"
	}
	if t.timeout == 0 {
		t.timeout = defaultTimeout
	}
	if t.name = c.Name; t.name == "" {
		t.name = t.mount + "/" + t.key
	}
	segment := regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)
	switch {
	case t.timeout < time.Second || t.timeout > time.Minute:
		return nil, wrong("timeout", "want 1s to 1m")
	case c.KeyName == "":
		return nil, wrong("key_name", "which key of the other side wraps the root key?")
	case !segment.MatchString(c.KeyName) || strings.Contains(c.KeyName, "/") || strings.Contains(c.KeyName, ".."):
		return nil, wrong("key_name", "want letters, digits, dots, hyphens and underscores")
	case !segment.MatchString(t.mount) || strings.Contains(t.mount, ".."):
		return nil, wrong("mount_path", "want the path of a transit engine, such as transit")
	case t.namespace != "" && (!segment.MatchString(t.namespace) || strings.Contains(t.namespace, "..")):
		return nil, wrong("namespace", "want the path of a namespace")
	case seal.CheckName(t.name) != nil:
		return nil, wrong("name", "want 1 to 128 letters, digits, dots, hyphens, underscores and slashes")
	case (c.Token == "") == (c.TokenFile == ""):
		return nil, wrong("token", "want either token or token_file")
	case c.Token != "" && !goodToken(c.Token):
		return nil, wrong("token", "it is no token: printable characters without blanks")
	}
	if t.token = fixedToken(c.Token); c.TokenFile != "" {
		t.token = token{file: c.TokenFile}
	}
	var err error
	if t.base, err = baseURL(c.Address); err != nil {
		return nil, err
	}
	if t.http, err = httpClient(c); err != nil {
		return nil, err
	}
	return t, nil
}

// Type is "transit".
func (t *Transit) Type() string { return "transit" }

// Name is what the configuration calls it, or mount path and key.
func (t *Transit) Name() string { return t.name }

// form is what a transit key takes beside the plaintext. Which one it took stands
// before the ciphertext in the blob.
type form string

// A key that authenticates associated data takes it; one that derives keys wants a
// context too; an RSA key takes neither. What is unwrapped says itself whose it is
// (see package seal), so a form that binds nothing is no way around anything.
const (
	formBound   form = "ad"
	formDerived form = "ad+context"
	formPlain   form = "plain"
)

func forms() []form { return []form{formBound, formDerived, formPlain} }

type cryptRequest struct {
	Plaintext  []byte `json:"plaintext,omitempty"` // base64 in JSON
	Ciphertext string `json:"ciphertext,omitempty"`
	AD         []byte `json:"associated_data,omitempty"`
	Context    []byte `json:"context,omitempty"`
}

func (f form) request(binding []byte) cryptRequest {
	var in cryptRequest
	if f != formPlain {
		in.AD = binding
	}
	if f == formDerived {
		in.Context = binding
	}
	return in
}

type cryptAnswer struct {
	Data struct {
		Ciphertext string `json:"ciphertext"`
		Plaintext  []byte `json:"plaintext"`
	} `json:"data"`
}

// Wrap encrypts secret. Errors: *Failure.
func (t *Transit) Wrap(ctx context.Context, secret, binding []byte) (seal.Wrapping, error) {
	var first error
	for _, f := range forms() {
		in := f.request(binding)
		in.Plaintext = secret
		var out cryptAnswer
		err := t.call(ctx, http.MethodPost, t.mount+"/encrypt/"+t.key, in, &out)
		if refused := (*statusError)(nil); errors.As(err, &refused) && refused.status == http.StatusBadRequest {
			if first == nil {
				first = err
			}
			continue // perhaps it does not take what came beside the plaintext
		}
		if err != nil {
			return seal.Wrapping{}, t.failure(err, "encrypt")
		}
		if out.Data.Ciphertext == "" {
			return seal.Wrapping{}, t.fail("answers encrypt without a ciphertext: it is no transit engine")
		}
		return seal.Wrapping{Version: versionOf(out.Data.Ciphertext), Bound: f != formPlain, Blob: []byte(string(f) + "|" + out.Data.Ciphertext)}, nil
	}
	return seal.Wrapping{}, t.failure(first, "encrypt")
}

// Unwrap decrypts what Wrap made. Errors: *Failure.
func (t *Transit) Unwrap(ctx context.Context, w seal.Wrapping, binding []byte) ([]byte, error) {
	f, ciphertext, ok := bytes.Cut(w.Blob, []byte("|"))
	if !ok || (form(f) != formBound && form(f) != formDerived && form(f) != formPlain) {
		return nil, &Failure{text: "the wrapped root key in the seal record was made by a newer release"}
	}
	in := form(f).request(binding)
	in.Ciphertext = string(ciphertext)
	var out cryptAnswer
	if err := t.call(ctx, http.MethodPost, t.mount+"/decrypt/"+t.key, in, &out); err != nil {
		return nil, t.failure(err, "decrypt")
	}
	return out.Data.Plaintext, nil
}

// Cluster returns the cluster id of the other side, "" if it does not say. Errors:
// *Failure.
func (t *Transit) Cluster(ctx context.Context) (string, error) {
	var out struct {
		ClusterID string `json:"cluster_id"`
	}
	if err := t.call(ctx, http.MethodGet, "sys/seal-status", nil, &out); err != nil {
		if refused := (*statusError)(nil); errors.As(err, &refused) {
			return "", nil // something stands before it that lets transit pass alone
		}
		return "", t.failure(err, "")
	}
	return out.ClusterID, nil
}

// versionOf reads the key's version from "vault:v3:…", 0 if it is not there.
func versionOf(ciphertext string) uint32 {
	parts := strings.SplitN(ciphertext, ":", 3)
	if len(parts) != 3 || !strings.HasPrefix(parts[1], "v") {
		return 0
	}
	n, err := strconv.ParseUint(parts[1][1:], 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
