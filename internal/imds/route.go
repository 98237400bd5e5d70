package imds

import (
	"context"
	"net"
)

type eitherKey struct{}

// Either makes each attempt of calls with the context go to the first of the hosts, IP addresses
// as in URLs, that the machine has a route to then, and to the very first while it has a route to
// none. Which one that is changes while a machine boots. Without hosts nothing changes.
func Either(ctx context.Context, hosts ...string) context.Context {
	if len(hosts) == 0 {
		return ctx
	}
	return context.WithValue(ctx, eitherKey{}, hosts)
}

// Hosts are those of Either, nil when it has not been called.
func Hosts(ctx context.Context) []string {
	hosts, _ := ctx.Value(eitherKey{}).([]string)
	return hosts
}

// route is the first of the hosts that the machine has a route to.
func route(hosts []string) string {
	for _, host := range hosts {
		address := host
		if _, _, err := net.SplitHostPort(host); err != nil {
			address += ":80"
		}
		// Connecting a datagram socket sends nothing: it only looks for a route.
		if conn, err := net.Dial("udp", address); err == nil {
			_ = conn.Close() // nothing was sent
			return host
		}
	}
	return hosts[0]
}
