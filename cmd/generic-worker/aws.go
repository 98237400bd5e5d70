package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/goccy/go-yaml"

	"github.com/workerkit/workerkit/internal/private"
)

// runnerFile is the configuration for start-worker, in the working directory.
const runnerFile = "generic-worker-aws.yml"

// runOnAWS is "run --configure-for-aws" of release 11: it found out itself what EC2 knows of the
// machine, and wrote the configuration. start-worker does that now, with the provider aws; it
// becomes start-worker, which starts this program again without the flag.
func runOnAWS(configuration string, stderr io.Writer) int {
	fmt.Fprintln(stderr, "generic-worker: --configure-for-aws is of release 11: start-worker does this now; running it with the provider aws and", runnerFile)
	program, err := os.Executable()
	if err == nil {
		err = becomeRunner(program, configuration)
	}
	fmt.Fprintln(stderr, "generic-worker: --configure-for-aws:", err)
	return exitUnreadable
}

// becomeRunner writes the runner's configuration and returns only when it fails.
func becomeRunner(program, configuration string) error {
	runner, err := findRunner(program)
	if err != nil {
		return err
	}
	if configuration, err = filepath.Abs(configuration); err != nil {
		return err
	}
	data, err := yaml.Marshal(runnerConfig(program, configuration))
	if err != nil {
		return err
	}
	if err := private.Write(runnerFile, data); err != nil {
		return err
	}
	return become(runner, runnerFile)
}

// findRunner finds start-worker beside this program, or where programs are.
func findRunner(program string) (string, error) {
	name := "start-worker"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	beside := filepath.Join(filepath.Dir(program), name)
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", errors.New(name + " is neither beside this program nor on PATH")
	}
	return path, nil
}

func runnerConfig(program, configuration string) map[string]any {
	return map[string]any{
		"provider": map[string]any{"providerType": "aws"},
		"worker": map[string]any{
			"implementation": "generic-worker", "path": program, "configPath": configuration,
		},
	}
}
