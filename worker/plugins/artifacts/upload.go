package artifacts

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/workerkit/workerkit/internal/artifact"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
)

const (
	// parallel is how many artifacts are uploaded at the same time.
	parallel = 10
	// compressing is how many files are compressed at the same time, each on all cores: one
	// while the other waits for the disk.
	compressing = 2
	// longestMessage is what the queue takes.
	longestMessage = 4096
)

// upload makes all artifacts. A failure does not keep the others from being made; the first
// one by name decides, as if they had been made one after another.
func (h *hooks) upload(ctx context.Context, all []found) error {
	failures := make([]error, len(all))
	compress := make(chan struct{}, compressing)
	var group errgroup.Group
	group.SetLimit(parallel)
	for i := range all {
		group.Go(func() error {
			failures[i] = h.one(ctx, &all[i], compress)
			return nil
		})
	}
	_ = group.Wait() // the functions keep their errors
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var first error
	for i, err := range failures {
		if err == nil || all[i].Optional && !fatal(err) {
			continue
		}
		h.run.Log.Error("TASK FAILURE during artifact upload: %v", err)
		if first == nil {
			first = err
		}
	}
	return first
}

// fatal tells whether an error is about more than the one artifact, so that it counts even
// when that is optional.
func fatal(err error) bool { return task.Resolve(err) != task.Failed }

// one makes one artifact.
func (h *hooks) one(ctx context.Context, f *found, compress chan struct{}) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.failure == nil {
		err := h.data(ctx, f, compress)
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
		say = func(string, ...any) {}
		h.run.Logger.Info("artifacts: optional file cannot be read, so its artifact is an error", "name", f.Name, "reason", f.failure.reason)
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

// data uploads a file. A file that cannot be read is a *failure.
func (h *hooks) data(ctx context.Context, f *found, compress chan struct{}) error {
	file, err := f.open()
	if err != nil {
		return h.explain(f.entry, err)
	}
	first := file
	defer first.Close()
	info, err := file.Stat()
	if err != nil {
		return h.explain(f.entry, err)
	}
	d := artifact.Data{Name: f.Name, ContentType: contentType(f.entry), Expires: f.Expires, Size: info.Size(), Length: info.Size()}
	if h.plugin.uploader.Objects == nil && zipped(f.entry) {
		return h.compressed(ctx, d, io.LimitReader(file, d.Size), compress)
	}
	d.Open = func() (io.ReadCloser, error) {
		if file == nil {
			return f.open()
		}
		file = nil // the descriptor that was looked at serves the first attempt
		return first, nil
	}
	return h.plugin.uploader.Upload(ctx, h.run.Queue, h.run.Logger, d)
}

// compressed uploads the data of source, compressed before the queue is asked for a URL, as
// that does not live long.
func (h *hooks) compressed(ctx context.Context, d artifact.Data, source io.Reader, compress chan struct{}) error {
	compress <- struct{}{}
	spool, err := artifact.Compress(ctx, h.run.Own, source)
	<-compress
	if err != nil {
		return err
	}
	defer func() {
		if err := spool.Remove(); err != nil {
			h.run.Logger.Warn("artifacts: cannot remove a spool", "error", err)
		}
	}()
	d.Encoding, d.Size, d.Length, d.Open = artifact.Gzip, spool.Size(), spool.Length(), spool.Open
	return h.plugin.uploader.Upload(ctx, h.run.Queue, h.run.Logger, d)
}
