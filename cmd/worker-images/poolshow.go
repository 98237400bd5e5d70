package main

import (
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/packer/pools"
)

// poolShown is what is printed of one pool.
type poolShown struct {
	Pool       string           `json:"workerPoolId"`
	Changes    bool             `json:"changes"`
	Digest     string           `json:"digest"`         // for --expect
	Kept       string           `json:"kept,omitempty"` // the file with the former definition, when it was applied
	Definition pools.Definition `json:"definition"`     // the new one
	Retired    []pools.Retired  `json:"retired"`        // by launch config that goes
	Alone      []pools.Alone    `json:"alone"`          // launch configs that stay since their image is not ours

	unknown error // why workers could not be counted
}

// show prints a change, or keeps it for the end.
func (r *poolRun) show(c pools.Change, s poolShown, to string) {
	r.shown = append(r.shown, s)
	if r.flags.asJSON {
		return
	}
	if !s.Changes {
		fmt.Fprintf(r.out, "%s has %s already\n", s.Pool, to)
	} else {
		fmt.Fprint(r.out, c.Diff())
		r.showRetired(c, s)
	}
	for _, a := range s.Alone {
		fmt.Fprintf(r.out, "%s: launch config %s stays as it is: %s\n", s.Pool, a.LaunchConfigID, foreign(a.Images))
	}
	switch {
	case s.Kept != "":
		fmt.Fprintf(r.out, "%s: applied; what it was is in %s\n", s.Pool, s.Kept)
	case s.Changes:
		fmt.Fprintf(r.out, "%s: nothing is sent; --yes --expect %s applies exactly this\n", s.Pool, s.Digest)
	}
}

// showRetired prints whose machines have no launch config any more, and what becomes of them.
func (r *poolRun) showRetired(c pools.Change, s poolShown) {
	workers := 0
	for _, retired := range s.Retired {
		fmt.Fprintf(r.out, "%s: launch config %s goes: %d workers running, %d requested\n", s.Pool, retired.LaunchConfigID, retired.Running, retired.Requested)
		workers += retired.Running + retired.Requested
	}
	if s.unknown != nil {
		fmt.Fprintf(r.out, "%s: its workers cannot be counted: %v\n", s.Pool, s.unknown)
	}
	if _, nameless := c.Gone(); nameless {
		fmt.Fprintf(r.out, "%s: workers of launch configs without an id cannot be counted\n", s.Pool)
	}
	if workers > 0 {
		fmt.Fprintf(r.out, "%s: these workers are not stopped: they finish their tasks and end when they are idle, too old, or told so when they ask whether to terminate; new machines are made from the launch configs that there are then\n", s.Pool)
	}
}

// finish prints what program want.
func (r *poolRun) finish() error {
	if !r.flags.asJSON {
		return nil
	}
	return printJSON(r.out, r.shown)
}

func foreign(images []string) string {
	if len(images) == 0 {
		return "it names no image"
	}
	return strings.Join(images, ", ") + " is not ours"
}
