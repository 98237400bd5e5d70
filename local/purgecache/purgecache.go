// Package purgecache is the purge-cache service: it keeps which caches of which worker pools
// are to be dropped when they are older than a given time.
package purgecache

import (
	"context"
	"math"
	"strings"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

const (
	bucket    = "purgecache/requests"
	pageLimit = 1000
	// keep is how long a request is shown: no worker is told to purge a cache later than that.
	keep = 24 * time.Hour
)

// Deps is what the service needs; all of it is required.
type Deps struct {
	Store *store.Store
	Clock func() time.Time
}

// Server is the service. It is safe for concurrent use; all its state is in the store.
type Server struct {
	store *store.Store
	clock func() time.Time
}

// New makes the service.
func New(d Deps) *Server { return &Server{store: d.Store, clock: d.Clock} }

// Service lists the service's methods.
func (s *Server) Service() api.Service {
	return api.Service{Name: "purge-cache", Handlers: map[string]api.Handler{
		"purgeCache":       s.purgeCache,
		"allPurgeRequests": s.allPurgeRequests,
		"purgeRequests":    s.purgeRequests,
	}}
}

// request is a purge request, as it is stored and shown.
type request struct {
	ProvisionerID string        `json:"provisionerId"`
	WorkerType    string        `json:"workerType"`
	CacheName     string        `json:"cacheName"`
	Before        tcclient.Time `json:"before"`
}

func (s *Server) purgeCache(ctx context.Context, r *api.Request) (any, error) {
	var q struct {
		CacheName string `json:"cacheName"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"cacheName": q.CacheName}); err != nil {
		return nil, err
	}
	pool := r.Params["workerPoolId"]
	provisionerID, workerType, ok := strings.Cut(pool, "/")
	if !ok {
		return nil, api.InputError("workerPoolId must have the form <provisionerId>/<workerType>")
	}
	purge := request{provisionerID, workerType, q.CacheName, tcclient.Time(s.clock())}
	return nil, s.store.Update(ctx, func(tx *store.Tx) error {
		return tx.Put(bucket, pool+"/"+q.CacheName, purge)
	})
}

// reply is what both lists answer.
type reply struct {
	Requests          []request `json:"requests"`
	ContinuationToken string    `json:"continuationToken,omitempty"`
}

func (s *Server) allPurgeRequests(ctx context.Context, r *api.Request) (any, error) {
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	return s.list(ctx, "", page, s.clock().Add(-keep))
}

// purgeRequests lists the requests of a pool, those before the query's since left out.
func (s *Server) purgeRequests(ctx context.Context, r *api.Request) (any, error) {
	oldest := s.clock().Add(-keep)
	if text := r.Query.Get("since"); text != "" {
		since, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, api.InputError("since must be an RFC 3339 date: %v", err)
		}
		if since.After(oldest) {
			oldest = since
		}
	}
	all := api.Page{Limit: math.MaxInt}
	return s.list(ctx, r.Params["workerPoolId"]+"/", all, oldest)
}

func (s *Server) list(ctx context.Context, prefix string, page api.Page, oldest time.Time) (reply, error) {
	return store.Read(ctx, s.store, func(tx *store.Tx) (reply, error) {
		recent := func(q request) bool { return !time.Time(q.Before).Before(oldest) }
		requests, token, err := api.List(tx, bucket, prefix, page, recent)
		return reply{requests, token}, err
	})
}
