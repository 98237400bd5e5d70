package main

import (
	"encoding/json"
	"time"

	"github.com/workerkit/workerkit/internal/hostfacts"
	"github.com/workerkit/workerkit/worker/config"
)

// metrics writes the lines by which log collectors follow workers.
type metrics struct {
	config *config.Config
	line   func(string)
}

// boot says when the machine booted, where that can be told.
func (m metrics) boot() {
	if at, err := hostfacts.BootTime(); err == nil {
		m.event("instanceBoot", at, "", 0)
	}
}

// event writes one line; taskID is "" for an event of the worker itself.
func (m metrics) event(kind string, at time.Time, taskID string, runID int64) {
	fields := map[string]any{
		"eventType":    kind,
		"worker":       "generic-worker",
		"workerPoolId": m.config.TaskQueueID(),
		"workerId":     m.config.WorkerID,
		"timestamp":    at.Unix(),
		"region":       m.config.Region,
		"instanceType": m.config.InstanceType,
	}
	if taskID != "" {
		fields["taskId"], fields["runId"] = taskID, runID
	}
	data, err := json.Marshal(fields)
	if err == nil { // a map of texts and numbers always encodes
		m.line("WORKER_METRICS " + string(data))
	}
}
