// Package control is how people and scripts talk to a running start-worker: a Unix socket that
// only its owner can use, with HTTP and JSON on it.
package control

import (
	"context"
	"time"
)

// Status is what start-worker says of itself. Nothing in it is secret.
type Status struct {
	Version      string    `json:"version"`
	State        State     `json:"state"`
	Since        time.Time `json:"since"` // when State began
	Provider     string    `json:"provider,omitempty"`
	RootURL      string    `json:"rootURL,omitempty"`
	WorkerPoolID string    `json:"workerPoolId,omitempty"`
	WorkerGroup  string    `json:"workerGroup,omitempty"`
	WorkerID     string    `json:"workerId,omitempty"`
	// CredentialsExpire is zero when they do not, or there are none yet.
	CredentialsExpire time.Time `json:"credentialsExpire,omitzero"`
	WorkerPID         int       `json:"workerPid,omitempty"`
	Restarts          int       `json:"restarts"`
	Notices           []Notice  `json:"notices"` // oldest first
	Phases            []Phase   `json:"phases"`  // in their order
	// LastError is the last thing that went wrong, "" when nothing has.
	LastError string `json:"lastError,omitempty"`
	// HoldUntil is when a machine that does not work is released; zero when nothing is held.
	HoldUntil time.Time `json:"holdUntil,omitzero"`
}

// State is where a start-worker is in its life.
type State string

// The states, in their order.
const (
	Identifying State = "identifying"
	Registering State = "registering"
	Preparing   State = "preparing" // secrets, files, the worker's config
	Launching   State = "launching" // the worker has not said hello yet
	Working     State = "working"
	Draining    State = "draining"
	Holding     State = "holding" // something is wrong; the machine is kept for a while
	Releasing   State = "releasing"
)

// Notice is something that the place has announced.
type Notice struct {
	Reason   string    `json:"reason"`
	Resource string    `json:"resource,omitempty"`
	Heard    time.Time `json:"heard"`
	Deadline time.Time `json:"deadline,omitzero"`
	Drains   bool      `json:"drains"` // it ended the work
}

// Phase is one part of the start, and how long it took.
type Phase struct {
	Name   string        `json:"name"`
	Millis float64       `json:"ms"`
	Took   time.Duration `json:"-"`
}

// Runner is what the socket's other end answers for. Its methods may be called concurrently.
type Runner interface {
	Status() Status
	// Drain asks the worker to end: with finishTasks after the tasks that it has, else at once.
	// It returns when the worker has been asked. When ctx ends before that, it returns its error,
	// and what was asked for stands.
	Drain(ctx context.Context, finishTasks bool) error
}
