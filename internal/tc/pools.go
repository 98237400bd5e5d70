package tc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/internal/secret"
)

// Pools are the calls of whoever sets up worker pools. Errors are *Error.
type Pools struct {
	client *Client
	source Source
}

// Pools returns the calls of whoever sets up worker pools.
func (c *Client) Pools(source Source) Pools { return Pools{c, source} }

// Create makes a worker pool by worker-manager's definition of one.
func (p Pools) Create(ctx context.Context, pool string, definition json.RawMessage) error {
	return p.put(ctx, "workerManager.createWorkerPool", "/worker-pool/"+url.PathEscape(pool), definition)
}

// Update replaces the definition of a worker pool.
func (p Pools) Update(ctx context.Context, pool string, definition json.RawMessage) error {
	return p.send(ctx, "workerManager.updateWorkerPool", "POST", "/worker-pool/"+url.PathEscape(pool), definition)
}

// CreateStatic makes the record of a machine that somebody else starts, in a pool of the
// static provider. The machine proves itself by the secret.
func (p Pools) CreateStatic(ctx context.Context, pool, group, worker string, expires time.Time, shared secret.String) error {
	info, err := json.Marshal(map[string]string{"staticSecret": shared.Reveal()})
	if err != nil {
		return &Error{Op: "workerManager.createWorker", Err: err}
	}
	body, err := json.Marshal(tcworkermanager.WorkerCreationUpdateRequest{Capacity: 1, Expires: tcclient.Time(expires), ProviderInfo: info})
	if err != nil {
		return &Error{Op: "workerManager.createWorker", Err: err}
	}
	route := "/workers/" + url.PathEscape(pool) + "/" + url.PathEscape(group) + "/" + url.PathEscape(worker)
	return p.put(ctx, "workerManager.createWorker", route, body)
}

// Get returns the definition of a worker pool as worker-manager has it, every byte of it.
func (p Pools) Get(ctx context.Context, pool string) (json.RawMessage, error) {
	var reply json.RawMessage
	err := p.client.call(ctx, "workerManager.workerPool", "worker-manager", p.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(nil, "GET", "/worker-pool/"+url.PathEscape(pool), &reply, nil)
		return err
	})
	return reply, err
}

// List returns the definitions of all worker pools, as Get does.
func (p Pools) List(ctx context.Context) ([]json.RawMessage, error) {
	var all []json.RawMessage
	err := p.pages(ctx, "workerManager.listWorkerPools", "/worker-pools", url.Values{}, func(reply json.RawMessage) error {
		var page struct {
			WorkerPools []json.RawMessage `json:"workerPools"`
		}
		err := json.Unmarshal(reply, &page)
		all = append(all, page.WorkerPools...)
		return err
	})
	return all, err
}

// WorkerFilter chooses workers of a pool; what is empty chooses all.
type WorkerFilter struct {
	LaunchConfigID string
	State          string // requested, running, stopping, stopped
}

// Workers lists the workers of a pool that the filter chooses.
func (p Pools) Workers(ctx context.Context, pool string, filter WorkerFilter) ([]WorkerName, error) {
	query := url.Values{}
	for key, value := range map[string]string{"launchConfigId": filter.LaunchConfigID, "state": filter.State} {
		if value != "" {
			query.Set(key, value)
		}
	}
	var found []WorkerName
	err := p.pages(ctx, "workerManager.listWorkersForWorkerPool", "/workers/"+url.PathEscape(pool), query, func(reply json.RawMessage) error {
		var page struct {
			Workers []struct {
				WorkerGroup string `json:"workerGroup"`
				WorkerID    string `json:"workerId"`
			} `json:"workers"`
		}
		err := json.Unmarshal(reply, &page)
		for _, w := range page.Workers {
			found = append(found, WorkerName{Pool: pool, Group: w.WorkerGroup, ID: w.WorkerID})
		}
		return err
	})
	return found, err
}

// Running lists the workers of a pool that are running.
func (p Pools) Running(ctx context.Context, pool string) ([]WorkerName, error) {
	return p.Workers(ctx, pool, WorkerFilter{State: "running"})
}

// pages makes a call for each page of a list and gives take the replies.
func (p Pools) pages(ctx context.Context, op, route string, query url.Values, take func(json.RawMessage) error) error {
	for {
		var reply json.RawMessage
		err := p.client.call(ctx, op, "worker-manager", p.source, func(c tcclient.Client) error {
			_, _, err := c.APICall(nil, "GET", route, &reply, query)
			return err
		})
		if err != nil {
			return err
		}
		var next struct {
			ContinuationToken string `json:"continuationToken"`
		}
		if json.Unmarshal(reply, &next) != nil || take(reply) != nil {
			return &Error{Op: op, Status: http.StatusOK, Code: "BadReply", Message: "the reply is not the JSON that the API promises"}
		}
		if next.ContinuationToken == "" {
			return nil
		}
		query.Set("continuationToken", next.ContinuationToken)
	}
}

func (p Pools) put(ctx context.Context, op, route string, body json.RawMessage) error {
	return p.send(ctx, op, "PUT", route, body)
}

func (p Pools) send(ctx context.Context, op, method, route string, body json.RawMessage) error {
	return p.client.call(ctx, op, "worker-manager", p.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(body, method, route, new(json.RawMessage), nil)
		return err
	})
}
