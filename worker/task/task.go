// Package task is one run of one task as the engine and the plugins see it: what was claimed,
// where its log goes, how it can end.
package task

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// Run is one run of a task. Its fields do not change after the plugins have been made; its
// methods may be called from any goroutine.
type Run struct {
	TaskID string
	RunID  int64
	// Slot tells runs of the same time apart: 0 to the worker's capacity less one, the lowest that
	// is free. A port of a run is a base port + 4·Slot. The next run has the slot when this one is
	// resolved: what is bound to it is let go in Stopped or Finish, not in Close.
	Slot       int
	Definition Definition
	Raw        json.RawMessage // the definition as claimed, every byte of it
	Payload    json.RawMessage // valid by the merged schema; empty when it was not valid
	// Granted are scopes that Require takes for the task's own: what a payload of another form was
	// found to be allowed, in the words of this worker's features. They are no scopes of the task's.
	Granted []string
	Dir     string // the task directory, absolute; the commands' working directory
	Own     string // a folder of the worker outside Dir, for what it spools; the task has no business there
	Log     *tasklog.Log
	Queue   tc.TaskQueue // calls of this run, always with its newest credentials
	// Credentials gives the run's newest credentials, for calls of other services. Secret.
	Credentials tc.Source
	// Uploads are the artifacts that were uploaded so far.
	Uploads *Uploads
	Logger  *slog.Logger // the worker's log, with taskId and runId
	// Abort ends the commands early; the first cause decides the resolution (see Error).
	// Reclaiming goes on until the run is resolved.
	Abort context.CancelCauseFunc
}

// Definition is what the worker itself needs of a task definition.
type Definition struct {
	TaskGroupID  string          `json:"taskGroupId"`
	TaskQueueID  string          `json:"taskQueueId"`
	Dependencies []string        `json:"dependencies"`
	Scopes       []string        `json:"scopes"`
	Created      time.Time       `json:"created"`
	Deadline     time.Time       `json:"deadline"`
	Expires      time.Time       `json:"expires"`
	Payload      json.RawMessage `json:"payload"`
}

// Decode decodes the payload into v, which names only the properties that its owner knows.
func (r *Run) Decode(v any) error {
	if len(r.Payload) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Payload, v); err != nil {
		return Malformed("payload: %v", err)
	}
	return nil
}

// Feature tells whether the payload switches the feature on; absent means byDefault.
func (r *Run) Feature(name string, byDefault bool) bool {
	var p struct {
		Features map[string]bool `json:"features"`
	}
	if err := r.Decode(&p); err != nil {
		return byDefault
	}
	if on, said := p.Features[name]; said {
		return on
	}
	return byDefault
}

// String names the run in messages.
func (r *Run) String() string { return fmt.Sprintf("%s/%d", r.TaskID, r.RunID) }

// Identity are the environment variables by which a run's commands know what they are.
func (r *Run) Identity() map[string]string {
	return map[string]string{
		"TASK_ID":       r.TaskID,
		"RUN_ID":        strconv.FormatInt(r.RunID, 10),
		"TASK_GROUP_ID": r.Definition.TaskGroupID,
		"TASK_WORKDIR":  r.Dir,
	}
}
