package main

import (
	"fmt"
	"os/exec"
)

// powerOff shuts the machine down. It and reboot are the only places that can.
func powerOff(why string) error { return shutdown("/s", why) }

// reboot starts the machine again.
func reboot(why string) error { return shutdown("/r", why) }

func shutdown(how, why string) error {
	if out, err := exec.Command(`C:\Windows\System32\shutdown.exe`, how, "/t", "3", "/c", why).CombinedOutput(); err != nil {
		return fmt.Errorf("shut the machine down: %w: %s", err, out)
	}
	return nil
}
