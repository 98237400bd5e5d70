package workermanager

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// pageLimit is the most that one reply lists.
const pageLimit = 1000

// counts are a pool's workers by state, as the API tells them.
type counts struct {
	CurrentCapacity   int `json:"currentCapacity"`
	RequestedCount    int `json:"requestedCount"`
	RequestedCapacity int `json:"requestedCapacity"`
	RunningCount      int `json:"runningCount"`
	RunningCapacity   int `json:"runningCapacity"`
	StoppingCount     int `json:"stoppingCount"`
	StoppingCapacity  int `json:"stoppingCapacity"`
	StoppedCount      int `json:"stoppedCount"`
	StoppedCapacity   int `json:"stoppedCapacity"`
}

func (c *counts) add(w Worker) {
	count, capacity := &c.RunningCount, &c.RunningCapacity
	switch w.State {
	case Requested:
		count, capacity = &c.RequestedCount, &c.RequestedCapacity
	case Running:
	case Stopping:
		count, capacity = &c.StoppingCount, &c.StoppingCapacity
	case Stopped:
		count, capacity = &c.StoppedCount, &c.StoppedCapacity
	}
	*count++
	*capacity += w.Capacity
	if w.State != Stopped {
		c.CurrentCapacity += w.Capacity
	}
}

func countWorkers(tx *store.Tx, pool string) (counts, error) {
	var c counts
	err := tx.Each(workerBucket, pool+"/", "", decode(func(_ string, w Worker) { c.add(w) }))
	return c, err
}

// poolReply is a pool as the API shows it.
type poolReply struct {
	WorkerPoolID string          `json:"workerPoolId"`
	ProviderID   string          `json:"providerId"`
	Description  string          `json:"description"`
	Created      tcclient.Time   `json:"created"`
	LastModified tcclient.Time   `json:"lastModified"`
	Config       json.RawMessage `json:"config"`
	Owner        string          `json:"owner"`
	EmailOnError bool            `json:"emailOnError"`
	counts
}

func replyPool(tx *store.Tx, p Pool) (poolReply, error) {
	c, err := countWorkers(tx, p.WorkerPoolID)
	return poolReply{
		WorkerPoolID: p.WorkerPoolID, ProviderID: p.ProviderID, Description: p.Description,
		Created: p.Created, LastModified: p.LastModified, Config: p.Config,
		Owner: p.Owner, EmailOnError: p.EmailOnError, counts: c,
	}, err
}

// poolRequest is the body of createWorkerPool and updateWorkerPool.
type poolRequest struct {
	WorkerPoolID string          `json:"workerPoolId"`
	ProviderID   string          `json:"providerId"`
	Description  string          `json:"description"`
	Config       json.RawMessage `json:"config"`
	Owner        string          `json:"owner"`
	EmailOnError bool            `json:"emailOnError"`
}

// readPool reads the body and checks what scopes and schemas of the framework cannot.
func (s *Server) readPool(r *api.Request) (poolRequest, error) {
	var q poolRequest
	if err := r.Decode(&q); err != nil {
		return q, err
	}
	if err := r.Authorize(map[string]any{"providerId": q.ProviderID}); err != nil {
		return q, err
	}
	if id := r.Params["workerPoolId"]; q.WorkerPoolID != "" && q.WorkerPoolID != id {
		return q, api.InputError("Incorrect workerPoolId in request body")
	}
	provider, ok := s.providers[q.ProviderID]
	if !ok {
		return q, api.InputError("Invalid Provider %s: the providers here are %v", q.ProviderID, s.providerIDs())
	}
	_, ofCloud := provider.(cloud)
	if err := provider.ValidateConfig(q.Config); err != nil {
		if ofCloud {
			err = errors.Join(err, misplaced(q.Config))
		}
		return q, &api.Error{Status: 400, Code: "InputValidationError", Message: err.Error()}
	}
	if ofCloud {
		named, err := nameLaunchConfigs(q.Config)
		if err != nil {
			return q, &api.Error{Status: 400, Code: "InputValidationError", Message: err.Error()}
		}
		q.Config = named
	}
	return q, nil
}

func (s *Server) providerIDs() []string { return slices.Sorted(maps.Keys(s.providers)) }

