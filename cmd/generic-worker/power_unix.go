//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
)

// powerOff shuts the machine down. It is the only place that can. The command is looked up on
// PATH, where an emulated machine has a stand-in.
func powerOff(why string) error {
	command := []string{"shutdown", "-h", "now", why}
	if os.Geteuid() != 0 {
		command = append([]string{"sudo"}, command...)
	}
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("shut the machine down: %w: %s", err, out)
	}
	return nil
}
