package main

import (
	"errors"

	"github.com/workerkit/workerkit/internal/service"
)

// serviceCommand finds out what a service runs; nil where there are no services.
func serviceCommand() func(name string) ([]string, error) {
	return func(name string) ([]string, error) {
		system, err := service.Open()
		if err != nil {
			return nil, err
		}
		d, err := system.Find(name)
		return append([]string{d.Program}, d.Args...), errors.Join(err, system.Close())
	}
}
