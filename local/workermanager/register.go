package workermanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// clockSkew is how far back credentials start, for machines whose clock is late.
const clockSkew = 15 * time.Minute

// registerRequest is the body of registerWorker. Its systemBootTime only serves statistics of
// how long machines take to boot, which nobody keeps here.
type registerRequest struct {
	WorkerPoolID        string          `json:"workerPoolId"`
	ProviderID          string          `json:"providerId"`
	WorkerGroup         string          `json:"workerGroup"`
	WorkerID            string          `json:"workerId"`
	WorkerIdentityProof json.RawMessage `json:"workerIdentityProof"`
}

// reregisterRequest is the body of reregisterWorker.
type reregisterRequest struct {
	WorkerPoolID string        `json:"workerPoolId"`
	WorkerGroup  string        `json:"workerGroup"`
	WorkerID     string        `json:"workerId"`
	Secret       secret.String `json:"secret"`
}

// registration is the reply of both calls; reregisterWorker leaves workerConfig out.
type registration struct {
	Expires      tcclient.Time   `json:"expires"`
	Credentials  api.Credentials `json:"credentials"`
	WorkerConfig json.RawMessage `json:"workerConfig,omitempty"`
	Secret       string          `json:"secret"`
}

func (s *Server) registerWorker(ctx context.Context, r *api.Request) (any, error) {
	var q registerRequest
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	return store.Write(ctx, s.store, func(tx *store.Tx) (registration, error) {
		pool, w, err := s.candidate(tx, q)
		if err != nil {
			return registration{}, err
		}
		told, err := s.providers[q.ProviderID].Register(ctx, pool, &w, q.WorkerIdentityProof)
		if err != nil {
			return registration{}, err
		}
		reply, err := s.renew(tx, w, told.Lifetime)
		reply.WorkerConfig = told.WorkerConfig
		return reply, err
	})
}

// candidate finds who wants to register. The order of the checks is the reference's.
func (s *Server) candidate(tx *store.Tx, q registerRequest) (Pool, Worker, error) {
	pool, err := getPool(tx, q.WorkerPoolID)
	if err != nil {
		return pool, Worker{}, err
	}
	if _, ok := s.providers[q.ProviderID]; !ok {
		return pool, Worker{}, api.NotFound("Provider %s does not exist", q.ProviderID)
	}
	if !pool.hasProvider(q.ProviderID) {
		return pool, Worker{}, api.InputError("Worker pool %s not associated with provider %s", q.WorkerPoolID, q.ProviderID)
	}
	w, err := getWorker(tx, q.WorkerPoolID, q.WorkerGroup, q.WorkerID)
	if err != nil {
		return pool, w, err
	}
	if !time.Time(w.Expires).After(s.now()) {
		return pool, w, api.InputError("Worker %s/%s in worker pool %s has expired", q.WorkerGroup, q.WorkerID, q.WorkerPoolID)
	}
	if w.ProviderID != q.ProviderID {
		return pool, w, api.InputError("Worker %s/%s does not have provider %s", q.WorkerGroup, q.WorkerID, q.ProviderID)
	}
	return pool, w, nil
}

// renew stores w with a new secret, which voids the former one, and makes the reply.
func (s *Server) renew(tx *store.Tx, w Worker, lifetime time.Duration) (registration, error) {
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	now := s.now()
	expires := now.Add(lifetime)
	creds, err := s.issuer.Issue(serviceName, clientID(w), workerScopes(w), now.Add(-clockSkew), expires)
	if err != nil {
		return registration{}, fmt.Errorf("worker-manager: issue credentials for %s: %w", w.key(), err)
	}
	next := secret.New(slugid.V4() + slugid.V4())
	w.SecretHash, w.TerminateAfter = hash(next), tcclient.Time(expires)
	w.LastModified, w.LastChecked = tcclient.Time(now), tcclient.Time(now)
	if err := putWorker(tx, w); err != nil {
		return registration{}, err
	}
	return registration{Expires: tcclient.Time(expires), Credentials: creds, Secret: next.Reveal()}, nil
}

func clientID(w Worker) string { return "worker/" + w.ProviderID + "/" + w.key() }

// workerScopes are the scopes of a worker's credentials, in the reference's order.
func workerScopes(w Worker) []string {
	pool, worker := w.WorkerPoolID, w.WorkerGroup+"/"+w.WorkerID
	return []string{
		"assume:worker-type:" + pool,
		"assume:worker-pool:" + pool,
		"assume:worker-id:" + worker,
		"queue:worker-id:" + worker,
		"secrets:get:worker-type:" + pool,
		"secrets:get:worker-pool:" + pool,
		"queue:claim-work:" + pool,
		"worker-manager:remove-worker:" + w.key(),
		"worker-manager:reregister-worker:" + w.key(),
		"worker-manager:should-worker-terminate:" + w.key(),
	}
}

// reregisterWorker answers every wrong worker or secret alike, so that it tells nothing. The
// new credentials of a static worker live for the default time, whatever the pool says of the
// first ones.
func (s *Server) reregisterWorker(ctx context.Context, r *api.Request) (any, error) {
	var q reregisterRequest
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	err := r.Authorize(map[string]any{"workerPoolId": q.WorkerPoolID, "workerGroup": q.WorkerGroup, "workerId": q.WorkerID})
	if err != nil {
		return nil, err
	}
	refused := api.InputError("Could not generate credentials for this secret")
	return store.Write(ctx, s.store, func(tx *store.Tx) (registration, error) {
		w, err := getWorker(tx, q.WorkerPoolID, q.WorkerGroup, q.WorkerID)
		if errors.As(err, new(*api.Error)) {
			return registration{}, refused
		}
		if err != nil {
			return registration{}, err
		}
		alive := w.State == Running && time.Time(w.Expires).After(s.now())
		if !alive || !matches(q.Secret, w.SecretHash) {
			return registration{}, refused
		}
		return s.renew(tx, w, w.Lifetime)
	})
}
