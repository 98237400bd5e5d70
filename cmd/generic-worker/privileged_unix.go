//go:build unix

package main

import "os"

// privileged tells whether this process may make users.
func privileged() bool { return os.Geteuid() == 0 }
