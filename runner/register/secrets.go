package register

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/internal/tc"
)

// Secret is the value of a secret with worker config.
type Secret struct {
	Name  string
	Value json.RawMessage
}

// Secrets fetches the worker pool's secrets, lowest layer first: that of the older name, which
// the worker may not be allowed to see, then that of the pool. Those that do not exist are
// left out.
func (s *Session) Secrets(ctx context.Context) ([]Secret, error) {
	names := []string{"worker-type:" + s.name.Pool, "worker-pool:" + s.name.Pool}
	values := make([]json.RawMessage, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() (err error) {
			values[i], err = s.client.Secrets(s.Credentials).Get(ctx, name)
			status := tc.Status(err)
			if status == http.StatusNotFound || (i == 0 && status == http.StatusForbidden) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("secret %s: %w", name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var found []Secret
	for i, value := range values {
		if value != nil {
			found = append(found, Secret{names[i], value})
		}
	}
	return found, nil
}
