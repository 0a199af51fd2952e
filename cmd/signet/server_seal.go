package main

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/signet-kms/signet/kms"
	"github.com/signet-kms/signet/seal"
	"github.com/signet-kms/signet/seal/wrap"
)

// sealConfig is a seal block. Which fields it may have depends on its type.
type sealConfig struct {
	Kind    string `hcl:"kind,label"`
	Name    string `hcl:"name,optional"`
	Timeout string `hcl:"timeout,optional"`

	Address        string `hcl:"address,optional"`
	MountPath      string `hcl:"mount_path,optional"`
	KeyName        string `hcl:"key_name,optional"`
	Namespace      string `hcl:"namespace,optional"`
	Token          string `hcl:"token,optional"`
	TokenFile      string `hcl:"token_file,optional"`
	CACert         string `hcl:"tls_ca_cert,optional"`
	ClientCert     string `hcl:"tls_client_cert,optional"`
	ClientKey      string `hcl:"tls_client_key,optional"`
	ServerName     string `hcl:"tls_server_name,optional"`
	DisableRenewal bool   `hcl:"disable_renewal,optional"`

	Wrap   []string `hcl:"wrap,optional"`
	Unwrap []string `hcl:"unwrap,optional"`
}

const maxSeals = 3

// completeSeals makes the wrappers that the seal blocks ask for.
func (c *serverConfig) completeSeals() error {
	for _, block := range c.Seals {
		w, err := c.newSeal(block)
		if field := (*wrap.FieldError)(nil); errors.As(err, &field) {
			return wrongIn("seal", block.Kind, field.Field, "%s", field.Why)
		}
		if err != nil {
			return err
		}
		if w == nil {
			continue // shamir
		}
		for _, other := range c.wrappers {
			if other.Type() == w.Type() && other.Name() == w.Name() {
				return wrongIn("seal", block.Kind, "name", "two seals are called %s %s; give one of them another name", w.Type(), w.Name())
			}
		}
		c.wrappers = append(c.wrappers, w)
	}
	switch {
	case len(c.wrappers) > 0 && len(c.wrappers) != len(c.Seals):
		return wrong("seal", "shamir stands beside no other: its shares open every seal anyway")
	case len(c.wrappers) == 0 && len(c.Seals) > 1:
		return wrong("seal", "there is more than one shamir")
	case len(c.wrappers) > maxSeals:
		return wrong("seal", "there are %d, at most %d", len(c.wrappers), maxSeals)
	}
	return nil
}

// newSeal returns nil for shamir.
func (c *serverConfig) newSeal(b *sealConfig) (seal.Wrapper, error) {
	timeout := time.Duration(0)
	if b.Timeout != "" {
		var err error
		if timeout, err = time.ParseDuration(b.Timeout); err != nil || timeout <= 0 {
			return nil, wrongIn("seal", b.Kind, "timeout", "%q is no duration, such as 10s", b.Timeout)
		}
	}
	of := *b
	of.Kind, of.Name, of.Timeout = "", "", ""
	transit := func(b sealConfig) bool {
		b.Wrap, b.Unwrap = nil, nil
		return b.Address+b.MountPath+b.KeyName+b.Namespace+b.Token+b.TokenFile+b.CACert+b.ClientCert+b.ClientKey+b.ServerName != "" || b.DisableRenewal
	}(of)
	command := b.Wrap != nil || b.Unwrap != nil
	switch {
	case b.Kind == seal.TypeShamir && (transit || command || b.Name != "" || b.Timeout != ""):
		return nil, wrong("seal", "shamir has no fields")
	case b.Kind == "transit" && command:
		return nil, wrongIn("seal", b.Kind, "wrap", "transit runs no commands; that is the seal exec")
	case b.Kind == "exec" && transit:
		return nil, wrong("seal", "exec has the fields name, wrap, unwrap and timeout alone")
	}
	switch b.Kind {
	case seal.TypeShamir:
		return nil, nil
	case "exec":
		return wrap.NewExec(wrap.ExecConfig{Name: b.Name, Wrap: b.Wrap, Unwrap: b.Unwrap, Timeout: timeout})
	case "transit":
		return c.newTransit(b, timeout)
	}
	return nil, wrong("seal", "type %q is unknown; use shamir, transit or exec", b.Kind)
}

