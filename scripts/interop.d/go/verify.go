package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
)

// library is a verifier of others. What it is asked is what a resource server asks:
// is this a token of that issuer for me, signed with that algorithm.
type library struct {
	name   string
	module string            // whose version is reported
	lacks  map[string]string // algorithm → why the library does not have it
	verify func(ctx context.Context, q question) (subject string, err error)
	reason func(err error) string // badSignature, isExpired, badAudience, or "" for any other error
}

type question struct {
	alg, issuer, audience string
	jwks                  []byte
	token                 string
}

func libraries() []library {
	return []library{goJose(), jwxLibrary(), golangJWT(), goOIDC()}
}

// verify has every library judge every sample and writes a verdict a line.
func verify(ctx context.Context, r io.Reader, w io.Writer) error {
	s, err := readSamples(r)
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	for _, l := range libraries() {
		for _, issuer := range s.Issuers {
			if issuer.Kept {
				continue
			}
			for _, v := range l.judge(ctx, s, issuer) {
				if err := out.Encode(v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func readSamples(r io.Reader) (*samples, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	s := &samples{}
	if err := dec.Decode(s); err != nil {
		return nil, fmt.Errorf("the samples: %w", err)
	}
	return s, nil
}

// judge gives the verdicts on one issuer's tokens. An algorithm that the library is
// said to lack is tried all the same, since the next version may have it.
func (l library) judge(ctx context.Context, s *samples, of sample) []verdict {
	var out []verdict
	for _, kind := range kinds() {
		v := verdict{Language: "Go", Library: l.name, Version: version(l.module), Alg: of.Alg, Kind: kind}
		subject, err := l.verify(ctx, question{of.Alg, of.Issuer, s.Audience, of.JWKS, of.Tokens[kind]})
		why, lacks := l.lacks[of.Alg]
		switch {
		case err == nil:
			v.Verdict = accepted
			if subject != s.Subject {
				v.Reason = "its sub is " + subject
			}
		case lacks:
			v.Verdict, v.Reason, v.Error = lacking, why, err.Error()
		default:
			v.Verdict, v.Reason, v.Error = refused, l.reason(err), err.Error()
		}
		out = append(out, v)
	}
	return out
}

// version is the version of a module that this program is linked with.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, d := range info.Deps {
		if d.Path == module {
			return d.Version
		}
	}
	return "unknown"
}
