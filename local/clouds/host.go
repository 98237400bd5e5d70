package clouds

import "context"

// Key names a machine.
type Key struct{ WorkerPoolID, WorkerGroup, WorkerID string }

// String is the key as workers are named everywhere: pool/group/id.
func (k Key) String() string { return k.WorkerPoolID + "/" + k.WorkerGroup + "/" + k.WorkerID }

// Host boots machines and takes them away; worker-manager provisions by it. It is safe for
// concurrent use, and its calls return without waiting for the machine.
type Host interface {
	// Boot boots a machine of the cloud, with its record.
	Boot(ctx context.Context, k Key, c Cloud, record []byte) error
	// Delete takes a machine away, whatever runs on it. It is no error that there is none.
	Delete(k Key)
	// Exists tells whether there is such a machine: booting, running, or not gone yet. One that
	// has switched itself off is gone.
	Exists(k Key) bool
}
