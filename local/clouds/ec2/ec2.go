// Package ec2 emulates EC2: worker-manager's aws provider, the instances that it launches, and
// their metadata service, in its version 2 only. What it says and signs has EC2's form; the key
// is the emulation's own.
package ec2

import (
	"crypto/rsa"
	"fmt"
	"io"
	"sync"

	"github.com/workerkit/workerkit/local/clouds"
)

// accountID is the account that all emulated instances belong to.
const accountID = "123456789012"

// Cloud is the emulated EC2. It is safe for concurrent use.
type Cloud struct {
	random io.Reader
	key    func() (*rsa.PrivateKey, error)
}

var _ clouds.Cloud = (*Cloud)(nil)

// New makes an EC2 whose identifiers, addresses, tokens and key come from random, for example
// crypto/rand.Reader.
func New(random io.Reader) *Cloud {
	c := &Cloud{random: &locked{r: random}}
	c.key = sync.OnceValues(func() (*rsa.PrivateKey, error) {
		const bits = 2048
		key, err := rsa.GenerateKey(c.random, bits)
		if err != nil {
			return nil, fmt.Errorf("ec2: make the key of the identity documents: %w", err)
		}
		return key, nil
	})
	return c
}

// Type implements clouds.Cloud.
func (*Cloud) Type() string { return "aws" }

// Provider implements clouds.Cloud.
func (*Cloud) Provider(endpoint string) map[string]any {
	return map[string]any{"providerType": "aws", "metadataEndpoint": endpoint}
}

// locked makes a reader safe for concurrent use.
type locked struct {
	mu sync.Mutex
	r  io.Reader
}

// Read implements io.Reader.
func (l *locked) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, p)
}
