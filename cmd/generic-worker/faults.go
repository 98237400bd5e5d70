package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/workerkit/workerkit/worker"
)

// faults is what happens when tasks fail through this machine's fault: in a cloud, where another
// machine comes in its place, the worker leaves; elsewhere it waits for somebody to mend it.
func (p *program) faults() worker.Faults {
	return worker.Faults{
		Most:  int(p.config.Workerkit.MaxFaultyRuns), //nolint:gosec // a number of runs
		Leave: p.runner != nil && inCloud(p.config.WorkerLocation),
		Report: func(runs int, err error, wait time.Duration) {
			next := "the worker leaves when its tasks have ended"
			if wait > 0 {
				next = fmt.Sprintf("the worker tries one more in %v", wait.Round(time.Second))
			}
			p.report(fmt.Errorf("%d tasks in a row failed through this machine's fault; %s; the last error: %w", runs, next, err))
		},
	}
}

// inCloud tells whether a runner's words about where a worker is name a cloud.
func inCloud(location string) bool {
	var l struct {
		Cloud string `json:"cloud"`
	}
	if json.Unmarshal([]byte(location), &l) != nil {
		return false
	}
	switch l.Cloud {
	case "", "static", "standalone":
		return false
	default:
		return true
	}
}
