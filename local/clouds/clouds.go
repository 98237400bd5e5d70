// Package clouds is the contract of the emulated clouds: what the config of their worker pools
// means, what a machine's metadata service says, and how a machine proves who it is. One cloud
// is one folder; the folder host boots the machines.
package clouds

import (
	"encoding/json"
	"net/http"
	"time"
)

// Cloud is one emulated cloud. It is safe for concurrent use.
type Cloud interface {
	// Type is the providerType in worker-manager: "aws", "google", "azure".
	Type() string
	// ValidateConfig says what is wrong with the config of a worker pool.
	ValidateConfig(config json.RawMessage) error
	// Launch decides what one more machine of the pool is. It does not boot it.
	Launch(o Order) (Machine, error)
	// Verify checks that a workerIdentityProof is that of the machine with the record. Errors of
	// type *api.Error are sent to the caller as they are, in the words of a real deployment.
	Verify(proof json.RawMessage, rootURL string, record json.RawMessage) error
	// Serve makes the metadata service of the machine with the record.
	Serve(record json.RawMessage, s Settings) (Service, error)
	// Provider is the block "provider" of the runner config in the machine's image, when the
	// metadata service is at that endpoint ("http://127.0.0.1:4711").
	Provider(endpoint string) map[string]any
}

// Order asks for a machine.
type Order struct {
	RootURL, ProviderID, WorkerPoolID string
	Config                            json.RawMessage // of the pool; it passed ValidateConfig
	Now                               time.Time
}

// Machine is what a cloud has made of an Order.
type Machine struct {
	WorkerGroup, WorkerID string
	LaunchConfigID        string
	Capacity              int             // how many tasks at once: capacityPerInstance
	WorkerConfig          json.RawMessage // an object, for the reply to registerWorker
	// Record is the cloud's own description of the machine: all that Verify and Serve need. It
	// holds no secret.
	Record json.RawMessage
}

// PublicAddress is the public address of every emulated machine that has one: its ports are
// this computer's.
const PublicAddress = "127.0.0.1"

// Settings are what a metadata service needs besides the record.
type Settings struct {
	// Clock is what the service takes for the time, in tokens, notices and signed documents.
	Clock func() time.Time
}

// Service is the metadata service of one machine.
type Service interface {
	http.Handler
	// Notify makes the service announce something, at once, also to GETs that hang. It fails
	// when the cloud does not know the kind; the error names those that it knows.
	Notify(n Notice) error
}

// Notice is something that a cloud announces. Which members count depends on the cloud.
type Notice struct {
	Kind      string        `json:"kind"`                // the cloud's own word: "spot-terminate", "preempted", "Freeze"
	In        time.Duration `json:"in,omitempty"`        // nanoseconds from now until it happens
	Cancel    bool          `json:"cancel,omitempty"`    // takes back what was announced of the kind
	Resources []string      `json:"resources,omitempty"` // Azure: the machines that it is about; none means this one
	Status    string        `json:"status,omitempty"`    // Azure: EventStatus, "Scheduled" when empty
}
