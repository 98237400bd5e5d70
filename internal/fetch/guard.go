package fetch

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// guarded is a client that follows redirects and does not connect to the metadata services of
// clouds: the worker may ask them for the machine's own credentials, and a task could have it do
// so with a URL, or with a server that redirects.
func guarded(client *http.Client) *http.Client {
	changed := *client
	changed.CheckRedirect = nil
	base := client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	if transport, ok := base.(*http.Transport); ok {
		transport = transport.Clone()
		dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: refuse}
		transport.DialContext = dialer.DialContext
		transport.DisableCompression = true // a resumed transfer counts the bytes as they are sent
		changed.Transport = transport
	}
	return &changed
}

// refuse is asked before each connection, when names have been resolved.
func refuse(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", address, err)
	}
	if metadata(to.Addr().Unmap()) {
		return errMetadata
	}
	return nil
}

// metadata tells whether an address may be that of a cloud's metadata service.
func metadata(a netip.Addr) bool {
	switch a.WithZone("").String() {
	case "168.63.129.16", "fd00:ec2::254", "fd20:ce::254":
		return true
	}
	return a.IsLinkLocalUnicast()
}
