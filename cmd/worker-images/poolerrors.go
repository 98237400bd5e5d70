package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/packer/pools"
)

// explain adds to an error of worker-manager what to do next.
func explain(ctx context.Context, manager tc.Pools, err error, pool, provider string) error {
	e, ok := errors.AsType[*tc.Error](err)
	switch {
	case !ok || ctx.Err() != nil:
		return err
	case e.Status == http.StatusForbidden:
		return fmt.Errorf("%w; it needs %s", err, scopes(e.Op, pool, provider))
	case e.Status == http.StatusUnauthorized:
		return fmt.Errorf("%w; look at TASKCLUSTER_CLIENT_ID, TASKCLUSTER_ACCESS_TOKEN and TASKCLUSTER_CERTIFICATE", err)
	case e.Status == http.StatusNotFound:
		return errors.New("there is no such worker pool" + near(ctx, manager, pool))
	case e.Status == 0:
		return fmt.Errorf("%w; does TASKCLUSTER_ROOT_URL name the deployment?", err)
	}
	return err
}

// scopes are those that a call needs.
func scopes(op, pool, provider string) string {
	switch strings.TrimPrefix(op, "workerManager.") {
	case "updateWorkerPool":
		return "the scopes worker-manager:manage-worker-pool:" + pool + " and worker-manager:provider:" + provider
	case "listWorkersForWorkerPool":
		return "the scope worker-manager:list-workers:" + pool
	case "listWorkerPools":
		return "the scope worker-manager:list-worker-pools"
	default:
		return "the scope worker-manager:get-worker-pool:" + pool
	}
}

// near names the pool that was perhaps meant.
func near(ctx context.Context, manager tc.Pools, pool string) string {
	all, err := manager.List(ctx)
	if err != nil {
		return "" // it is only a hint
	}
	var ids []string
	for _, data := range all {
		if d, err := pools.Decode(data); err == nil {
			ids = append(ids, d.Pool)
		}
	}
	if one, ok := nearest.Name(pool, ids); ok {
		return "; perhaps you meant " + one
	}
	return ""
}
