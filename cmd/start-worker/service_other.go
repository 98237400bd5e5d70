//go:build !windows

package main

// serviceCommand finds out what a service runs; nil where there are no services.
func serviceCommand() func(name string) ([]string, error) { return nil }
