package gcp

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/workerkit/workerkit/internal/imds"
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

// endpointOf is the configured endpoint, or the usual one.
func endpointOf(configured string) *url.URL {
	if u, err := parseEndpoint(configured); configured != "" && err == nil {
		return u
	}
	return &url.URL{Scheme: "http", Host: address4}
}

// toward lets calls go to either of the usual addresses, when none was configured.
func toward(ctx context.Context, configured string) context.Context {
	if configured != "" {
		return ctx
	}
	return imds.Either(ctx, address4, address6)
}