func (c *serverConfig) newTransit(b *sealConfig, timeout time.Duration) (seal.Wrapper, error) {
	if b.Token != "" {
		if info, err := os.Stat(c.file); err == nil && info.Mode().Perm()&0o077 != 0 {
			return nil, wrongIn("seal", b.Kind, "token", "this file can be read by others (mode %04o); run chmod 600 on it, or use token_file", info.Mode().Perm())
		}
	}
	t, err := wrap.NewTransit(wrap.TransitConfig{
		Name: b.Name, Address: b.Address, MountPath: b.MountPath, KeyName: b.KeyName, Namespace: b.Namespace, Token: b.Token, TokenFile: b.TokenFile,
		CACert: b.CACert, ClientCert: b.ClientCert, ClientKey: b.ClientKey, ServerName: b.ServerName, Timeout: timeout,
	})
	if err != nil {
		return nil, err
	}
	b.Token = ""
	if c.isOwn(b.Address) {
		return nil, wrongIn("seal", b.Kind, "address", "%s is this node itself, which could then never unseal by itself", b.Address)
	}
	if !b.DisableRenewal {
		c.renewed = append(c.renewed, t)
	}
	return t, nil
}

// isOwn says whether an address is one of this node. What a name leads to is not
// asked: that may change, and the wrapping asks the other side who it is.
func (c *serverConfig) isOwn(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host, port := strings.ToLower(u.Hostname()), portOf(u)
	for _, own := range []string{c.APIAddr, c.ClusterAddr} {
		if o, err := url.Parse(own); own != "" && err == nil && strings.ToLower(o.Hostname()) == host && portOf(o) == port {
			return true
		}
	}
	listenHost, listenPort, err := net.SplitHostPort(c.listener.Address)
	if err != nil || listenPort != port {
		return false
	}
	if strings.EqualFold(listenHost, host) || loopback(c.listener.Address) && loopback(net.JoinHostPort(host, port)) {
		return true
	}
	ip := net.ParseIP(listenHost)
	return (listenHost == "" || ip != nil && ip.IsUnspecified()) && ownHost(host)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// ownHost says whether a host is this machine by its addresses or its name.
func ownHost(host string) bool {
	if loopback(net.JoinHostPort(host, "0")) {
		return true
	}
	if name, err := os.Hostname(); err == nil && strings.EqualFold(name, host) {
		return true
	}
	ip := net.ParseIP(host)
	addresses, err := net.InterfaceAddrs()
	if ip == nil || err != nil {
		return false
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}

// unsealUnattended unseals the node in the background, and keeps the tokens of the
// other sides alive. It returns how to stop both.
func (c *serverConfig) unsealUnattended(ctx context.Context, logger hclog.Logger, service *kms.Service) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { service.UnsealUnattended(ctx) })
	for _, t := range c.renewed {
		running.Go(func() { keepToken(ctx, logger, t) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// How often a token is looked at: one that does not end may be exchanged in its
// file for one that does.
const (
	renewAtLeast = 5 * time.Second
	renewAtMost  = time.Hour
	renewAgain   = 30 * time.Second // after a failure
)

// keepToken renews the token of a transit seal until ctx ends.
func keepToken(ctx context.Context, logger hclog.Logger, t *wrap.Transit) {
	said := ""
	for ctx.Err() == nil {
		next, err := t.Renew(ctx)
		switch {
		case err == nil:
			said = ""
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			logger.Warn("could not renew the token of a seal", "name", t.Name(), "error", err)
		}
		switch {
		case err == nil && next == 0:
			next = renewAtMost
		case next == 0:
			next = renewAgain
		}
		timer := time.NewTimer(min(max(next, renewAtLeast), renewAtMost))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
