package commands

import "os"

// eyesOf are a process of their own: a thread cannot have other rights than its process here.
func eyesOf(c Config) eyes {
	self, err := os.Executable()
	return apart{program: []string{self, LookVerb}, user: c.User, err: err}
}
