package gcp

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// The addresses of the metadata server. Names would need a resolver that works already.
const (
	address4 = "169.254.169.254"
	address6 = "[fd20:ce::254]" // of instances without IPv4
)

// parseEndpoint reads host, host:port or http://host:port.
func parseEndpoint(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("it must be a host, perhaps with a port, such as 169.254.169.254 or http://127.0.0.1:4711")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func checkEndpoint(text string) error {
	_, err := parseEndpoint(text)
	return err
}

// endpointOf is the configured endpoint, or the one that the machine can reach: it changes while
// a machine boots, so that it is asked for at each call.
func endpointOf(configured string) *url.URL {
	if u, err := parseEndpoint(configured); configured != "" && err == nil {
		return u
	}
	host := address4
	if !routed(address4) && routed(address6) {
		host = address6
	}
	return &url.URL{Scheme: "http", Host: host}
}

// routed tells whether the machine has a route to the host. It sends nothing: that is how
// datagram sockets connect.
func routed(host string) bool {
	conn, err := net.Dial("udp", host+":80")
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
