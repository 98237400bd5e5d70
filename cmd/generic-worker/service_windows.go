package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func (s service) install() (err error) {
	if s.program, err = os.Executable(); err != nil {
		return err
	}
	if s.config, err = filepath.Abs(s.config); err != nil {
		return err
	}
	if err := os.WriteFile(s.script(), []byte(s.batch()), 0o600); err != nil {
		return err
	}
	for _, command := range s.commands() {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%q: %w: %s", command, err, out)
		}
	}
	return nil
}
