package main

import (
	"fmt"
	"os"
	"os/exec"
)

// become runs another program in the place of this one, which ends with its exit code.
func become(program string, args ...string) error {
	command := exec.Command(program, args...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := command.Run(); command.ProcessState == nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	os.Exit(command.ProcessState.ExitCode())
	return nil
}
