package main

import "golang.org/x/sys/windows"

// privileged tells whether this process may make users.
func privileged() bool { return windows.GetCurrentProcessToken().IsElevated() }
