package workermanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/store"
)

const (
	// stopTakes is how long a cloud takes to take a machine away: its runner, which may be the
	// one that asked for it, says its last words meanwhile.
	stopTakes = time.Second
	// renewRecord is what is left of a record when it is renewed.
	renewRecord = 7 * 24 * time.Hour
)

// checkWorkers moves every cloud's worker to the state that its machine and its time call for.
func (s *Server) checkWorkers(ctx context.Context) error {
	workers, configs, err := s.cloudWorkers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range workers {
		if err := s.checkWorker(ctx, w, lifecycleOf(configs[w.WorkerPoolID])); err != nil {
			errs = append(errs, fmt.Errorf("worker %s: %w", w.key(), err))
		}
	}
	return errors.Join(errs...)
}

// cloudWorkers lists the workers of clouds that have not stopped, and the configs of all pools.
func (s *Server) cloudWorkers(ctx context.Context) (workers []Worker, configs map[string]json.RawMessage, err error) {
	configs = map[string]json.RawMessage{}
	err = s.store.View(ctx, func(tx *store.Tx) error {
		err := tx.Each(workerBucket, "", "", decode(func(_ string, w Worker) {
			if _, ours := s.provisioning.Clouds[w.ProviderID]; ours && w.State != Stopped {
				workers = append(workers, w)
			}
		}))
		if err != nil {
			return err
		}
		return tx.Each(poolBucket, "", "", decode(func(id string, p Pool) { configs[id] = p.Config }))
	})
	return workers, configs, err
}

func (s *Server) checkWorker(ctx context.Context, w Worker, l lifecycle) error {
	key := machineKey(w)
	exists := s.provisioning.Host.Exists(key)
	active, err := s.lastActive(ctx, w)
	if err != nil && exists { // what is gone has stopped, whatever else is wrong
		return err
	}
	state, why := w.due(l, s.now(), active, exists)
	if state != w.State {
		s.logger.Info("worker changes its state", "worker", w.key(), "from", string(w.State), "to", string(state), "why", why)
	}
	switch state {
	case Stopped: // hands back first: a record that says stopped is never looked at again
		if err := s.handBack(ctx, w); err != nil {
			return err
		}
		return s.move(ctx, w, Stopped)
	case Stopping:
		if w.State != Stopping {
			err = s.move(ctx, w, Stopping)
		} else if s.now().Sub(time.Time(w.LastModified)) >= stopTakes {
			s.provisioning.Host.Delete(key)
		}
		return errors.Join(err, s.handBack(ctx, w))
	default:
		return s.keep(ctx, w)
	}
}

// lastActive is when a running worker last gave a sign of life: it registered, or asked for work.
func (s *Server) lastActive(ctx context.Context, w Worker) (time.Time, error) {
	if w.State != Running {
		return time.Time{}, nil
	}
	d, err := dataOf(w)
	if err != nil {
		return time.Time{}, err
	}
	active, err := s.provisioning.Queue.LastActive(ctx, w.WorkerPoolID, w.WorkerGroup, w.WorkerID)
	if registered := time.Time(d.Registered); registered.After(active) {
		active = registered
	}
	return active, err
}

// due is the state that a worker should be in now, and why.
func (w Worker) due(l lifecycle, now, active time.Time, exists bool) (State, string) {
	switch {
	case !exists:
		return Stopped, "its machine is gone"
	case w.State == Requested && now.Sub(time.Time(w.Created)) >= l.registration:
		return Stopping, "it did not register within registrationTimeout"
	case w.State == Running && !now.Before(time.Time(w.TerminateAfter)):
		return Stopping, "its credentials have expired"
	case w.State == Running && now.Sub(active) >= l.inactivity:
		return Stopping, "it did not claim work within queueInactivityTimeout"
	default:
		return w.State, ""
	}
}

func (s *Server) handBack(ctx context.Context, w Worker) error {
	return s.provisioning.Queue.ResolveClaimedBy(ctx, w.WorkerPoolID, w.WorkerGroup, w.WorkerID)
}

// move puts a worker into a state, unless somebody else has put it into another one meanwhile.
func (s *Server) move(ctx context.Context, seen Worker, to State) error {
	return s.store.Update(ctx, func(tx *store.Tx) error {
		var w Worker
		found, err := tx.Get(workerBucket, seen.key(), &w)
		if err != nil || !found || w.State != seen.State {
			return err
		}
		w.State, w.LastModified, w.LastChecked = to, tcclient.Time(s.now()), tcclient.Time(s.now())
		return putWorker(tx, w)
	})
}

// keep renews the record of a worker whose machine exists, about once a day.
func (s *Server) keep(ctx context.Context, seen Worker) error {
	now := s.now()
	if time.Time(seen.Expires).Sub(now) >= renewRecord {
		return nil
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		var w Worker
		found, err := tx.Get(workerBucket, seen.key(), &w)
		if err != nil || !found {
			return err
		}
		w.Expires, w.LastChecked = tcclient.Time(now.Add(keepRecord)), tcclient.Time(now)
		return putWorker(tx, w)
	})
}
