package build

import (
	"fmt"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/packer"
)

// Secret reads the value that a reference stands for, from an environment or a file.
func Secret(ref packer.Secret, env []string) (secret.String, error) {
	value, err := resolve(ref, env)
	if err != nil {
		return secret.String{}, fmt.Errorf("secret %s: %w", ref, err)
	}
	return secret.New(value), nil
}
