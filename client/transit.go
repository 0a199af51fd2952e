package client

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-kms/signet/client/wire"
)

// Transit has the calls of one transit mount.
type Transit struct {
	c     *Client
	mount string
}

// Transit returns the calls of a mount; "" means "transit".
func (c *Client) Transit(mount string) Transit {
	if mount = strings.Trim(mount, "/"); mount == "" {
		mount = "transit"
	}
	return Transit{c, mount}
}

// CreateKey makes a key. If it existed already, nothing changed, and what was
// there is returned with a warning to the Warn function of the configuration.
func (t Transit) CreateKey(ctx context.Context, name string, req wire.KeyCreateRequest) (wire.KeyData, error) {
	return t.writeKey(ctx, req, name)
}

// ReadKey describes a key, or returns an error that matches [ErrNotFound]. Of a
// key with more than 100 versions it has the newest few; see
// [Transit.ReadKeyVersions].
func (t Transit) ReadKey(ctx context.Context, name string) (wire.KeyData, error) {
	return t.readKey(ctx, name, nil)
}

// ListKeys returns the names of all keys, sorted.
func (t Transit) ListKeys(ctx context.Context) ([]string, error) {
	path, err := t.path("keys")
	if err != nil {
		return nil, err
	}
	return list(ctx, t.c, path)
}

// ConfigureKey changes the settings of a key that are set in req.
func (t Transit) ConfigureKey(ctx context.Context, name string, req wire.KeyConfigRequest) (wire.KeyData, error) {
	return t.writeKey(ctx, req, name, "config")
}

// RotateKey makes a new version, which signs and encrypts from now on.
func (t Transit) RotateKey(ctx context.Context, name string) (wire.KeyData, error) {
	return t.writeKey(ctx, struct{}{}, name, "rotate")
}

// Sign signs Input of req; BatchInput must be nil.
func (t Transit) Sign(ctx context.Context, key string, req wire.SignRequest) (wire.SignData, error) {
	out, err := use[wire.SignData](ctx, t, req, "sign", key)
	if err == nil && out.Signature == "" {
		err = t.missing("signature", "sign", key)
	}
	return out, err
}

// SignBatch signs BatchInput of req: one result an item, in order, each with
// its own error.
func (t Transit) SignBatch(ctx context.Context, key string, req wire.SignRequest) ([]wire.SignResult, error) {
	return batch[wire.SignResult](ctx, t, req, len(req.BatchInput), "sign", key)
}

// Verify reports whether Signature of req fits Input; BatchInput must be nil. A
// malformed signature is an error.
func (t Transit) Verify(ctx context.Context, key string, req wire.VerifyRequest) (bool, error) {
	// A pointer, because a verdict that is missing is none, and false is one.
	type verdict struct {
		Valid *bool `json:"valid"`
	}
	out, err := use[verdict](ctx, t, req, "verify", key)
	if err == nil && out.Valid == nil {
		err = t.missing("verdict", "verify", key)
	}
	return err == nil && *out.Valid, err
}

// VerifyBatch verifies BatchInput of req.
func (t Transit) VerifyBatch(ctx context.Context, key string, req wire.VerifyRequest) ([]wire.VerifyResult, error) {
	return batch[wire.VerifyResult](ctx, t, req, len(req.BatchInput), "verify", key)
}

// Encrypt encrypts Plaintext of req; BatchInput must be nil.
func (t Transit) Encrypt(ctx context.Context, key string, req wire.EncryptRequest) (wire.EncryptData, error) {
	out, err := use[wire.EncryptData](ctx, t, req, "encrypt", key)
	if err == nil && out.Ciphertext == "" {
		err = t.missing("ciphertext", "encrypt", key)
	}
	return out, err
}

// EncryptBatch encrypts BatchInput of req: one result an item, in order, each
// with its own error.
func (t Transit) EncryptBatch(ctx context.Context, key string, req wire.EncryptRequest) ([]wire.EncryptResult, error) {
	return batch[wire.EncryptResult](ctx, t, req, len(req.BatchInput), "encrypt", key)
}

// Decrypt returns the plaintext of Ciphertext; BatchInput must be nil.
func (t Transit) Decrypt(ctx context.Context, key string, req wire.DecryptRequest) ([]byte, error) {
	out, err := use[wire.DecryptData](ctx, t, req, "decrypt", key)
	if err != nil {
		return nil, err
	}
	if !out.Plaintext.IsSet() {
		return nil, t.missing("plaintext", "decrypt", key)
	}
	return out.Plaintext.Value()
}

// DecryptBatch decrypts BatchInput of req.
func (t Transit) DecryptBatch(ctx context.Context, key string, req wire.DecryptRequest) ([]wire.DecryptResult, error) {
	return batch[wire.DecryptResult](ctx, t, req, len(req.BatchInput), "decrypt", key)
}

// path checks the mount, which may have several segments, with the rest.
func (t Transit) path(names ...string) (string, error) {
	return join("", append(strings.Split(t.mount, "/"), names...)...)
}

// writeKey makes a call below keys/ with lasting effect.
func (t Transit) writeKey(ctx context.Context, req any, names ...string) (wire.KeyData, error) {
	path, err := t.path(append([]string{"keys"}, names...)...)
	if err != nil {
		return wire.KeyData{}, err
	}
	return t.keyData(ctx, call{method: http.MethodPost, path: path, body: req, effect: true})
}

func (t Transit) keyData(ctx context.Context, cl call) (wire.KeyData, error) {
	out, err := fetch[wire.KeyData](ctx, t.c, cl)
	if err == nil && out.Name == "" {
		err = cl.badAnswer("no key in it")
	}
	return out, err
}

// use makes a call without lasting effect.
func use[T any](ctx context.Context, t Transit, req any, names ...string) (T, error) {
	return post[T](ctx, t, call{body: req}, names)
}

func batch[T any](ctx context.Context, t Transit, req any, items int, names ...string) ([]T, error) {
	out, err := post[wire.BatchData[T]](ctx, t, call{body: req, accept: isBatch}, names)
	if err == nil && len(out.BatchResults) != items {
		return nil, t.missing("result for each item", names...)
	}
	return out.BatchResults, err
}

// missing is the error of an answer that lacks what it was asked for.
func (t Transit) missing(what string, names ...string) error {
	return call{method: http.MethodPost, path: t.mount + "/" + strings.Join(names, "/")}.badAnswer("no " + what + " in it")
}

// isBatch tells the results of a batch in which an item failed from an error.
func isBatch(_ int, body []byte) bool {
	var probe struct {
		Data struct {
			BatchResults jsontext.Value `json:"batch_results"`
		} `json:"data"`
	}
	return json.Unmarshal(body, &probe) == nil && probe.Data.BatchResults.Kind() == '['
}

func post[T any](ctx context.Context, t Transit, cl call, names []string) (T, error) {
	path, err := t.path(names...)
	if err != nil {
		var zero T
		return zero, err
	}
	cl.method, cl.path = http.MethodPost, path
	return fetch[T](ctx, t.c, cl)
}
