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
	name      string
	version   string
	discovers bool              // it finds the JWKS from iss alone
	lacks     map[string]string // algorithm → why the library does not have it
	verify    func(ctx context.Context, q question) (subject string, err error)
	reason    func(err error) string // badSignature, isExpired, badAudience, or "" for any other error
}

type question struct {
	alg, name, issuer, audience string
	jwksURI                     string // for a library that fetches by itself
	jwks                        []byte // for one that does not
	token                       string
}

func libraries() []library {
	return []library{goJose(), jwxLibrary(), golangJWT(), goOIDC()}
}

// verify has every library, and the node itself, judge every sample and writes a
// verdict a line.
func verify(ctx context.Context, node *server, r io.Reader, w io.Writer) error {
	s, err := readSamples(r)
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	for _, l := range append([]library{node.itself()}, libraries()...) {
		for _, issuer := range s.Issuers {
			if issuer.Kept && l.name != signet {
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
		v := verdict{Language: l.language(), Library: l.name, Version: l.version, Alg: of.Alg, Kind: kind}
		subject, err := l.verify(ctx, question{
			alg: of.Alg, name: of.Name, issuer: of.Issuer, audience: s.Audience, jwksURI: of.JWKSURI, jwks: of.JWKS, token: of.Tokens[kind],
		})
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

func (l library) language() string {
	if l.name == signet {
		return ""
	}
	return "Go"
}

// versionOf is the version of a module that this program is linked with.
func versionOf(module string) string {
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
