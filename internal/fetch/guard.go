package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// guarded is a client that follows redirects and does not connect to the metadata services of
// clouds: the worker may ask them for the machine's own credentials, and a task could have it do
// so with a URL, or with a server that redirects.
func guarded(client *http.Client) *http.Client {
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		transport, _ = http.DefaultTransport.(*http.Transport)
	}
	transport = transport.Clone()
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: refuse}
	transport.DialContext = dialer.DialContext
	transport.DisableCompression = true // a resumed transfer counts the bytes as they are sent
	if proxy := transport.Proxy; proxy != nil {
		transport.Proxy = func(r *http.Request) (*url.URL, error) {
			through, err := proxy(r)
			if through != nil && err == nil {
				err = refuseThrough(r.Context(), r.URL.Hostname())
			}
			return through, err
		}
	}
	changed := *client
	changed.CheckRedirect = redirect
	changed.Transport = transport
	return &changed
}

// redirect is asked before each one. The address before may be signed, and is nothing that the next
// server needs to know.
func redirect(r *http.Request, via []*http.Request) error {
	const most = 10
	if len(via) >= most {
		return errors.New("the servers redirect without end")
	}
	r.Header.Del("Referer")
	return nil
}

// refuse is asked before each connection, when names have been resolved.
func refuse(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", address, err)
	}
	if metadata(to.Addr()) {
		return errMetadata
	}
	return nil
}

// refuseThrough is asked before each request that a proxy is to make, which may be on this machine or
// have a metadata service that means the same one. What the proxy takes the name for is its own
// affair: names that this machine does not know pass.
func refuseThrough(ctx context.Context, host string) error {
	host = strings.TrimSuffix(host, ".")
	if address, err := netip.ParseAddr(host); err == nil {
		if metadata(address) {
			return errMetadata
		}
		return nil
	}
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") { // an address in an old spelling
		return errMetadata
	}
	ctx, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	addresses, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if slices.ContainsFunc(addresses, metadata) {
		return errMetadata
	}
	return nil
}

// metadata tells whether an address may be that of a cloud's metadata service.
func metadata(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	switch a.String() {
	case "168.63.129.16", "fd00:ec2::254", "fd20:ce::254":
		return true
	}
	return a.IsLinkLocalUnicast()
}
