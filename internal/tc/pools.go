package tc

import (
	"context"
	"encoding/json"
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

// Running lists the workers of a pool that are running, up to the 1000 that fit into one reply.
func (p Pools) Running(ctx context.Context, pool string) ([]WorkerName, error) {
	var reply struct {
		Workers []struct {
			WorkerGroup string `json:"workerGroup"`
			WorkerID    string `json:"workerId"`
		} `json:"workers"`
	}
	err := p.client.call(ctx, "workerManager.listWorkersForWorkerPool", "worker-manager", p.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(nil, "GET", "/workers/"+url.PathEscape(pool), &reply, url.Values{"state": {"running"}})
		return err
	})
	var found []WorkerName
	for _, w := range reply.Workers {
		found = append(found, WorkerName{Pool: pool, Group: w.WorkerGroup, ID: w.WorkerID})
	}
	return found, err
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
