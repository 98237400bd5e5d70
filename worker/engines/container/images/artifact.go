package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
)

// repository is the name that images of artifacts get, with a tag of their own each. Its host is one
// that no registry has.
const repository = "localhost/workerkit/image"

// nameOf is the name of the image of a content.
func nameOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return repository + ":" + hex.EncodeToString(sum[:16])
}

// artifact has the image that is an artifact.
func (s *Store) artifact(ctx context.Context, ref Ref, run *task.Run) (Image, error) {
	if ref.TaskID != "" && !isDependency(run, ref.TaskID) {
		return Image{}, task.Malformed("payload.image: the task %s, whose artifact it is, must be among the task's dependencies: add it to task.dependencies", ref.TaskID)
	}
	wanted := fetch.Content{TaskID: ref.TaskID, Namespace: ref.Namespace, Artifact: ref.Path}
	as := fetch.Access{Credentials: run.Credentials, Log: func(format string, args ...any) { run.Log.Info("[d2g] "+format, args...) }}
	content, err := s.Artifacts.Resolve(ctx, wanted, as)
	if err == nil && !strings.HasPrefix(content.Artifact, "public/") {
		// What was loaded for another task is for those who may get the artifact themselves.
		err = s.Artifacts.Allowed(ctx, content, as)
	}
	if err != nil {
		return Image{}, unfetched(err)
	}
	f, err := s.cached(ctx, content.Key())
	if err != nil {
		return Image{}, err
	}
	if f.id != "" {
		run.Log.Info("[d2g] Using cached docker image %q with ID %s", f.name, f.id)
		return s.image(f), nil
	}
	f, err = s.share(ctx, content.Key(), run, func(ctx context.Context, f *flight) (found, error) { return s.fetch(ctx, content, f) })
	if err != nil {
		return Image{}, err
	}
	return s.image(f), nil
}

// cached holds the image of a content that was loaded earlier and is still in the engine; without
// one, its id is "".
func (s *Store) cached(ctx context.Context, content string) (found, error) {
	s.mu.Lock()
	sum, r := s.known(content)
	s.mu.Unlock()
	return s.recorded(ctx, sum, r)
}

func (s *Store) recorded(ctx context.Context, sum string, r *record) (found, error) {
	if r == nil {
		return found{}, nil
	}
	id, err := s.acquire(ctx, r.ID)
	if err != nil {
		return found{}, s.engineTrouble(err)
	}
	return found{id: id, name: r.Name, sha256: sum}, nil
}

// fetch downloads an artifact and has the engine load it meanwhile.
func (s *Store) fetch(ctx context.Context, content fetch.Content, f *flight) (found, error) {
	file, err := s.Files.Get(ctx, content, f.access())
	if err != nil {
		return found{}, unfetched(err)
	}
	defer file.Release()
	if got, err := s.same(ctx, content, file, f); err != nil || got.id != "" {
		return got, err
	}
	f.info("Loading docker image from %s", content)
	got := found{name: nameOf(content.Key())}
	err = s.loadFrom(ctx, file, got.name, f)
	if errors.Is(err, fetch.ErrChanged) { // what comes next is from a complete file
		if _, err := file.Wait(ctx); err != nil {
			return found{}, unfetched(err)
		}
		err = s.loadFrom(ctx, file, got.name, f)
	}
	if err == nil {
		err = s.whole(ctx, got.name)
	}
	if err != nil {
		s.withdraw(ctx, got.name)
		return found{}, s.unloaded(content, err)
	}
	info, err := file.Wait(ctx)
	if err != nil {
		return found{}, unfetched(err)
	}
	got.sha256 = info.SHA256
	if got.id, err = s.acquire(ctx, got.name); err != nil {
		return found{}, s.engineTrouble(err)
	}
	if got.id == "" {
		return found{}, task.Malformed("payload.image: the engine found no image in %s: make it by docker save", content)
	}
	s.remember(got.sha256, got, content.Key())
	f.info("Loaded docker image %q with ID %s, from %d bytes with SHA256 %s", got.name, got.id, info.Size, got.sha256)
	return got, nil
}

// whole is an error when the engine has loaded an image without what it is made of, as containerd does.
func (s *Store) whole(ctx context.Context, name string) error {
	found, err := s.API.ImageInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil // it is said later
	}
	if err == nil && found.Os == "" && len(found.RootFS.Layers) == 0 {
		err = damaged{errors.New("the archive lacks parts of the image: run the task that makes it again")}
	}
	return err
}

// withdraw removes what an engine has kept of an image that it could not load.
func (s *Store) withdraw(ctx context.Context, name string) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer done()
	_, err := s.API.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
	if err != nil && !errdefs.IsNotFound(err) {
		s.Logger.Warn("images: an image that could not be loaded may be left", "image", name, "error", err)
	}
}

// same holds an image that was loaded from the same bytes: by an earlier worker or for an artifact of
// another task. Only a file that is here already is known well enough.
func (s *Store) same(ctx context.Context, content fetch.Content, file *filecache.File, f *flight) (found, error) {
	now, cancel := context.WithCancel(ctx)
	cancel()
	info, err := file.Wait(now)
	if err != nil {
		return found{}, nil //nolint:nilerr // it is on its way
	}
	s.mu.Lock()
	r := s.records[info.SHA256]
	s.mu.Unlock()
	got, err := s.recorded(ctx, info.SHA256, r)
	if err == nil && got.id != "" {
		s.remember(info.SHA256, got, content.Key())
		f.info("Using cached docker image %q with ID %s", got.name, got.id)
	}
	return got, err
}

// unfetched says how a run ends whose image cannot be downloaded. The text says what to do.
func unfetched(err error) error {
	switch status := tc.Status(err); {
	case status >= http.StatusBadRequest && !tc.Temporary(err):
		return task.Malformed("payload.image: %w", err)
	case errors.Is(err, fetch.ErrMismatch):
		return task.Malformed("payload.image: %w", err)
	case errors.Is(err, filecache.ErrClosed):
		return task.Shutdown("the image: %w", err)
	case errors.Is(err, fetch.ErrNoSpace):
		return task.Unavailable("the image: %w. Use a smaller image, or workers with a larger disk", err)
	default:
		return task.Unavailable("the image: %w", err)
	}
}
