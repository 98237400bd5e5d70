//go:build !linux

package main

// serviceManager: none that wants to hear of us.
func serviceManager() *manager { return nil }

func tasksRun() bool { return false }