func (s *Server) createWorkerPool(ctx context.Context, r *api.Request) (any, error) {
	q, err := s.readPool(r)
	if err != nil {
		return nil, err
	}
	now := tcclient.Time(s.now())
	pool := Pool{
		WorkerPoolID: r.Params["workerPoolId"], ProviderID: q.ProviderID, Description: q.Description,
		Created: now, LastModified: now, Config: q.Config, Owner: q.Owner, EmailOnError: q.EmailOnError,
	}
	defer s.Nudge()
	return store.Write(ctx, s.store, func(tx *store.Tx) (poolReply, error) {
		found, err := tx.Get(poolBucket, pool.WorkerPoolID, &Pool{})
		if err != nil {
			return poolReply{}, err
		}
		if found {
			return poolReply{}, api.Conflict("Worker pool already exists")
		}
		if err := putPool(tx, pool); err != nil {
			return poolReply{}, err
		}
		return replyPool(tx, pool)
	})
}

func (s *Server) updateWorkerPool(ctx context.Context, r *api.Request) (any, error) {
	q, err := s.readPool(r)
	if err != nil {
		return nil, err
	}
	return s.changePool(ctx, r.Params["workerPoolId"], func(p *Pool) {
		p.moveTo(q.ProviderID)
		p.Description, p.Config, p.Owner, p.EmailOnError = q.Description, q.Config, q.Owner, q.EmailOnError
	})
}

func (s *Server) deleteWorkerPool(ctx context.Context, r *api.Request) (any, error) {
	return s.changePool(ctx, r.Params["workerPoolId"], func(p *Pool) { p.moveTo(nullProviderID) })
}

func (s *Server) changePool(ctx context.Context, id string, change func(*Pool)) (any, error) {
	defer s.Nudge()
	return store.Write(ctx, s.store, func(tx *store.Tx) (poolReply, error) {
		pool, err := getPool(tx, id)
		if err != nil {
			return poolReply{}, err
		}
		change(&pool)
		pool.LastModified = tcclient.Time(s.now())
		if err := putPool(tx, pool); err != nil {
			return poolReply{}, err
		}
		return replyPool(tx, pool)
	})
}

// moveTo makes id the pool's provider; the workers of the former one may go on registering.
func (p *Pool) moveTo(id string) {
	if p.ProviderID == id {
		return
	}
	if !slices.Contains(p.PreviousProviderIDs, p.ProviderID) {
		p.PreviousProviderIDs = append(p.PreviousProviderIDs, p.ProviderID)
	}
	p.ProviderID = id
}

func (s *Server) workerPool(ctx context.Context, r *api.Request) (any, error) {
	return store.Read(ctx, s.store, func(tx *store.Tx) (poolReply, error) {
		pool, err := getPool(tx, r.Params["workerPoolId"])
		if err != nil {
			return poolReply{}, err
		}
		return replyPool(tx, pool)
	})
}

func (s *Server) listWorkerPools(ctx context.Context, r *api.Request) (any, error) {
	type reply struct {
		WorkerPools       []poolReply `json:"workerPools"`
		ContinuationToken string      `json:"continuationToken,omitempty"`
	}
	pools, token, err := s.pools(ctx, r)
	return reply{pools, token}, err
}

func (s *Server) listWorkerPoolsStats(ctx context.Context, r *api.Request) (any, error) {
	type stats struct {
		WorkerPoolID string `json:"workerPoolId"`
		counts
	}
	type reply struct {
		WorkerPoolsStats  []stats `json:"workerPoolsStats"`
		ContinuationToken string  `json:"continuationToken,omitempty"`
	}
	pools, token, err := s.pools(ctx, r)
	out := reply{[]stats{}, token}
	for _, p := range pools {
		out.WorkerPoolsStats = append(out.WorkerPoolsStats, stats{p.WorkerPoolID, p.counts})
	}
	return out, err
}

// pools is a page of all pools.
func (s *Server) pools(ctx context.Context, r *api.Request) (replies []poolReply, token string, err error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, "", err
	}
	replies = []poolReply{}
	err = s.store.View(ctx, func(tx *store.Tx) error {
		var pools []Pool
		if pools, token, err = api.List[Pool](tx, poolBucket, "", page, nil); err != nil {
			return err
		}
		for _, p := range pools {
			reply, err := replyPool(tx, p)
			if err != nil {
				return err
			}
			replies = append(replies, reply)
		}
		return nil
	})
	return replies, token, err
}

func (s *Server) listProviders(_ context.Context, _ *api.Request) (any, error) {
	type provider struct {
		ProviderID   string `json:"providerId"`
		ProviderType string `json:"providerType"`
	}
	type reply struct {
		Providers []provider `json:"providers"`
	}
	out := reply{[]provider{}}
	for _, id := range s.providerIDs() {
		if id != nullProviderID {
			out.Providers = append(out.Providers, provider{id, s.providers[id].Type()})
		}
	}
	return out, nil
}
