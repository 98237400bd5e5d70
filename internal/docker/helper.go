package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/types/registry"
)

const (
	// helperTime is how long a program that knows passwords may take.
	helperTime = 30 * time.Second
	// unknown is what one says when it knows none; it fails then.
	unknown = "credentials not found"
	// token is the name with which the password is a token.
	token = "<token>"
)

// askHelper asks the program docker-credential-NAME for the login to a registry. What it says is in no
// error: there may be something secret in it.
func askHelper(ctx context.Context, name, host string) (registry.AuthConfig, error) {
	program := "docker-credential-" + name
	if filepath.Base(program) != program {
		return registry.AuthConfig{}, fmt.Errorf("docker: %q is no name of a credential helper", name)
	}
	ctx, done := context.WithTimeout(ctx, helperTime)
	defer done()
	cmd := exec.CommandContext(ctx, program, "get") //nolint:gosec // by whoever looks after the machine
	cmd.Stdin, cmd.WaitDelay = strings.NewReader(host), time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		if strings.Contains(out.String(), unknown) {
			return registry.AuthConfig{}, nil
		}
		return registry.AuthConfig{}, fmt.Errorf("docker: %s does not tell the login to %s: %w", program, host, err)
	}
	var said struct{ Username, Secret string }
	if json.Unmarshal(out.Bytes(), &said) != nil {
		return registry.AuthConfig{}, errors.New("docker: " + program + " does not tell the login to " + host + " as JSON")
	}
	if said.Username == token {
		return registry.AuthConfig{IdentityToken: said.Secret, ServerAddress: host}, nil
	}
	return registry.AuthConfig{Username: said.Username, Password: said.Secret, ServerAddress: host}, nil
}
