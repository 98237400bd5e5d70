package workermanager

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/clouds"
)

// cloud makes an emulated cloud a Provider. Its workers are made by the provisioner.
type cloud struct {
	clouds.Cloud
	rootURL func() string
	now     func() time.Time
}

// cloudData is what the record of a cloud's worker keeps.
type cloudData struct {
	Record       json.RawMessage `json:"record"`       // the cloud's own
	WorkerConfig json.RawMessage `json:"workerConfig"` // of the launch config
	Registered   tcclient.Time   `json:"registered"`   // zero before
}

func dataOf(w Worker) (cloudData, error) {
	var d cloudData
	if err := json.Unmarshal(w.ProviderData, &d); err != nil {
		return d, fmt.Errorf("worker-manager: decode the data of %s: %w", w.key(), err)
	}
	return d, nil
}

func (w *Worker) setData(d cloudData) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("worker-manager: encode the data of %s: %w", w.key(), err)
	}
	w.ProviderData = data
	return nil
}

// ValidateConfig implements Provider. The cloud comes first: it names all that is missing.
func (c cloud) ValidateConfig(config json.RawMessage) error {
	if err := c.Cloud.ValidateConfig(config); err != nil {
		return err
	}
	_, err := decodeCloudConfig(config)
	return err
}

// Register implements Provider: a machine registers once in its life.
func (c cloud) Register(_ context.Context, pool Pool, w *Worker, proof json.RawMessage) (Registration, error) {
	if w.State != Requested {
		return Registration{}, api.InputError("Worker was already running.")
	}
	d, err := dataOf(*w)
	if err != nil {
		return Registration{}, err
	}
	if err := c.Verify(proof, c.rootURL(), d.Record); err != nil {
		return Registration{}, err
	}
	d.Registered = tcclient.Time(c.now())
	if err := w.setData(d); err != nil {
		return Registration{}, err
	}
	w.State, w.Lifetime = Running, lifecycleOf(pool.Config).reregistration
	r := Registration{WorkerConfig: d.WorkerConfig, Lifetime: w.Lifetime}
	if len(r.WorkerConfig) == 0 {
		r.WorkerConfig = json.RawMessage("{}")
	}
	return r, nil
}

// Remove implements Remover. The provisioner takes the machine away.
func (cloud) Remove(_ context.Context, w *Worker) error {
	if w.State != Stopped {
		w.State = Stopping
	}
	return nil
}
