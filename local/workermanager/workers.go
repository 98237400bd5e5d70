package workermanager

import (
	"context"
	"encoding/json"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// workerReply is a worker as the API shows it: the record without its secrets.
type workerReply struct {
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

	LaunchConfigID string `json:"launchConfigId,omitempty"`
}

func replyWorker(w Worker) workerReply {
	return workerReply{
		WorkerPoolID: w.WorkerPoolID, WorkerGroup: w.WorkerGroup, WorkerID: w.WorkerID,
		ProviderID: w.ProviderID, Created: w.Created, Expires: w.Expires, State: w.State,
		Capacity: w.Capacity, LastModified: w.LastModified, LastChecked: w.LastChecked, LaunchConfigID: w.LaunchConfigID,
	}
}

// workerRequest is the body of createWorker and updateWorker.
type workerRequest struct {
	Expires      tcclient.Time   `json:"expires"`
	Capacity     int             `json:"capacity"`
	ProviderInfo json.RawMessage `json:"providerInfo"`
}

func (s *Server) createWorker(ctx context.Context, r *api.Request) (any, error) {
	return s.setUpWorker(ctx, r, func(tx *store.Tx, pool Pool) (Worker, error) {
		w := Worker{
			WorkerPoolID: pool.WorkerPoolID, WorkerGroup: r.Params["workerGroup"],
			WorkerID: r.Params["workerId"], ProviderID: pool.ProviderID,
		}
		found, err := tx.Get(workerBucket, w.key(), &Worker{})
		if err == nil && found {
			err = api.Conflict("Worker already exists")
		}
		return w, err
	})
}

func (s *Server) updateWorker(ctx context.Context, r *api.Request) (any, error) {
	return s.setUpWorker(ctx, r, func(tx *store.Tx, pool Pool) (Worker, error) {
		return getWorker(tx, pool.WorkerPoolID, r.Params["workerGroup"], r.Params["workerId"])
	})
}

// setUpWorker makes or changes the worker that find gives, in one transaction.
func (s *Server) setUpWorker(ctx context.Context, r *api.Request, find func(*store.Tx, Pool) (Worker, error)) (any, error) {
	var q workerRequest
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	now := s.now()
	if !time.Time(q.Expires).After(now) {
		return nil, api.InputError("worker.expires must be in the future")
	}
	return store.Write(ctx, s.store, func(tx *store.Tx) (workerReply, error) {
		pool, err := getPool(tx, r.Params["workerPoolId"])
		if err != nil {
			return workerReply{}, err
		}
		w, err := find(tx, pool)
		if err != nil {
			return workerReply{}, err
		}
		creator, ok := s.providers[w.ProviderID].(Creator)
		if !ok {
			return workerReply{}, api.InputError("Provider %s does not support creating workers", w.ProviderID)
		}
		if err := creator.SetUp(&w, q.ProviderInfo); err != nil {
			return workerReply{}, err
		}
		w.apply(q, tcclient.Time(now))
		return replyWorker(w), putWorker(tx, w)
	})
}

// apply takes over what a request says of a new or changed worker.
func (w *Worker) apply(q workerRequest, now tcclient.Time) {
	w.Expires, w.Capacity = q.Expires, max(q.Capacity, 1)
	w.LastModified, w.LastChecked = now, now
	if time.Time(w.Created).IsZero() {
		w.Created = now
	}
}

func (s *Server) removeWorker(ctx context.Context, r *api.Request) (any, error) {
	defer s.Nudge()
	_, err := s.changeWorker(ctx, r.Params, func(w *Worker) error {
		remover, ok := s.providers[w.ProviderID].(Remover)
		if !ok {
			return api.InputError("Provider %s does not support removing workers", w.ProviderID)
		}
		return remover.Remove(ctx, w)
	})
	return nil, err
}

// changeWorker changes the worker of the route.
func (s *Server) changeWorker(ctx context.Context, params map[string]string, change func(*Worker) error) (Worker, error) {
	return store.Write(ctx, s.store, func(tx *store.Tx) (Worker, error) {
		w, err := getWorker(tx, params["workerPoolId"], params["workerGroup"], params["workerId"])
		if err != nil {
			return w, err
		}
		if err := change(&w); err != nil {
			return w, err
		}
		w.LastModified = tcclient.Time(s.now())
		return w, putWorker(tx, w)
	})
}

// routeWorker reads the worker of the route.
func (s *Server) routeWorker(ctx context.Context, r *api.Request) (Worker, error) {
	return store.Read(ctx, s.store, func(tx *store.Tx) (Worker, error) {
		return getWorker(tx, r.Params["workerPoolId"], r.Params["workerGroup"], r.Params["workerId"])
	})
}

func (s *Server) worker(ctx context.Context, r *api.Request) (any, error) {
	w, err := s.routeWorker(ctx, r)
	return replyWorker(w), err
}

func (s *Server) shouldWorkerTerminate(ctx context.Context, r *api.Request) (any, error) {
	w, err := s.routeWorker(ctx, r)
	reason := w.TerminateReason
	if reason == "" {
		reason = "none"
	}
	return map[string]any{"terminate": w.Terminate, "reason": reason}, err
}

// SetTerminate sets what shouldWorkerTerminate answers for a worker.
func (s *Server) SetTerminate(ctx context.Context, workerPoolID, workerGroup, workerID string, terminate bool, reason string) error {
	params := map[string]string{"workerPoolId": workerPoolID, "workerGroup": workerGroup, "workerId": workerID}
	_, err := s.changeWorker(ctx, params, func(w *Worker) error {
		w.Terminate, w.TerminateReason = terminate, reason
		return nil
	})
	return err
}

// workerList is the reply of the calls that list workers.
type workerList struct {
	Workers           []workerReply `json:"workers"`
	ContinuationToken string        `json:"continuationToken,omitempty"`
}

func (s *Server) listWorkersForWorkerPool(ctx context.Context, r *api.Request) (any, error) {
	return s.workers(ctx, r, r.Params["workerPoolId"], "state")
}

func (s *Server) listWorkersForWorkerGroup(ctx context.Context, r *api.Request) (any, error) {
	return s.workers(ctx, r, r.Params["workerPoolId"]+"/"+r.Params["workerGroup"], "")
}

// workers is a page of the workers under a pool or group; stateKey is the query's state filter.
func (s *Server) workers(ctx context.Context, r *api.Request, under, stateKey string) (workerList, error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return workerList{}, err
	}
	state, launchConfigID := State(r.Query.Get(stateKey)), r.Query.Get("launchConfigId")
	return store.Read(ctx, s.store, func(tx *store.Tx) (workerList, error) {
		found, token, err := api.List(tx, workerBucket, under+"/", page, func(w Worker) bool {
			return (state == "" || w.State == state) && (launchConfigID == "" || w.LaunchConfigID == launchConfigID)
		})
		out := workerList{[]workerReply{}, token}
		for _, w := range found {
			out.Workers = append(out.Workers, replyWorker(w))
		}
		return out, err
	})
}

// listWorkers is the older form of listWorkersForWorkerPool, with less about each worker.
func (s *Server) listWorkers(ctx context.Context, r *api.Request) (any, error) {
	type worker struct {
		WorkerPoolID string `json:"workerPoolId"`
		WorkerGroup  string `json:"workerGroup"`
		WorkerID     string `json:"workerId"`
		ProviderID   string `json:"providerId"`
		State        State  `json:"state"`
		Capacity     int    `json:"capacity"`
	}
	type reply struct {
		Workers           []worker `json:"workers"`
		ContinuationToken string   `json:"continuationToken,omitempty"`
	}
	list, err := s.workers(ctx, r, r.Params["provisionerId"]+"/"+r.Params["workerType"], "workerState")
	out := reply{[]worker{}, list.ContinuationToken}
	for _, w := range list.Workers {
		out.Workers = append(out.Workers, worker{w.WorkerPoolID, w.WorkerGroup, w.WorkerID, w.ProviderID, w.State, w.Capacity})
	}
	return out, err
}
