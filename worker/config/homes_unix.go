//go:build unix

package config

import "runtime"

// homes is the folder of the system's home directories.
func homes() string {
	if runtime.GOOS == "darwin" {
		return "/Users"
	}
	return "/home"
}
