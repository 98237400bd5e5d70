// Package layout says where files live on an installed machine. Images put them there, the
// programs look for them there.
package layout

import "path/filepath"

// ProviderFile is where start-worker looks for the description of static hardware when its
// config names no other place.
func ProviderFile() string { return filepath.Join(configDir, "provider.hcl") }

// StateFile is where start-worker keeps what must survive a reboot when its config asks for
// that without naming a place.
func StateFile() string { return filepath.Join(stateDir, "state.json") }

// HoldFile stops every removal, power-off and reboot while it is there. It does not outlive a
// reboot where the system keeps such a folder.
func HoldFile() string { return filepath.Join(runDir, "start-worker.hold") }

// ControlSocket is where start-worker answers status and drain.
func ControlSocket() string { return filepath.Join(runDir, "start-worker.sock") }
