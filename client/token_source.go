package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-kms/signet/client/wire"
)

// TokenFileName is the file in the home directory that `signet login` writes.
const TokenFileName = ".signet-token"

// Errors of token sources and of [WriteTokenFile].
var (
	ErrNoToken   = errors.New("no token: set SIGNET_TOKEN or log in")
	ErrTokenFile = errors.New("the token file cannot be used")
)

// TokenSource yields the token for a call. It returns [ErrNoToken] if there is
// none. It may be called from several goroutines at once.
type TokenSource func(context.Context) (Secret, error)

// StaticToken always yields token.
func StaticToken(token Secret) TokenSource {
	return func(context.Context) (Secret, error) {
		if token.Reveal() == "" {
			return Secret{}, ErrNoToken
		}
		return token, nil
	}
}

// EnvironmentToken yields SIGNET_TOKEN or else what the file of [TokenFilePath]
// holds, looked up anew for every call.
func EnvironmentToken() TokenSource {
	return func(ctx context.Context) (Secret, error) {
		if text := strings.TrimSpace(os.Getenv("SIGNET_TOKEN")); text != "" {
			return checkToken(text)
		}
		path, err := TokenFilePath()
		if err != nil {
			return Secret{}, err
		}
		return FileToken(path)(ctx)
	}
}

// FileToken yields the content of the file at path, which must be a regular
// file that nobody but its owner may read or write (0600 or less). It returns
// [ErrNoToken] if there is no such file and [ErrTokenFile] otherwise.
func FileToken(path string) TokenSource {
	return func(context.Context) (Secret, error) {
		// Open first and look at what was opened: a check of the path could be
		// about another file than the one read.
		f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return Secret{}, ErrNoToken
		}
		if err != nil {
			return Secret{}, fmt.Errorf("%w: %w", ErrTokenFile, err)
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return Secret{}, fmt.Errorf("%w: %w", ErrTokenFile, err)
		}
		if !info.Mode().IsRegular() {
			return Secret{}, fmt.Errorf("%w: %s is no regular file", ErrTokenFile, path)
		}
		if perm := info.Mode().Perm(); perm&0o077 != 0 {
			return Secret{}, fmt.Errorf("%w: %s has mode %04o, others could read it: chmod 600 it, and revoke the token if they could have", ErrTokenFile, path, perm)
		}
		text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
		if err != nil {
			return Secret{}, fmt.Errorf("%w: %w", ErrTokenFile, err)
		}
		token, err := checkToken(strings.TrimSpace(string(text)))
		if errors.Is(err, errBadToken) {
			return Secret{}, fmt.Errorf("%w: %s: %w", ErrTokenFile, path, err)
		}
		return token, err
	}
}

// TokenFilePath returns the path of the token file in the user's home.
func TokenFilePath() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrTokenFile, err)
	}
	return filepath.Join(home, TokenFileName), nil
}

// WriteTokenFile writes token to path with mode 0600, in one step: a reader
// sees the old file or the new one. It returns [ErrTokenFile].
func WriteTokenFile(path string, token Secret) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrTokenFile, err)
		}
	}()
	// CreateTemp makes the file 0600 and exclusively, so nothing is ever
	// readable by others and no planted file or link is written through.
	f, err := os.CreateTemp(filepath.Dir(path), TokenFileName+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails once renamed, as it should
	_, err = io.WriteString(f, token.Reveal()+"\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// maxToken is far above the length of any token.
const maxToken = 4096

var errBadToken = errors.New("a token is one line of printable characters")

// checkToken keeps a token that could not be a header value (a pasted line
// break, a binary file) from reaching net/http, whose error would repeat it.
func checkToken(text string) (Secret, error) {
	if text == "" {
		return Secret{}, ErrNoToken
	}
	if len(text) > maxToken || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Secret{}, errBadToken
	}
	return wire.SecretOf(text), nil
}
