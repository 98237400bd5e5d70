package host

import (
	"errors"
	"time"
)

// ErrNoMachine is in the errors of commands about a machine that does not exist.
var ErrNoMachine = errors.New("there is no machine")

// State is what a machine does.
type State string

// The states of a machine. One that is gone has none.
const (
	Booting State = "booting" // start-worker has not been started yet
	Running State = "running" // start-worker runs
	Idle    State = "idle"    // start-worker has ended, and the machine is still there
	Leaving State = "leaving" // it is being taken away
)

// Info is what can be told of a machine.
type Info struct {
	Machine       string `json:"machine"` // workerPoolId/workerGroup/workerId
	WorkerPoolID  string `json:"workerPoolId"`
	WorkerGroup   string `json:"workerGroup"`
	WorkerID      string `json:"workerId"`
	Cloud         string `json:"cloud"`    // "aws", "google", "azure"
	Endpoint      string `json:"endpoint"` // of its metadata service
	Folder        string `json:"folder"`
	Log           string `json:"log"` // the file with all that it wrote
	ControlSocket string `json:"controlSocket"`
	HoldFile      string `json:"holdFile"`
	PID           int    `json:"pid,omitempty"` // of start-worker, while it runs
	State         State  `json:"state"`
	Boots         int    `json:"boots"` // how often it has booted
	// Started is when start-worker was started the last time; zero before.
	Started time.Time `json:"started,omitzero"`
	// Exit is how start-worker ended the last time, "" when it never did.
	Exit string `json:"exit,omitempty"`
}
