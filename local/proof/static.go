package proof

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
)

// providerFile is what whoever owns the machine puts on it.
const providerFile = `provider "static" {
  root_url       = "%s"
  worker_pool_id = "%s"
  worker_group   = "rack-7"
  worker_id      = "machine-1"
  secret_file    = "/etc/start-worker/secret"
}
`

// staticDisk makes the record of the machine and a copy of the disk that has the provider file.
func (p *proof) staticDisk(ctx context.Context) (string, error) {
	random := make([]byte, 33)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	shared := secret.New(base64.RawURLEncoding.EncodeToString(random))
	if err := p.pools.CreateStatic(ctx, p.pool(), "rack-7", "machine-1", time.Now().Add(time.Hour), shared); err != nil {
		return "", err
	}
	file, hidden := filepath.Join(p.Dir, "provider.hcl"), filepath.Join(p.Dir, "secret")
	if err := errors.Join(
		os.WriteFile(file, fmt.Appendf(nil, providerFile, rootURL, p.pool()), 0o600),
		os.WriteFile(hidden, []byte(shared.Reveal()), 0o600),
	); err != nil {
		return "", err
	}
	defer os.Remove(hidden) //nolint:errcheck // worthless: its Taskcluster ends with this boot
	copied := filepath.Join(p.Dir, "disk.qcow2")
	err := Edit(ctx, p.Disk, copied, "write "+quoted(file)+" /etc/start-worker/provider.hcl", "write "+quoted(hidden)+" /etc/start-worker/secret")
	return copied, err
}
