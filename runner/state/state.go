// Package state is what a runner keeps over a reboot: one owner-only file in the form of the
// public programs, so that either can go on where the other stopped, with our additions under
// keys of their own.
package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
)

// ErrOther means that the file is of another machine or place, for example because it was in
// the image that the machine was made from.
var ErrOther = errors.New("the saved state is not this machine's")

// State is what is kept.
type State struct {
	ProviderType string // the Kind's name; "" when a public program wrote the file
	// BootID names the boot in which it was saved; "" when that is not known.
	BootID      string
	Identity    providers.Identity
	Credentials tc.Credentials
	Expires     time.Time     // of the credentials; zero for never
	Secret      secret.String // for the next reregisterWorker
	// Layers are the worker config of the pool and of the secrets, lowest first. The runner's
	// own file and the credentials are not in them. nil when a public program wrote the file.
	Layers []map[string]any
	// Due says that the secrets have not been fetched yet, and that Files, which came with the
	// registration, have not been written.
	Due   bool
	Files []config.File
	// WorkerConfig is the whole rendered config, which only public programs read back.
	WorkerConfig map[string]any
}

// Save writes s, replacing what was there. It makes the folder when that is missing.
func Save(path string, s State) error {
	data, err := json.Marshal(formOf(s))
	if err != nil {
		return fmt.Errorf("state: encode: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := private.Write(path, append(data, '\n')); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// Load reads what Save, or a public program, wrote; note is a warning for the log. When there
// is no file the error is fs.ErrNotExist. It fails with ErrOther unless the file is of the
// machine that id names, at a place of this kind.
func Load(path, providerType string, id providers.Identity) (s State, note string, err error) {
	data, note, err := private.Read(path)
	if err != nil {
		return s, "", fmt.Errorf("state: %w", err)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // the worker's config keeps its numbers as they were written
	if d.Decode(&f) != nil || !errors.Is(d.Decode(&struct{}{}), io.EOF) {
		// what json says may show the content
		return s, note, fmt.Errorf("state: %s is damaged", path)
	}
	s = f.state()
	if what := s.differs(providerType, id); what != "" {
		return State{}, note, fmt.Errorf("state: %s: %w: it has another %s", path, ErrOther, what)
	}
	return s, note, nil
}

// differs names what is not of the machine that id names; "" when all is. Metadata and
// location may change, for example with a new address. What is not known on one side, as in a
// file of the public programs, does not differ.
func (s State) differs(providerType string, id providers.Identity) string {
	mine := s.Identity
	for _, c := range []struct {
		name, saved, now string
		optional         bool
	}{
		{"root URL", mine.RootURL, id.RootURL, false},
		{"kind of place", s.ProviderType, providerType, true},
		{"provider", mine.ProviderID, id.ProviderID, false},
		{"worker pool", mine.WorkerPoolID, id.WorkerPoolID, false},
		{"worker group", mine.WorkerGroup, id.WorkerGroup, false},
		{"worker ID", mine.WorkerID, id.WorkerID, false},
		{"instance ID", mine.InstanceID, id.InstanceID, true},
	} {
		unknown := c.optional && (c.saved == "" || c.now == "")
		if !unknown && c.saved != c.now {
			return c.name
		}
	}
	return ""
}

// Rebooted tells whether the machine has booted since s was saved; bootID names the present
// boot. When one of the two is not known, it has not.
func (s State) Rebooted(bootID string) bool {
	return s.BootID != "" && bootID != "" && s.BootID != bootID
}

// Usable tells whether the credentials are good at the time, with a margin for a slow start.
func (s State) Usable(now time.Time) bool {
	const margin = time.Minute
	return s.Credentials.ClientID != "" && (s.Expires.IsZero() || now.Add(margin).Before(s.Expires))
}
