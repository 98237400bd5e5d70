package workermanager

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/taskcluster/slugid-go/slugid"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// PoolError is an error of a worker pool, as it is stored and as the API shows it.
type PoolError struct {
	WorkerPoolID   string         `json:"workerPoolId"`
	ErrorID        string         `json:"errorId"`
	Reported       tcclient.Time  `json:"reported"`
	Kind           string         `json:"kind"`
	Title          string         `json:"title"`
	Description    string         `json:"description"`
	Extra          map[string]any `json:"extra"`
	LaunchConfigID string         `json:"launchConfigId,omitempty"`
}

// key sorts the newest of a pool first.
func (e PoolError) key() string {
	return fmt.Sprintf("%s/%016x/%s", e.WorkerPoolID, math.MaxInt64-time.Time(e.Reported).UnixMilli(), e.ErrorID)
}

func (s *Server) reportWorkerError(ctx context.Context, r *api.Request) (any, error) {
	var q struct {
		WorkerGroup string         `json:"workerGroup"`
		WorkerID    string         `json:"workerId"`
		Kind        string         `json:"kind"`
		Title       string         `json:"title"`
		Description string         `json:"description"`
		Extra       map[string]any `json:"extra"`
	}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if err := r.Authorize(map[string]any{"workerGroup": q.WorkerGroup, "workerId": q.WorkerID}); err != nil {
		return nil, err
	}
	e := PoolError{
		WorkerPoolID: r.Params["workerPoolId"], ErrorID: slugid.Nice(), Reported: tcclient.Time(s.now()),
		Kind: q.Kind, Title: q.Title, Description: q.Description, Extra: q.Extra,
	}
	e.Extra["workerGroup"], e.Extra["workerId"] = q.WorkerGroup, q.WorkerID
	return store.Write(ctx, s.store, func(tx *store.Tx) (PoolError, error) {
		if _, err := getPool(tx, e.WorkerPoolID); err != nil {
			return e, err
		}
		return e, tx.Put(errorBucket, e.key(), e)
	})
}

func (s *Server) listWorkerPoolErrors(ctx context.Context, r *api.Request) (any, error) {
	type reply struct {
		WorkerPoolErrors  []PoolError `json:"workerPoolErrors"`
		ContinuationToken string      `json:"continuationToken,omitempty"`
	}
	page, err := api.PageOf(r.Query, pageLimit)
	if err != nil {
		return nil, err
	}
	errorID, launchConfigID := r.Query.Get("errorId"), r.Query.Get("launchConfigId")
	return store.Read(ctx, s.store, func(tx *store.Tx) (reply, error) {
		list, token, err := api.List(tx, errorBucket, r.Params["workerPoolId"]+"/", page, func(e PoolError) bool {
			return (errorID == "" || e.ErrorID == errorID) && (launchConfigID == "" || e.LaunchConfigID == launchConfigID)
		})
		return reply{list, token}, err
	})
}

// totals count the errors of the last seven days.
type totals struct {
	Total        int            `json:"total"`
	Daily        map[string]int `json:"daily"`
	Hourly       map[string]int `json:"hourly"` // of the last 24 hours
	Title        map[string]int `json:"title"`
	Code         map[string]int `json:"code"`
	LaunchConfig map[string]int `json:"launchConfig"`
	WorkerPool   map[string]int `json:"workerPool"`
}

func (t *totals) add(e PoolError, age time.Duration) {
	reported := time.Time(e.Reported).UTC()
	t.Total++
	t.Daily[reported.Format(time.DateOnly)]++
	if age < 24*time.Hour {
		t.Hourly[tcclient.Time(reported.Truncate(time.Hour)).String()]++
	}
	code, _ := e.Extra["code"].(string)
	t.Title[e.Title]++
	t.Code[cmp.Or(code, "other")]++
	t.LaunchConfig[cmp.Or(e.LaunchConfigID, "unknown")]++
	t.WorkerPool[e.WorkerPoolID]++
}

// workerPoolErrorStats counts the errors of the pool in the query, or of all pools.
func (s *Server) workerPoolErrorStats(ctx context.Context, r *api.Request) (any, error) {
	type reply struct {
		WorkerPoolID string `json:"workerPoolId"`
		Totals       totals `json:"totals"`
	}
	pool := r.Query.Get("workerPoolId")
	if err := r.Authorize(map[string]any{"workerPoolId": pool}); err != nil {
		return nil, err
	}
	out := reply{pool, totals{
		Daily: map[string]int{}, Hourly: map[string]int{}, Title: map[string]int{},
		Code: map[string]int{}, LaunchConfig: map[string]int{}, WorkerPool: map[string]int{},
	}}
	prefix := ""
	if pool != "" {
		prefix = pool + "/"
	}
	now := s.now()
	err := s.store.View(ctx, func(tx *store.Tx) error {
		return tx.Each(errorBucket, prefix, "", decode(func(_ string, e PoolError) {
			if age := now.Sub(time.Time(e.Reported)); age < 7*24*time.Hour {
				out.Totals.add(e, age)
			}
		}))
	})
	return out, err
}
