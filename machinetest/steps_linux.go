package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// testStep is one thing that a machine must show.
type testStep struct {
	name string
	take func(context.Context, *site) error
}

// group is a part of the proof.
type group struct {
	name  string
	steps []testStep
}

func groups() []group {
	return []group{
		{"containers", containerSteps()},
		{"accounts", accountSteps()},
		{"systemd", systemdSteps()},
		{"tests", testSteps()},
	}
}

func groupNames() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// choose finds the steps of --only, in their order.
func choose(only string) ([]testStep, error) {
	wanted := strings.Split(only, ",")
	var chosen []testStep
	known := groupNames()
	for _, g := range groups() {
		for _, one := range g.steps {
			one.name = g.name + "/" + one.name
			known = append(known, one.name)
			if slices.Contains(wanted, g.name) || slices.Contains(wanted, one.name) {
				chosen = append(chosen, one)
			}
		}
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("--only: there is no %q, only %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}
