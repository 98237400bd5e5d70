package queue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/local/api"
)

const (
	maxDeadline = 5 * 24 * time.Hour
	clockDrift  = 15 * time.Minute
)

// definition is a task as its creator wrote it, with the defaults filled in.
type definition struct {
	ProvisionerID string            `json:"provisionerId"`
	WorkerType    string            `json:"workerType"`
	TaskQueueID   string            `json:"taskQueueId"`
	SchedulerID   string            `json:"schedulerId"`
	ProjectID     string            `json:"projectId"`
	TaskGroupID   string            `json:"taskGroupId"`
	Dependencies  []string          `json:"dependencies"`
	Requires      string            `json:"requires"`
	Routes        []string          `json:"routes"`
	Priority      string            `json:"priority"`
	Retries       int               `json:"retries"`
	Created       Time              `json:"created"`
	Deadline      Time              `json:"deadline"`
	Expires       Time              `json:"expires,omitzero"`
	Scopes        []string          `json:"scopes"`
	Payload       json.RawMessage   `json:"payload"`
	Metadata      json.RawMessage   `json:"metadata"`
	Tags          map[string]string `json:"tags"`
	Extra         json.RawMessage   `json:"extra"`
}

// priorities are the levels, most urgent first.
func priorities() []string {
	return []string{"highest", "very-high", "high", "medium", "low", "very-low", "lowest"}
}

// define reads the definition in a createTask request and fills in what it leaves out.
func define(taskID string, r *api.Request) (*definition, error) {
	d := &definition{
		SchedulerID: "-", ProjectID: "none", TaskGroupID: taskID, Requires: "all-completed",
		Priority: "lowest", Retries: 5, Dependencies: []string{}, Routes: []string{},
		Scopes: []string{}, Tags: map[string]string{}, Extra: json.RawMessage("{}"),
	}
	if err := r.Decode(d); err != nil {
		return nil, err
	}
	if err := d.nameQueue(); err != nil {
		return nil, err
	}
	if d.Expires.IsZero() {
		d.Expires = Time{d.Deadline.AddDate(1, 0, 0)}
	}
	for _, t := range []*Time{&d.Created, &d.Deadline, &d.Expires} {
		t.Time = t.UTC().Truncate(time.Millisecond)
	}
	return d, nil
}

// nameQueue makes taskQueueId and provisionerId with workerType say the same.
func (d *definition) nameQueue() error {
	pair := d.ProvisionerID + "/" + d.WorkerType
	if d.TaskQueueID == "" {
		if d.ProvisionerID == "" || d.WorkerType == "" {
			return api.InputError("at least a provisionerId and a workerType or a taskQueueId must be provided")
		}
		d.TaskQueueID = pair
		return nil
	}
	provisioner, workerType, _ := strings.Cut(d.TaskQueueID, "/")
	if d.ProvisionerID != "" && d.ProvisionerID != provisioner || d.WorkerType != "" && d.WorkerType != workerType {
		return api.InputError("taskQueueId must match \"{provisionerId}/{workerType}\" when these are given")
	}
	d.ProvisionerID, d.WorkerType = provisioner, workerType
	return nil
}

// validate checks what the schema cannot say.
func (d *definition) validate(now time.Time) error {
	switch {
	case d.Created.Before(now.Add(-clockDrift)):
		return api.InputError("Created timestamp cannot be in the past (max 15min drift)")
	case d.Created.After(now.Add(clockDrift)):
		return api.InputError("Created timestamp cannot be in the future (max 15min drift)")
	case d.Created.After(d.Deadline.Time):
		return api.InputError("Deadline cannot be past created")
	case d.Deadline.Before(now):
		return api.InputError("Deadline cannot be in the past")
	case d.Deadline.After(now.Add(maxDeadline + clockDrift)):
		return api.InputError("Deadline cannot be more than 5 days into the future")
	case d.Deadline.After(d.Expires.Time):
		return api.InputError("Expires cannot be before the deadline")
	}
	for _, scope := range d.Scopes {
		if strings.HasSuffix(scope, "**") {
			return api.InputError("scope %q must not end with two stars", scope)
		}
	}
	return nil
}

// params are what createTask's scope expression asks about. A creator may use a scope for
// the task's own priority or for any that is more urgent.
func (d *definition) params() map[string]any {
	all := priorities()
	return map[string]any{
		"scopes": d.Scopes, "routes": d.Routes, "projectId": d.ProjectID, "schedulerId": d.SchedulerID,
		"priorities":    all[:slices.Index(all, d.Priority)+1],
		"provisionerId": d.ProvisionerID, "workerType": d.WorkerType,
	}
}

// status is that of the task before anything happened to it.
func (d *definition) status(taskID string) Status {
	return Status{
		TaskID: taskID, ProvisionerID: d.ProvisionerID, WorkerType: d.WorkerType, TaskQueueID: d.TaskQueueID,
		SchedulerID: d.SchedulerID, ProjectID: d.ProjectID, TaskGroupID: d.TaskGroupID, Priority: d.Priority,
		Deadline: d.Deadline, Expires: d.Expires, RetriesLeft: d.Retries, State: Unscheduled, Runs: []Run{},
	}
}

// sameJSON tells whether two values say the same in JSON, whatever the order of their keys
// and the size of their numbers.
func sameJSON(a, b any) (bool, error) {
	x, err := plain(a)
	if err != nil {
		return false, err
	}
	y, err := plain(b)
	if err != nil {
		return false, err
	}
	return reflect.DeepEqual(x, y), nil
}

func plain(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("queue: compare: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("queue: compare: %w", err)
	}
	return value, nil
}
