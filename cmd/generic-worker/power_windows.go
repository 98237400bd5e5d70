package main

import (
	"fmt"
	"os/exec"
)

// powerOff shuts the machine down. It is the only place that can.
func powerOff(why string) error {
	if out, err := exec.Command(`C:\Windows\System32\shutdown.exe`, "/s", "/t", "3", "/c", why).CombinedOutput(); err != nil {
		return fmt.Errorf("shut the machine down: %w: %s", err, out)
	}
	return nil
}
