package workermanager

import (
	"context"
	"encoding/json"
	"time"

	"github.com/workerkit/workerkit/local/api"
)

// nullProviderID is the provider of pools that are to be deleted.
const nullProviderID = "null-provider"

// Provider is one place to boot, as worker-manager sees it. Its methods run inside a
// transaction: they may change the worker that they are given, must not block for long, and
// must not call the store. Errors of type *api.Error are sent to the caller as they are.
type Provider interface {
	// Type is the kind of provider: "static", "aws", "google", "azure".
	Type() string
	// ValidateConfig says what is wrong with a pool's config.
	ValidateConfig(config json.RawMessage) error
	// Register checks the proof of a worker that exists, has not expired and belongs to this
	// provider, marks it as running, and says what the worker is told.
	Register(ctx context.Context, pool Pool, w *Worker, proof json.RawMessage) (Registration, error)
}

// Creator is a Provider whose workers are made by createWorker and updateWorker.
type Creator interface {
	// SetUp takes over the call's providerInfo and sets the state of a new or changed worker.
	SetUp(w *Worker, info json.RawMessage) error
}

// Remover is a Provider that can remove workers. Remove marks the worker and returns at once.
type Remover interface {
	Remove(ctx context.Context, w *Worker) error
}

// Registration is a Provider's answer to a good proof.
type Registration struct {
	WorkerConfig json.RawMessage // a JSON object
	Lifetime     time.Duration   // of the credentials; 0 means the default of 96 hours
}

// defaultLifetime is how long a worker's credentials are valid unless its pool says otherwise.
const defaultLifetime = 96 * time.Hour

// null is the provider of pools that are to be deleted: it makes no workers.
type null struct{}

func (null) Type() string                         { return "null" }
func (null) ValidateConfig(json.RawMessage) error { return nil }

func (null) Register(context.Context, Pool, *Worker, json.RawMessage) (Registration, error) {
	return Registration{}, api.InputError("the null provider has no workers")
}
