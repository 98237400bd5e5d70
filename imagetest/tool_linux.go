package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/internal/debian"
)

// prerequisites says all that is missing at once.
func prerequisites(o options) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can make a Debian disk")
	}
	missing := debian.Missing()
	for program, in := range map[string]string{"debugfs": "e2fsprogs", "qemu-system-x86_64": "qemu-system-x86", "packer": "packer"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, in)
		}
	}
	var problems []error
	if len(missing) > 0 {
		slices.Sort(missing)
		problems = append(problems, fmt.Errorf("please install (Debian's names): %s", strings.Join(slices.Compact(missing), " ")))
	}
	for _, program := range []string{"worker-images", "taskcluster-local", "start-worker", "generic-worker"} {
		if _, err := os.Stat(filepath.Join(o.bin, program)); err != nil {
			problems = append(problems, fmt.Errorf("%w: run make build", err))
		}
	}
	return errors.Join(problems...)
}
