package workermanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/store"
)

const (
	provisionEvery = time.Second
	// afterFailure is how long a pool gets no machine after one could not be made.
	afterFailure = 30 * time.Second
	// keepRecord is how long the record of a cloud's worker lasts, and again from the time when
	// less than a week is left of it while the machine exists.
	keepRecord = 8 * 24 * time.Hour
)

// Queue is what provisioning needs of the queue service.
type Queue interface {
	// Load counts the tasks of a task queue that wait and those that are claimed.
	Load(ctx context.Context, taskQueueID string) (pending, claimed int, err error)
	// LastActive is when a worker last asked for work; zero when it never did.
	LastActive(ctx context.Context, workerPoolID, workerGroup, workerID string) (time.Time, error)
	// ResolveClaimedBy hands back what the worker has claimed.
	ResolveClaimedBy(ctx context.Context, workerPoolID, workerGroup, workerID string) error
}

// Provisioning is what worker-manager needs to make machines.
type Provisioning struct {
	Clouds  map[string]clouds.Cloud // by providerId
	Host    clouds.Host
	Queue   Queue
	RootURL func() string
	Every   time.Duration // between looks at everything when nothing is known to have happened; 1 s when 0
}

// Nudge has pools and machines looked at at once. It does not block.
func (s *Server) Nudge() {
	select {
	case s.nudged <- struct{}{}:
	default: // somebody else just did
	}
}

// provisionUntil provisions now and then, and after each Nudge, until ctx ends.
func (s *Server) provisionUntil(ctx context.Context) {
	ticker := time.NewTicker(cmp.Or(s.provisioning.Every, provisionEvery))
	defer ticker.Stop()
	for {
		if err := s.Provision(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("provisioning failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.nudged:
		}
	}
}

// Provision does once what Run does every second or so: it brings the records of workers in line
// with their machines, and makes the machines that pools need. It must not run twice at a time.
// What fails for one worker or pool keeps no other from its turn.
func (s *Server) Provision(ctx context.Context) error {
	errs := []error{s.checkWorkers(ctx)}
	pools, err := store.Read(ctx, s.store, func(tx *store.Tx) (found []Pool, err error) {
		err = tx.Each(poolBucket, "", "", decode(func(_ string, p Pool) {
			if _, ok := s.provisioning.Clouds[p.ProviderID]; ok {
				found = append(found, p)
			}
		}))
		return found, err
	})
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, pool := range pools {
		if err := s.provisionPool(ctx, pool); err != nil {
			errs = append(errs, fmt.Errorf("pool %s: %w", pool.WorkerPoolID, err))
		}
	}
	return errors.Join(errs...)
}

// provisionPool makes the machines that one pool needs.
func (s *Server) provisionPool(ctx context.Context, pool Pool) error {
	config, err := decodeCloudConfig(pool.Config)
	if err != nil {
		return err
	}
	if s.now().Before(s.pausedUntil[pool.WorkerPoolID]) {
		return nil
	}
	pending, claimed, err := s.provisioning.Queue.Load(ctx, pool.WorkerPoolID)
	if err != nil {
		return err
	}
	c, err := store.Read(ctx, s.store, func(tx *store.Tx) (counts, error) { return countWorkers(tx, pool.WorkerPoolID) })
	if err != nil {
		return err
	}
	desired := config.desired(pending, claimed)
	for capacity := c.RequestedCapacity + c.RunningCapacity; capacity < desired; {
		w, err := s.launch(ctx, pool)
		if err != nil {
			s.pausedUntil[pool.WorkerPoolID] = s.now().Add(afterFailure)
			return errors.Join(err, s.reportLaunch(ctx, w, err))
		}
		s.logger.Info("machine requested", "worker", w.key(), "provider", w.ProviderID, "pending", pending, "desiredCapacity", desired)
		capacity += w.Capacity
	}
	return nil
}

// launch makes one more machine of a pool. Its record is on the disk before it boots.
func (s *Server) launch(ctx context.Context, pool Pool) (Worker, error) {
	made := s.provisioning.Clouds[pool.ProviderID]
	w := Worker{WorkerPoolID: pool.WorkerPoolID, ProviderID: pool.ProviderID}
	now := s.now()
	m, err := made.Launch(clouds.Order{
		RootURL: s.provisioning.RootURL(), ProviderID: pool.ProviderID, WorkerPoolID: pool.WorkerPoolID, Config: pool.Config, Now: now,
	})
	if err != nil {
		return w, fmt.Errorf("launch a machine: %w", err)
	}
	w.WorkerGroup, w.WorkerID, w.LaunchConfigID = m.WorkerGroup, m.WorkerID, m.LaunchConfigID
	w.State, w.Capacity, w.Expires = Requested, max(m.Capacity, 1), tcclient.Time(now.Add(keepRecord))
	w.Created, w.LastModified, w.LastChecked = tcclient.Time(now), tcclient.Time(now), tcclient.Time(now)
	if err := w.setData(cloudData{Record: m.Record, WorkerConfig: m.WorkerConfig}); err != nil {
		return w, err
	}
	if err := s.store.Update(ctx, func(tx *store.Tx) error { return putWorker(tx, w) }); err != nil {
		return w, err
	}
	if err := s.provisioning.Host.Boot(ctx, machineKey(w), made, m.Record); err != nil {
		return w, errors.Join(fmt.Errorf("boot a machine: %w", err), s.move(ctx, w, Stopped))
	}
	return w, nil
}

// reportLaunch stores why a machine could not be made, for listWorkerPoolErrors.
func (s *Server) reportLaunch(ctx context.Context, w Worker, why error) error {
	e := PoolError{
		WorkerPoolID: w.WorkerPoolID, ErrorID: slugid.Nice(), Reported: tcclient.Time(s.now()),
		Kind: "creation-error", Title: "Instance Creation Error", Description: why.Error(),
		Extra: map[string]any{}, LaunchConfigID: w.LaunchConfigID,
	}
	return s.store.Update(ctx, func(tx *store.Tx) error { return tx.Put(errorBucket, e.key(), e) })
}

func machineKey(w Worker) clouds.Key {
	return clouds.Key{WorkerPoolID: w.WorkerPoolID, WorkerGroup: w.WorkerGroup, WorkerID: w.WorkerID}
}

// cloudProviders are the clouds as Providers.
func (s *Server) cloudProviders() map[string]Provider {
	providers := map[string]Provider{}
	for _, id := range slices.Sorted(maps.Keys(s.provisioning.Clouds)) {
		providers[id] = cloud{s.provisioning.Clouds[id], s.provisioning.RootURL, s.now}
	}
	return providers
}
