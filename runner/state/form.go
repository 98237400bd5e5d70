package state

import (
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
)

// version is that of our additions. The first release had its number in Workerkit, and was 1.
const version = 2

// file is the public form, with our additions at the end. The public programs pass over
// those when they read it, and leave them out when they write it again.
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

	Version    int       `json:",omitempty"`
	InstanceID string    `json:",omitempty"`
	BootID     string    `json:",omitempty"`
	Workerkit  *addition `json:",omitempty"`
}

type credentials struct {
	ClientID    string   `json:"clientId"`
	AccessToken string   `json:"accessToken"`
	Certificate string   `json:"certificate"`
	Scopes      []string `json:"authorizedScopes"` // always null
}

// addition is what the public programs have nothing like.
type addition struct {
	ProviderType string
	Layers       []map[string]any
	Due          bool          `json:",omitempty"`
	Files        []pendingFile `json:",omitempty"`
}

// pendingFile is a config.File whose content shows.
type pendingFile struct {
	Path, Content, Encoding, Format string
	Mode, Owner, Group              string `json:",omitempty"`
}

// formOf is s as it is written.
func formOf(s State) file {
	id, c := s.Identity, s.Credentials
	f := file{
		RootURL: id.RootURL, WorkerPoolID: id.WorkerPoolID, WorkerGroup: id.WorkerGroup, WorkerID: id.WorkerID, ProviderID: id.ProviderID,
		ProviderMetadata: id.Metadata, WorkerLocation: id.Location,
		Credentials:       credentials{ClientID: c.ClientID, AccessToken: c.AccessToken.Reveal(), Certificate: c.Certificate.Reveal()},
		CredentialsExpire: tcclient.Time(s.Expires), RegistrationSecret: s.Secret.Reveal(),
		WorkerConfig: s.WorkerConfig, Files: []struct{}{},
		Version: version, InstanceID: id.InstanceID, BootID: s.BootID,
		Workerkit: &addition{ProviderType: s.ProviderType, Layers: s.Layers, Due: s.Due},
	}
	for _, p := range s.Files {
		f.Workerkit.Files = append(f.Workerkit.Files, pendingFile{
			Path: p.Path, Content: p.Content.Reveal(), Encoding: p.Encoding, Format: p.Format, Mode: p.Mode, Owner: p.Owner, Group: p.Group,
		})
	}
	return f
}

// state is what is in f.
func (f file) state() State {
	c := f.Credentials
	s := State{
		BootID: f.BootID,
		Identity: providers.Identity{
			RootURL: f.RootURL, ProviderID: f.ProviderID, WorkerPoolID: f.WorkerPoolID, WorkerGroup: f.WorkerGroup, WorkerID: f.WorkerID,
			InstanceID: f.InstanceID, Location: f.WorkerLocation, Metadata: f.ProviderMetadata,
		},
		Credentials: tc.Credentials{ClientID: c.ClientID, AccessToken: secret.New(c.AccessToken), Certificate: secret.New(c.Certificate)},
		Secret:      secret.New(f.RegistrationSecret), WorkerConfig: f.WorkerConfig,
	}
	if t := time.Time(f.CredentialsExpire); t.Year() > 1 { // year 1 stands for never
		s.Expires = t
	}
	// What a later release added may mean something else; its public part means the same.
	if f.Workerkit == nil || f.Version > version {
		return s
	}
	s.ProviderType, s.Layers, s.Due = f.Workerkit.ProviderType, f.Workerkit.Layers, f.Workerkit.Due
	for _, p := range f.Workerkit.Files {
		s.Files = append(s.Files, config.File{
			Path: p.Path, Content: secret.New(p.Content), Encoding: p.Encoding, Format: p.Format, Mode: p.Mode, Owner: p.Owner, Group: p.Group,
		})
	}
	return s
}
