package workermanager

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/workerkit/workerkit/local/store"
)

const (
	sweepEvery     = time.Minute
	errorRetention = 30 * 24 * time.Hour
)

// Run removes, once a minute until ctx ends, what is over: expired workers, old errors, and
// pools to be deleted that have no worker left. With clouds it provisions their pools as well.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { store.Every(ctx, sweepEvery, s.logger, s.Sweep) })
	if len(s.provisioning.Clouds) > 0 {
		wg.Go(func() { s.provisionUntil(ctx) })
	}
	wg.Wait()
	return nil
}

// Sweep does once what Run does every minute.
func (s *Server) Sweep(ctx context.Context) error {
	now := s.now()
	err := store.Expire(ctx, s.store, workerBucket, func(w Worker) bool {
		return !time.Time(w.Expires).After(now)
	})
	if err != nil {
		return err
	}
	err = store.Expire(ctx, s.store, errorBucket, func(e PoolError) bool {
		return now.Sub(time.Time(e.Reported)) > errorRetention
	})
	if err != nil {
		return err
	}
	idle, err := store.Read(ctx, s.store, idlePools)
	if err != nil || len(idle) == 0 {
		return err
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		idle, err := idlePools(tx) // again: a pool may have got its provider back
		if err != nil {
			return err
		}
		for _, id := range idle {
			if err := deletePool(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// deletePool deletes a pool and its launch configs.
func deletePool(tx *store.Tx, id string) error {
	stored, err := storedLaunchConfigs(tx, id)
	if err != nil {
		return err
	}
	for _, l := range stored {
		if err := tx.Delete(launchConfigBucket, l.key()); err != nil {
			return err
		}
	}
	return tx.Delete(poolBucket, id)
}

// idlePools are the pools to be deleted that have no worker left.
func idlePools(tx *store.Tx) (ids []string, err error) {
	alive := map[string]bool{}
	err = tx.Each(workerBucket, "", "", decode(func(_ string, w Worker) {
		if w.State != Stopped {
			alive[w.WorkerPoolID] = true
		}
	}))
	if err != nil {
		return nil, err
	}
	err = tx.Each(poolBucket, "", "", decode(func(id string, p Pool) {
		if p.ProviderID == nullProviderID && !alive[id] {
			ids = append(ids, id)
		}
	}))
	return ids, err
}

// decode makes a function for (*store.Tx).Each of one that takes decoded values.
func decode[T any](fn func(key string, v T)) func(string, []byte) (bool, error) {
	return func(key string, value []byte) (bool, error) {
		var v T
		if err := json.Unmarshal(value, &v); err != nil {
			return false, fmt.Errorf("worker-manager: decode %s: %w", key, err)
		}
		fn(key, v)
		return true, nil
	}
}
