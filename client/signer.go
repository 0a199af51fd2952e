package client

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/signet-kms/signet/client/wire"
)

// Errors of [Signer].
var (
	// ErrNotASigningKey: the type of the key does not sign, or its version is not there.
	ErrNotASigningKey = errors.New("the key has no public key of this version to sign with")
	// ErrSignerOptions: the digest or options are none that the server can sign.
	ErrSignerOptions = errors.New("the signer cannot sign this")
)

// Signer is a crypto.Signer over one version of a transit key: it fits where Go
// code expects a private key (crypto/tls, crypto/x509, JOSE libraries), and the
// private key stays in the server. It is safe for concurrent use.
//
// Its version stays the same when the key is rotated, since Public must not
// change; make a new Signer to sign with the new version.
type Signer struct {
	transit Transit
	key     string
	version int
	kid     string
	public  crypto.PublicKey
	timeout time.Duration
}

// SignerOptions choose what [Transit.Signer] returns; the zero value is usable.
type SignerOptions struct {
	// Version of the key; 0 means the latest at this moment.
	Version int
	// Timeout of each Sign, which takes no context; 0 means that of the client.
	Timeout time.Duration
}

// Signer reads the public key of a transit key and returns a signer. It returns
// [ErrNotASigningKey] for a key that does not sign.
func (t Transit) Signer(ctx context.Context, key string, opts SignerOptions) (*Signer, error) {
	read := t.ReadKey
	if opts.Version > 0 {
		read = func(ctx context.Context, key string) (wire.KeyData, error) {
			return t.ReadKeyVersion(ctx, key, opts.Version)
		}
	}
	data, err := read(ctx, key)
	if err != nil {
		return nil, err
	}
	version := opts.Version
	if version == 0 {
		version = data.LatestVersion
	}
	entry, ok := data.Keys[strconv.Itoa(version)]
	if !ok || !data.SupportsSigning {
		return nil, fmt.Errorf("%s version %d: %w", key, version, ErrNotASigningKey)
	}
	public, err := parsePublicKey(data.Type, entry.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%s version %d: %w: %w", key, version, ErrNotASigningKey, err)
	}
	return &Signer{
		transit: t, key: key, version: version, kid: entry.KID, public: public,
		timeout: orDefault(opts.Timeout, t.c.timeout),
	}, nil
}

// Public returns *ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey.
func (s *Signer) Public() crypto.PublicKey { return s.public }

// KeyID returns the kid of the version, as it belongs into a JOSE header.
func (s *Signer) KeyID() string { return s.kid }

// Version returns the version of the key.
func (s *Signer) Version() int { return s.version }

// Sign signs as the private keys of the standard library do: digest is the hash
// named by opts (ECDSA: any digest of 28, 32, 48 or 64 bytes; RSA: PKCS #1 v1.5,
// or PSS if opts is *rsa.PSSOptions; Ed25519: the message itself, or its SHA-512
// with opts of that hash, which is Ed25519ph). ECDSA signatures are ASN.1. The
// random source is the server's. It returns [ErrSignerOptions] for what the
// server would refuse, such as SHA-1, and the errors of [Transit.Sign].
func (s *Signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.SignContext(ctx, digest, opts)
}

// SignContext is [Signer.Sign] within ctx.
func (s *Signer) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	req, err := s.request(digest, opts)
	if err != nil {
		return nil, err
	}
	req.Input = wire.BytesOf(digest)
	req.KeyVersion = wire.IntOf(s.version)
	out, err := s.transit.Sign(ctx, s.key, req)
	if err != nil {
		return nil, err
	}
	body, ok := strings.CutPrefix(out.Signature, "vault:v"+strconv.Itoa(s.version)+":")
	if !ok {
		return nil, fmt.Errorf("sign with %s: %w: a signature of another version", s.key, ErrBadAnswer)
	}
	signature, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %w: %w", s.key, ErrBadAnswer, err)
	}
	return signature, nil
}

