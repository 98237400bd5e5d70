package commands

import (
	"os"

	"github.com/workerkit/workerkit/worker/commands/mounts"
)

// eyesOf are a process of their own: a thread cannot have other rights than its process here.
func eyesOf(c Config) eyes { return another(c) }

// handsOf are a process of their own too.
func handsOf(c Config) mounts.Hands { return another(c) }

func another(c Config) apart {
	self, err := os.Executable()
	return apart{program: []string{self, LookVerb}, user: c.User, err: err}
}
