package chainoftrust

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	// additionalFile is where commands leave what the certificate says besides.
	additionalFile = "chain-of-trust-additional-data.json"
	// longest is how many bytes of it are taken: it is read into memory.
	longest = 1 << 20
)

// additional is what the commands want the certificate to say; nil when there is nothing.
func additional(ctx context.Context, result engines.Result) ([]byte, error) {
	file, err := result.OpenFile(ctx, additionalFile)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	default:
		return nil, task.Failure("%s: it cannot be read: %w", additionalFile, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, longest+1))
	switch {
	case err != nil:
		return nil, task.Failure("%s: it cannot be read: %w", additionalFile, err)
	case len(text) > longest:
		return nil, task.Failure("%s: it is longer than the %d bytes that are taken", additionalFile, longest)
	case len(text) == 0:
		return nil, task.Failure("%s: it is empty; write a JSON object, or no such file", additionalFile)
	}
	return text, nil
}
