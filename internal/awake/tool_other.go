//go:build !darwin

package awake

// tool is none: the machine's settings decide.
func tool(int) []string { return nil }
