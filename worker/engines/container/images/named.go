package images

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/task"
)

// named has an image that has a name. One with a digest that is here is not asked for; a tag is, as
// it may have moved.
func (s *Store) named(ctx context.Context, name string, run *task.Run) (Image, error) {
	full, digested, err := parse(name)
	if err != nil {
		return Image{}, err
	}
	if digested {
		id, err := s.acquire(ctx, full)
		if err != nil {
			return Image{}, s.engineTrouble(err)
		}
		if id != "" {
			run.Log.Info("[d2g] Using cached docker image %q", full)
			return s.image(found{id: id, name: full}), nil
		}
	}
	f, err := s.share(ctx, "name:"+full, run, func(ctx context.Context, f *flight) (found, error) { return s.pull(ctx, full, f) })
	if err != nil {
		return Image{}, err
	}
	return s.image(f), nil
}

// parse is the complete form of a name: with its registry, and with a digest or a tag.
func parse(name string) (full string, digested bool, err error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", false, task.Malformed("payload.image: %q is no name of an image: %w. A name is as in debian:12, registry/path:tag or registry/path@sha256:digest", name, err)
	}
	if ref.Name() == repository {
		return "", false, task.Malformed("payload.image: %s is for images that the worker has loaded: name the task that has the image as an artifact instead", repository)
	}
	if d, ok := ref.(reference.Digested); ok {
		exact, err := reference.WithDigest(reference.TrimNamed(ref), d.Digest())
		if err != nil {
			return "", false, task.Malformed("payload.image: %q: %w", name, err)
		}
		return exact.String(), true, nil
	}
	return reference.TagNameOnly(ref).String(), false, nil
}

// pull asks the registry for an image. One that is here does as well when there is no answer.
func (s *Store) pull(ctx context.Context, name string, f *flight) (found, error) {
	present, err := s.inspect(ctx, name)
	if err != nil {
		return found{}, s.engineTrouble(err)
	}
	policy := s.Pulls
	if present != "" {
		policy.Attempts = 1
	}
	policy.Notify = func(err error, _ time.Duration) { f.info("Pulling %q failed and is tried again: %v", name, err) }
	f.info("Pulling docker image %q", name)
	failed := retry.Do(ctx, policy, func(ctx context.Context) error { return s.pullOnce(ctx, name, f) })
	if failed != nil && (present == "" || ctx.Err() != nil) {
		return found{}, s.unpulled(name, failed)
	}
	id, err := s.acquire(ctx, name)
	switch {
	case err != nil:
		return found{}, s.engineTrouble(err)
	case id == "":
		return found{}, task.Internal("the image %s is not in the engine after it was pulled: somebody else removes images on this worker", name)
	case failed != nil:
		f.warn("Pulling %q failed, and the image of that name that is on the worker is used: %v", name, failed)
		return found{id: id, name: name}, nil // not ours to remove
	}
	got := found{id: id, name: name}
	s.remember(name, got, "")
	f.info("Pulled docker image %q with ID %s", name, id)
	return got, nil
}

// pullOnce is one attempt. The error says whether another one makes sense.
func (s *Store) pullOnce(ctx context.Context, name string, f *flight) error {
	err := s.guarded(ctx, func(ctx context.Context) error {
		login := s.login(ctx, name, f)
		err := s.pullAs(ctx, name, login, f)
		if err != nil && login.Reveal() != "" && isAbsent(err) && s.pullAs(ctx, name, secret.String{}, f) == nil { // it has expired
			f.warn("%q was pulled without the worker's login, with which the registry had refused it: %v", name, err)
			return nil
		}
		return err
	})
	if err != nil && (isAbsent(err) || docker.Gone(err) || docker.Full(err)) {
		return retry.Permanent(err)
	}
	return err
}

// pullAs asks the registry with a login, or without an empty one.
func (s *Store) pullAs(ctx context.Context, name string, login secret.String, f *flight) error {
	reply, err := s.API.ImagePull(ctx, name, client.ImagePullOptions{RegistryAuth: login.Reveal()})
	if err != nil {
		return err //nolint:wrapcheck // by the caller
	}
	return s.follow(ctx, reply, f, "Pulling "+name)
}

// login is the worker's own to the registry of an image.
func (s *Store) login(ctx context.Context, name string, f *flight) secret.String {
	ref, err := reference.ParseNormalizedNamed(name)
	if s.Login == nil || err != nil {
		return secret.String{}
	}
	login, err := s.Login(ctx, reference.Domain(ref))
	if err != nil {
		f.warn("%q is pulled without a login: %v", name, err)
	}
	return login
}

// unpulled says what to do about an image that cannot be had.
func (s *Store) unpulled(name string, err error) error {
	switch {
	case isAbsent(err):
		return task.Malformed("payload.image: the registry has no image %s that this worker may pull: %w. Check the name, the tag and the digest; for a private registry the worker's user needs docker login", name, err)
	case docker.Gone(err) || docker.Full(err):
		return s.engineTrouble(err)
	default:
		return task.Unavailable("the image %s cannot be pulled, and none of that name is on the worker: %w. Check that the worker can reach the registry, and run the task again later", name, err)
	}
}

// isAbsent tells whether a registry said that it has no such image, or none for this worker. Podman
// passes on the registry's error only as a text, in which the words are those of the registry protocol.
func isAbsent(err error) bool {
	if errdefs.IsNotFound(err) || errdefs.IsUnauthorized(err) || errdefs.IsPermissionDenied(err) || errdefs.IsInvalidArgument(err) {
		return true
	}
	text := strings.ToLower(err.Error())
	for _, words := range []string{"manifest unknown", "name unknown", "not known to registry", "access to the resource is denied", "unauthorized", "no basic auth credentials", ": denied:", "authentication required", "no matching manifest", "no image found in manifest list"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// engineTrouble is an error of the engine itself.
func (s *Store) engineTrouble(err error) error {
	if _, ok := errors.AsType[*task.Error](err); ok {
		return err
	}
	if docker.Full(err) {
		return task.Unavailable("the disk of the container engine is full: %w. Use a smaller image, or workers with a larger disk", err)
	}
	return task.Unavailable("the container engine of this worker does not do what it is asked to: %w. Run the task again later; whoever runs the worker should look at the engine's log", fmt.Errorf("images: %w", err))
}
