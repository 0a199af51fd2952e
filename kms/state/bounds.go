package state

import (
	"errors"
	"net/netip"
)

// ParseBound reads an address or a prefix of those that something is bound to. An
// IPv6 form of an IPv4 one is refused: peers are seen by their IPv4 address, so it
// would match nobody.
func ParseBound(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, addrErr := netip.ParseAddr(text)
		if addrErr != nil || addr.Zone() != "" {
			return netip.Prefix{}, err
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("an IPv4 address in IPv6 form")
	}
	return p, nil
}

// BoundsInside says whether each of the addresses and prefixes lies within one of
// those that are allowed; no allowed ones are no limit.
func BoundsInside(list, allowed []string) bool {
	if len(allowed) == 0 {
		return true
	}
	for _, text := range list {
		p, err := ParseBound(text)
		if err != nil || !withinOne(p, allowed) {
			return false
		}
	}
	return true
}

func withinOne(p netip.Prefix, allowed []string) bool {
	for _, text := range allowed {
		if a, err := ParseBound(text); err == nil && a.Bits() <= p.Bits() && a.Contains(p.Addr()) {
			return true
		}
	}
	return false
}
