// Package gce emulates Google Compute Engine: what the config of a worker pool means, the
// metadata server of an instance, and the identity tokens by which worker-manager knows it.
package gce

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/workerkit/workerkit/local/clouds"
)

const (
	// project is where worker-manager makes its instances.
	project       = "taskcluster-local"
	projectNumber = 482916307514
)

// Cloud is the emulated cloud. It is safe for concurrent use.
type Cloud struct {
	mu     sync.Mutex // guards random
	random io.Reader

	// key signs identity tokens, as Google's does. Making it takes a moment, so that it is made
	// when it is first needed.
	key func() (*rsa.PrivateKey, error)
}

var _ clouds.Cloud = (*Cloud)(nil)

// New makes a cloud. What it chooses, launch configs and ids, it reads from random; its key is
// always really random.
func New(random io.Reader) *Cloud {
	return &Cloud{random: random, key: sync.OnceValues(func() (*rsa.PrivateKey, error) {
		return rsa.GenerateKey(rand.Reader, 2048)
	})}
}

// Type implements clouds.Cloud.
func (c *Cloud) Type() string { return "google" }

// Provider implements clouds.Cloud.
func (c *Cloud) Provider(endpoint string) map[string]any {
	return map[string]any{"providerType": "google", "metadataEndpoint": endpoint}
}

// Serve implements clouds.Cloud.
func (c *Cloud) Serve(data json.RawMessage, s clouds.Settings) (clouds.Service, error) {
	r, err := decodeRecord(data)
	if err != nil {
		return nil, err
	}
	return &service{cloud: c, record: r, clock: s.Clock, changed: make(chan struct{})}, nil
}

// number reads a random number.
func (c *Cloud) number() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var data [8]byte
	if _, err := io.ReadFull(c.random, data[:]); err != nil {
		return 0, fmt.Errorf("gce: read a random number: %w", err)
	}
	return binary.BigEndian.Uint64(data[:]), nil
}
