package define

import (
	"maps"
	"slices"

	"github.com/workerkit/workerkit/packer/templates"
)

// Words are the names of all attributes, blocks and functions.
func Words() []string {
	words := slices.Collect(maps.Keys(newLanguage("").functions))
	var walk func(s *schema)
	walk = func(s *schema) {
		if s == nil {
			return
		}
		words = append(words, s.names()...)
		for _, b := range s.blocks {
			walk(b.body)
			for _, inner := range b.bodies {
				walk(inner)
			}
		}
	}
	walk(fileSchema())
	return words
}

// SetElsewhere are the variables of templates that parts of a definition set, and those parts.
func SetElsewhere() map[string]string { return setElsewhere() }

// Settable are the variables that the base of a target may set.
func Settable(target string) ([]string, error) {
	known, err := templates.Variables()
	return settable(target, known), err
}
