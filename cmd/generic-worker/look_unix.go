//go:build unix

package main

import "github.com/workerkit/workerkit/worker/commands"

// look is what the worker runs as a task's user on systems where it cannot look at files as that user itself.
func look(values []string) (string, error) { return commands.Look(values[0], values[1]) }
