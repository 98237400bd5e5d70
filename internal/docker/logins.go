package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"

	"github.com/workerkit/workerkit/internal/secret"
)

// Logins are what docker login has left for a user: names and passwords for registries, or the names of
// the programs that know them.
type Logins struct{ file string }

// NewLogins are those of this program's user: in the folder DOCKER_CONFIG, or .docker at home.
func NewLogins(getenv func(string) string) Logins {
	folder := getenv("DOCKER_CONFIG")
	if folder == "" {
		home := getenv("HOME")
		if u, err := user.Current(); home == "" && err == nil { // services have none
			home = u.HomeDir
		}
		folder = filepath.Join(home, ".docker")
	}
	return Logins{filepath.Join(folder, "config.json")}
}

// logins is what we read of the file.
type logins struct {
	Auths map[string]struct {
		Auth          string `json:"auth"` // name:password in base64
		IdentityToken string `json:"identitytoken"`
	} `json:"auths"`
	CredHelpers map[string]string `json:"credHelpers"`
	CredsStore  string            `json:"credsStore"`
}

// hub is what the registry docker.io is called in the file, and everywhere else.
const hub, hubHost = "https://index.docker.io/v1/", "docker.io"

// For is the login to a registry, such as docker.io or localhost:5000, as the engine takes it; it is empty
// where there is none. The file is read each time: whoever looks after the machine may change it.
func (l Logins) For(ctx context.Context, host string) (secret.String, error) {
	text, err := os.ReadFile(l.file)
	if errors.Is(err, fs.ErrNotExist) {
		return secret.String{}, nil
	}
	var all logins
	if err == nil && json.Unmarshal(text, &all) != nil { // the error may quote what is secret
		err = errors.New("it is not what docker login writes")
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("docker: the logins in %s: %w", l.file, err)
	}
	found, err := all.find(ctx, host)
	if err != nil || found == (registry.AuthConfig{}) {
		return secret.String{}, err
	}
	encoded, err := authconfig.Encode(found)
	return secret.New(encoded), err //nolint:wrapcheck // never fails
}

// find asks the program for a registry, if there is one, and looks into the file otherwise.
func (all logins) find(ctx context.Context, host string) (registry.AuthConfig, error) {
	name := host
	if host == hubHost {
		name = hub
	}
	for key, helper := range all.CredHelpers {
		if isFor(key, host) {
			return askHelper(ctx, helper, name)
		}
	}
	for key, login := range all.Auths {
		if !isFor(key, host) || login.Auth == "" && login.IdentityToken == "" {
			continue
		}
		plain, err := base64.StdEncoding.DecodeString(login.Auth)
		if err != nil {
			return registry.AuthConfig{}, fmt.Errorf("docker: the login to %s is not in base64", host)
		}
		user, password, _ := strings.Cut(strings.TrimRight(string(plain), "\x00"), ":")
		return registry.AuthConfig{Username: user, Password: password, IdentityToken: login.IdentityToken, ServerAddress: name}, nil
	}
	if all.CredsStore != "" {
		return askHelper(ctx, all.CredsStore, name)
	}
	return registry.AuthConfig{}, nil
}

// isFor tells whether a key of the file is for a registry. Old ones have a scheme and a path.
func isFor(key, host string) bool {
	_, rest, found := strings.Cut(key, "://")
	if !found {
		rest = key
	}
	rest, _, _ = strings.Cut(rest, "/")
	return rest == host || host == hubHost && rest == "index.docker.io"
}
