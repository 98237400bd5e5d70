package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
)

// Lister are the queue's calls that fetching artifacts needs; tc.Tasks has them.
type Lister interface {
	Artifacts(ctx context.Context, taskID string, runID int64) ([]tc.ArtifactInfo, error)
	ArtifactURL(taskID string, runID int64, name string, valid time.Duration) (string, error)
}

// Download writes the artifacts of a run into dir, each under its own name, and returns those
// written. An artifact that stands for an error, or that points away from the deployment's
// own storage, is left out. Names that lead out of dir are refused.
func Download(ctx context.Context, queue Lister, client *http.Client, taskID string, runID int64, dir string) ([]tc.ArtifactInfo, error) {
	list, err := queue.Artifacts(ctx, taskID, runID)
	if err != nil {
		return nil, fmt.Errorf("download artifacts: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("download artifacts: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("download artifacts: %w", err)
	}
	defer root.Close()
	var written []tc.ArtifactInfo
	var errs []error
	for _, a := range list {
		if a.StorageType == "error" || a.StorageType == "reference" {
			continue
		}
		if err := download(ctx, queue, client, taskID, runID, a.Name, root); err != nil {
			errs = append(errs, fmt.Errorf("download %s: %w", a.Name, err))
			continue
		}
		written = append(written, a)
	}
	return written, errors.Join(errs...)
}

func download(ctx context.Context, queue Lister, client *http.Client, taskID string, runID int64, name string, root *os.Root) error {
	address, err := queue.ArtifactURL(taskID, runID, name, urlLife)
	if err != nil {
		return err
	}
	body, err := get(ctx, client, address)
	if err != nil {
		return err
	}
	defer body.Close()
	path := filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := root.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, body)
	return errors.Join(err, file.Close())
}

// withoutURL drops the URL, which may be signed, from an error of net/http.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
