//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
)

// powerOff shuts the machine down. It and reboot are the only places that can. The command is
// looked up on PATH, where an emulated machine has a stand-in.
func powerOff(why string) error { return shutdown("-h", why) }

// reboot starts the machine again.
func reboot(why string) error { return shutdown("-r", why) }

func shutdown(how, why string) error {
	command := []string{"shutdown", how, "now", why}
	if os.Geteuid() != 0 {
		command = append([]string{"sudo"}, command...)
	}
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("shut the machine down: %w: %s", err, out)
	}
	return nil
}
