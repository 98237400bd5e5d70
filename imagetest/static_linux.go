package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
func (p *proof) staticDisk(ctx context.Context, disk string) (string, error) {
	random := make([]byte, 33)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	shared := secret.New(base64.RawURLEncoding.EncodeToString(random))
	if err := p.pools.CreateStatic(ctx, p.pool(), "rack-7", "machine-1", time.Now().Add(time.Hour), shared); err != nil {
		return "", err
	}
	file, hidden := filepath.Join(p.dir, "provider.hcl"), filepath.Join(p.dir, "secret")
	if err := errors.Join(
		os.WriteFile(file, fmt.Appendf(nil, providerFile, rootURL, p.pool()), 0o600),
		os.WriteFile(hidden, []byte(shared.Reveal()), 0o600),
	); err != nil {
		return "", err
	}
	return p.edited(ctx, disk, "write "+file+" /etc/start-worker/provider.hcl", "write "+hidden+" /etc/start-worker/secret")
}

// edited is a copy of the disk, changed by commands of debugfs, which needs no mount.
func (p *proof) edited(ctx context.Context, disk string, commands ...string) (copied string, err error) {
	raw, copied := filepath.Join(p.dir, "raw"), filepath.Join(p.dir, "disk.qcow2")
	defer func() { err = errors.Join(err, os.RemoveAll(raw)) }()
	if err := tool(ctx, "qemu-img", "convert", "-O", "raw", disk, raw); err != nil {
		return "", err
	}
	part := fmt.Sprintf("%s?offset=%d", raw, partStart*sector)
	for _, command := range commands {
		said, err := output(ctx, "debugfs", "-w", "-R", command, part)
		if err != nil {
			return "", err
		}
		// It fails without an exit code. What it says first is its version.
		_, rest, _ := strings.Cut(said, "\n")
		if rest = strings.TrimSpace(rest); rest != "" && !strings.HasPrefix(rest, "Allocated inode") {
			return "", fmt.Errorf("debugfs %s: %s", command, rest)
		}
	}
	return copied, tool(ctx, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, copied)
}
