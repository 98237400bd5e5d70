package artifacts

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	// places bounds how many artifacts of a run are made at the same time. A small one, of which most
	// of the time is waiting for replies, takes one place; of large ones, which share the network, so
	// few go at the same time that the first are soon done.
	places      = 48
	largePlaces = 6
	smallest    = 1 << 20 // bytes of a large one
	// longestMessage is what the queue takes.
	longestMessage = 4096
)

// upload makes all artifacts, and begins with them in their order. A failure does not keep the others
// from being made, unless it is that nobody takes them; the first one in the order decides, as if they
// had been made one after another.
func (h *hooks) upload(ctx context.Context, all []found) error {
	defer h.progress.begin(h.run.Log)()
	begun := h.makeAll(ctx, all)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if left := len(all) - begun; left > 0 {
		h.run.Log.Error("%d more artifacts were not tried, as the service did not take one of those before", left)
	}
	var first error
	for i := range all {
		f := &all[i]
		if f.err == nil || f.Optional && !fatal(f.err) {
			continue
		}
		h.run.Log.Error("TASK FAILURE during artifact upload: %v", f.err)
		if first == nil {
			first = f.err
		}
	}
	return first
}

// makeAll makes all artifacts that it can until ctx ends, and leaves in each what its error was. It
// returns how many it began with: each one that nobody takes is tried for so long that the
// others would take hours.
func (h *hooks) makeAll(ctx context.Context, all []found) (begun int) {
	free := semaphore.NewWeighted(places)
	var down atomic.Bool
	var running sync.WaitGroup
	defer running.Wait()
	for i := range all {
		f := &all[i]
		source := h.look(f)
		if err := free.Acquire(ctx, source.places()); err != nil || down.Load() {
			source.close()
			return i
		}
		running.Go(func() {
			defer free.Release(source.places())
			defer source.close()
			if f.err = h.one(ctx, f, source); nobodyTakes(f.err) {
				down.Store(true)
			}
		})
	}
	return len(all)
}

// nobodyTakes tells whether an error is that the services did not take an artifact for as long as it
// was tried, which is likely to be so for the others too.
func nobodyTakes(err error) bool {
	ofThisOne := errors.Is(err, artifact.ErrSpace) || errors.Is(err, artifact.ErrRefused)
	return task.Resolve(err) == task.ResourceUnavailable && !ofThisOne
}

// fatal tells whether an error is about more than the one artifact, so that it counts even
// when that is optional.
func fatal(err error) bool { return task.Resolve(err) != task.Failed }

// one makes one artifact.
func (h *hooks) one(ctx context.Context, f *found, s source) error {
	if f.failure == nil {
		err := h.data(ctx, f, s)
		unusable, ok := errors.AsType[*failure](err)
		if ctx.Err() != nil || !ok {
			return task.Uploaded(ctx, f.Name, err)
		}
		f.failure = unusable
	}
	return h.errorArtifact(ctx, f)
}

// errorArtifact makes an artifact that says why there is no data.
func (h *hooks) errorArtifact(ctx context.Context, f *found) error {
	say := h.run.Log.Error
	if f.Optional {
		say = h.run.Log.Info // nothing is wrong, but somebody may wonder
	}
	say("Uploading error artifact %s from file %s with message %q, reason %q and expiry %s",
		f.Name, f.Path, f.failure.message, f.failure.reason, f.Expires.UTC().Format(iso))
	message := []rune(f.failure.message)
	_, err := h.run.Queue.CreateArtifact(ctx, f.Name, tc.Artifact{
		StorageType: "error", Expires: f.Expires, Reason: f.failure.reason, Message: string(message[:min(len(message), longestMessage)]),
	})
	if err != nil {
		return task.Uploaded(ctx, f.Name, err)
	}
	return task.Failure("%w", f.failure)
}
