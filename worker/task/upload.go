package task

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/tc"
)

// Uploaded says how a run ends whose artifact could not be made or uploaded: err is what
// internal/artifact or queue.createArtifact returned; nil stays nil.
func Uploaded(ctx context.Context, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, artifact.ErrChanged):
		return Failure("artifact %s: %w", name, err)
	case errors.Is(err, artifact.ErrName):
		return Malformed("artifact %s: %w", name, err)
	case errors.Is(err, artifact.ErrSpace):
		return Unavailable("artifact %s: %w. Have the task remove what it no longer needs, store the artifact with contentEncoding identity, which needs no copy, or use workers with a larger disk", name, err)
	case errors.Is(err, artifact.ErrUpload), tc.Temporary(err):
		return Unavailable("artifact %s: %w", name, err)
	}
	switch tc.Status(err) {
	case http.StatusConflict: // there is one of that name already, which differs
		return Malformed("artifact %s: %w", name, err)
	case http.StatusBadRequest: // a name or type that the queue does not take
		return Malformed("artifact %s: %w", name, err)
	default:
		return fmt.Errorf("artifact %s: %w", name, err)
	}
}
