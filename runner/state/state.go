// Package state is what a runner keeps over a reboot: one owner-only file in the form of the
// public programs, so that either can go on where the other stopped, with our additions under
// one key of our own.
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

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

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
	Identity     providers.Identity
	Credentials  tc.Credentials
	Expires      time.Time     // of the credentials; zero for never
	Secret       secret.String // for the next reregisterWorker
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

// file is the public form.
type file struct {
	RootURL            string
	Credentials        credentials
	CredentialsExpire  tcclient.Time
	RegistrationSecret string
	WorkerPoolID       string
	WorkerGroup        string
	WorkerID           string
	ProviderID         string
	ProviderMetadata   map[string]any
	WorkerConfig       map[string]any
	Files              []struct{} // written once, when they came; never kept
	WorkerLocation     map[string]string
	Workerkit          *addition `json:",omitempty"`
}

type credentials struct {
	ClientID    string   `json:"clientId"`
	AccessToken string   `json:"accessToken"`
	Certificate string   `json:"certificate"`
	Scopes      []string `json:"authorizedScopes"` // always null
}

// addition is ours.
type addition struct {
	Version      int
	ProviderType string
	Layers       []map[string]any
	Due          bool          `json:",omitempty"`
	Files        []pendingFile `json:",omitempty"`
}

// pendingFile is a config.File whose content shows.
type pendingFile struct{ Path, Content, Encoding, Format string }

const version = 1

// Save writes s, replacing what was there. It makes the folder when that is missing.
func Save(path string, s State) error {
	id := s.Identity
	f := file{
		RootURL: id.RootURL, WorkerPoolID: id.WorkerPoolID, WorkerGroup: id.WorkerGroup, WorkerID: id.WorkerID, ProviderID: id.ProviderID,
		ProviderMetadata: id.Metadata, WorkerLocation: id.Location,
		Credentials:       credentials{ClientID: s.Credentials.ClientID, AccessToken: s.Credentials.AccessToken.Reveal(), Certificate: s.Credentials.Certificate.Reveal()},
		CredentialsExpire: tcclient.Time(s.Expires), RegistrationSecret: s.Secret.Reveal(),
		WorkerConfig: s.WorkerConfig, Files: []struct{}{},
		Workerkit: &addition{Version: version, ProviderType: s.ProviderType, Layers: s.Layers, Due: s.Due},
	}
	for _, p := range s.Files {
		f.Workerkit.Files = append(f.Workerkit.Files, pendingFile{p.Path, p.Content.Reveal(), p.Encoding, p.Format})
	}
	data, err := json.Marshal(f)
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
	s = State{
		Identity: providers.Identity{
			RootURL: f.RootURL, ProviderID: f.ProviderID, WorkerPoolID: f.WorkerPoolID, WorkerGroup: f.WorkerGroup, WorkerID: f.WorkerID,
			Location: f.WorkerLocation, Metadata: f.ProviderMetadata,
		},
		Credentials: tc.Credentials{ClientID: f.Credentials.ClientID, AccessToken: secret.New(f.Credentials.AccessToken), Certificate: secret.New(f.Credentials.Certificate)},
		Secret:      secret.New(f.RegistrationSecret), WorkerConfig: f.WorkerConfig,
	}
	if t := time.Time(f.CredentialsExpire); t.Year() > 1 { // year 1 stands for never
		s.Expires = t
	}
	if f.Workerkit != nil {
		s.ProviderType, s.Layers, s.Due = f.Workerkit.ProviderType, f.Workerkit.Layers, f.Workerkit.Due
		for _, p := range f.Workerkit.Files {
			s.Files = append(s.Files, config.File{Path: p.Path, Content: secret.New(p.Content), Encoding: p.Encoding, Format: p.Format})
		}
	}
	if !s.of(providerType, id) {
		return State{}, note, fmt.Errorf("state: %s: %w", path, ErrOther)
	}
	return s, note, nil
}

// of tells whether s is of the machine that id names. Metadata and location may change, for
// example with a new address.
func (s State) of(providerType string, id providers.Identity) bool {
	mine := s.Identity
	return (s.ProviderType == "" || s.ProviderType == providerType) &&
		mine.RootURL == id.RootURL && mine.ProviderID == id.ProviderID && mine.WorkerPoolID == id.WorkerPoolID &&
		mine.WorkerGroup == id.WorkerGroup && mine.WorkerID == id.WorkerID
}

// Usable tells whether the credentials are good at the time, with a margin for a slow start.
func (s State) Usable(now time.Time) bool {
	const margin = time.Minute
	return s.Credentials.ClientID != "" && (s.Expires.IsZero() || now.Add(margin).Before(s.Expires))
}
