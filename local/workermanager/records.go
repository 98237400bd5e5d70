package workermanager

import (
	"encoding/json"
	"slices"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// The buckets: pools by workerPoolId, workers by workerPoolId/workerGroup/workerId, errors by
// workerPoolId, then newest first.
const (
	poolBucket   = "workermanager/pools"
	workerBucket = "workermanager/workers"
	errorBucket  = "workermanager/errors"
)

// Pool is a worker pool as it is stored.
type Pool struct {
	WorkerPoolID string          `json:"workerPoolId"`
	ProviderID   string          `json:"providerId"`
	Description  string          `json:"description"`
	Created      tcclient.Time   `json:"created"`
	LastModified tcclient.Time   `json:"lastModified"`
	Config       json.RawMessage `json:"config"`
	Owner        string          `json:"owner"`
	EmailOnError bool            `json:"emailOnError"`

	// PreviousProviderIDs are those that the pool had before and that may still have workers.
	PreviousProviderIDs []string `json:"previousProviderIds,omitempty"`
}

// hasProvider tells whether the provider is the pool's now or was earlier.
func (p Pool) hasProvider(id string) bool {
	return p.ProviderID == id || slices.Contains(p.PreviousProviderIDs, id)
}

// State is where a worker is in its life.
type State string

// The states of a worker.
const (
	Requested State = "requested"
	Running   State = "running"
	Stopping  State = "stopping"
	Stopped   State = "stopped"
)

// Worker is a worker as it is stored.
type Worker struct {
	WorkerPoolID string        `json:"workerPoolId"`
	WorkerGroup  string        `json:"workerGroup"`
	WorkerID     string        `json:"workerId"`
	ProviderID   string        `json:"providerId"`
	Created      tcclient.Time `json:"created"`
	Expires      tcclient.Time `json:"expires"`
	State        State         `json:"state"`
	Capacity     int           `json:"capacity"`
	LastModified tcclient.Time `json:"lastModified"`
	LastChecked  tcclient.Time `json:"lastChecked"`

	// ProviderData is the provider's own.
	ProviderData json.RawMessage `json:"providerData,omitempty"`
	// SecretHash is of the secret that reregisterWorker takes next.
	SecretHash string `json:"secretHash,omitempty"`
	// Terminate and TerminateReason are the answer of shouldWorkerTerminate.
	Terminate       bool   `json:"terminate,omitempty"`
	TerminateReason string `json:"terminateReason,omitempty"`

	// The following are of clouds' workers only.
	LaunchConfigID string        `json:"launchConfigId,omitempty"`
	Lifetime       time.Duration `json:"lifetime,omitempty"` // of its credentials
	// TerminateAfter is when its machine is taken away unless it has reregistered.
	TerminateAfter tcclient.Time `json:"terminateAfter,omitzero"`
}

func (w Worker) key() string { return workerKey(w.WorkerPoolID, w.WorkerGroup, w.WorkerID) }

func workerKey(pool, group, id string) string { return pool + "/" + group + "/" + id }

func getPool(tx *store.Tx, id string) (Pool, error) {
	var p Pool
	found, err := tx.Get(poolBucket, id, &p)
	if err != nil {
		return p, err
	}
	if !found {
		return p, api.NotFound("Worker pool %s does not exist", id)
	}
	return p, nil
}

func putPool(tx *store.Tx, p Pool) error {
	if err := putLaunchConfigs(tx, p); err != nil {
		return err
	}
	return tx.Put(poolBucket, p.WorkerPoolID, p)
}

func getWorker(tx *store.Tx, pool, group, id string) (Worker, error) {
	var w Worker
	found, err := tx.Get(workerBucket, workerKey(pool, group, id), &w)
	if err != nil {
		return w, err
	}
	if !found {
		return w, api.NotFound("Worker %s/%s in worker pool %s does not exist", group, id, pool)
	}
	return w, nil
}

func putWorker(tx *store.Tx, w Worker) error { return tx.Put(workerBucket, w.key(), w) }
