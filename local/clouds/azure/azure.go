// Package azure emulates Azure: worker pools' launch configs, virtual machines' metadata
// services with scheduled events, and the attested documents that prove who a machine is.
package azure

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/reference"
)

// providerType is the name of the cloud in worker-manager and in the runner's config.
const providerType = "azure"

// Cloud is the emulated cloud. It is safe for concurrent use.
type Cloud struct {
	random    *entropy
	now       func() time.Time // worker-manager's clock
	schema    func() (*reference.Reference, error)
	authority func() (*authority, error) // made at the first document
}

var _ clouds.Cloud = (*Cloud)(nil)

// New makes a cloud. What differs between machines and events comes from random; keys do not.
func New(random io.Reader) *Cloud {
	c := &Cloud{random: &entropy{reader: random}, now: time.Now, schema: sync.OnceValues(reference.Load)}
	c.authority = sync.OnceValues(func() (*authority, error) { return newAuthority(c.now()) })
	return c
}

// Type implements clouds.Cloud.
func (c *Cloud) Type() string { return providerType }

// Provider implements clouds.Cloud.
func (c *Cloud) Provider(endpoint string) map[string]any {
	return map[string]any{"providerType": providerType, "metadataEndpoint": endpoint}
}

// Serve implements clouds.Cloud. The service is a *Service.
func (c *Cloud) Serve(record json.RawMessage, s clouds.Settings) (clouds.Service, error) {
	var r Record
	if err := json.Unmarshal(record, &r); err != nil {
		return nil, fmt.Errorf("azure: decode the machine's record: %w", err)
	}
	return newService(c, r, s.Clock), nil
}

// entropy makes names and numbers from a reader. It is safe for concurrent use.
type entropy struct {
	mu     sync.Mutex
	reader io.Reader
}

func (e *entropy) bytes(n int) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]byte, n)
	if _, err := io.ReadFull(e.reader, out); err != nil {
		return nil, fmt.Errorf("azure: read random bytes: %w", err)
	}
	return out, nil
}

// name makes n lower-case letters and digits.
func (e *entropy) name(n int) (string, error) {
	const letters = "abcdefghijklmnopqrstuvwxyz234567" // 32 of them: every byte counts alike
	raw, err := e.bytes(n)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, b := range raw {
		out.WriteByte(letters[b%32])
	}
	return out.String(), nil
}

// uuid makes a version 4 UUID.
func (e *entropy) uuid() (string, error) {
	b, err := e.bytes(16)
	if err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// fraction makes a number of at least 0 and less than 1.
func (e *entropy) fraction() (float64, error) {
	b, err := e.bytes(4)
	if err != nil {
		return 0, err
	}
	return float64(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3])) / (1 << 32), nil
}