func (s *Signer) request(digest []byte, opts crypto.SignerOpts) (req wire.SignRequest, err error) {
	hash := crypto.Hash(0)
	if opts != nil {
		hash = opts.HashFunc()
	}
	if _, isEd := s.public.(ed25519.PublicKey); isEd {
		return edRequest(digest, opts, hash)
	}
	if hash != 0 && !fitsHash(digest, hash) {
		return req, fmt.Errorf("%w: the digest is not as long as %v makes it", ErrSignerOptions, hash)
	}
	req.Prehashed = wire.BoolOf(true)
	if _, isEC := s.public.(*ecdsa.PublicKey); isEC {
		// An ECDSA signature depends on the digest alone, so its length says enough.
		name, ok := hashOfLength(len(digest))
		if !ok {
			return req, fmt.Errorf("%w: a digest of %d bytes", ErrSignerOptions, len(digest))
		}
		req.HashAlgorithm, req.MarshalingAlgorithm = name, wire.MarshalingASN1
		return req, nil
	}
	name, ok := hashName(hash)
	if !ok {
		return req, fmt.Errorf("%w: the hash %v", ErrSignerOptions, hash)
	}
	req.HashAlgorithm, req.SignatureAlgorithm = name, wire.PaddingPKCS1v15
	if pss, isPSS := opts.(*rsa.PSSOptions); isPSS {
		req.SignatureAlgorithm = wire.PaddingPSS
		req.SaltLength, err = saltLength(pss.SaltLength)
	}
	return req, err
}

func edRequest(message []byte, opts crypto.SignerOpts, hash crypto.Hash) (req wire.SignRequest, err error) {
	if ed, ok := opts.(*ed25519.Options); ok && ed.Context != "" {
		return req, fmt.Errorf("%w: Ed25519 with a context", ErrSignerOptions)
	}
	switch {
	case hash == 0:
		return req, nil
	case hash == crypto.SHA512 && fitsHash(message, hash):
		req.Prehashed, req.HashAlgorithm = wire.BoolOf(true), wire.HashSHA2_512
		return req, nil
	default:
		return req, fmt.Errorf("%w: Ed25519 signs the message itself, or a SHA-512 digest", ErrSignerOptions)
	}
}

func saltLength(n int) (wire.String, error) {
	switch {
	case n == rsa.PSSSaltLengthAuto:
		return wire.StringOf(wire.SaltAuto), nil
	case n == rsa.PSSSaltLengthEqualsHash:
		return wire.StringOf(wire.SaltHash), nil
	case n > 0:
		return wire.StringOf(strconv.Itoa(n)), nil
	default:
		return wire.String{}, fmt.Errorf("%w: a salt length of %d", ErrSignerOptions, n)
	}
}

// fitsHash asks for the size only of hashes that exist; crypto.Hash.Size panics
// for others.
func fitsHash(digest []byte, hash crypto.Hash) bool {
	return hash <= crypto.BLAKE2b_512 && len(digest) == hash.Size()
}

func hashOfLength(n int) (string, bool) {
	switch n {
	case 28:
		return wire.HashSHA2_224, true
	case 32:
		return wire.HashSHA2_256, true
	case 48:
		return wire.HashSHA2_384, true
	case 64:
		return wire.HashSHA2_512, true
	default:
		return "", false
	}
}

func hashName(hash crypto.Hash) (string, bool) {
	switch hash {
	case crypto.SHA224:
		return wire.HashSHA2_224, true
	case crypto.SHA256:
		return wire.HashSHA2_256, true
	case crypto.SHA384:
		return wire.HashSHA2_384, true
	case crypto.SHA512:
		return wire.HashSHA2_512, true
	case crypto.SHA3_224:
		return wire.HashSHA3_224, true
	case crypto.SHA3_256:
		return wire.HashSHA3_256, true
	case crypto.SHA3_384:
		return wire.HashSHA3_384, true
	case crypto.SHA3_512:
		return wire.HashSHA3_512, true
	default:
		return "", false
	}
}

// parsePublicKey reads the public_key of a key version: SPKI PEM, or for ed25519
// 32 bytes in standard base64.
func parsePublicKey(keyType, text string) (crypto.PublicKey, error) {
	if keyType == wire.KeyEd25519 {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, errors.New("no ed25519 public key")
		}
		return ed25519.PublicKey(raw), nil
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(strings.TrimSpace(string(rest))) != 0 {
		return nil, errors.New("no PEM public key")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch public.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey:
		return public, nil
	default:
		return nil, fmt.Errorf("a public key of type %T", public)
	}
}
