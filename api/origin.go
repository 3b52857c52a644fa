package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
)

// keyed hashes what must be recognised but not known: network addresses and the accounts
// that log-ins were tried for. Rolling the key forgets them, which does no harm.
func (h *handlers) keyed(kind string, parts ...string) []byte {
	mac := hmac.New(sha256.New, h.cfg.CommandKey)
	_, _ = mac.Write([]byte("careflow/" + kind))
	for _, part := range parts {
		_, _ = mac.Write([]byte{0})
		_, _ = mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// origin is the keyed hash of the network an address belongs to.
func (h *handlers) origin(address string) []byte { return h.keyed("origin", network(address)) }

// network is what one household or attacker has at least: an IPv4 address, or the /64 of
// an IPv6 address.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}
