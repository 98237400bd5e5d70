package mounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/workerkit/workerkit/internal/archive"
	"github.com/workerkit/workerkit/internal/clone"
	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/rmtree"
	"github.com/workerkit/workerkit/worker/task"
)

func ownFolder(path string) error { return os.MkdirAll(path, 0o700) }

// stage gets a mount ready: at a path of ours, or in a cache.
func (h *hooks) stage(ctx context.Context, m *mount, path string) error {
	switch {
	case m.File != "":
		return h.stageFile(ctx, m, path)
	case m.isCache():
		return h.stageCache(ctx, m)
	default:
		return h.unpack(ctx, m, path)
	}
}

// stageCache takes a cache, and fills it when it is new.
func (h *hooks) stageCache(ctx context.Context, m *mount) error {
	h.purge()
	c, err := h.plugin.caches.Take(ctx, m.cache())
	if err != nil {
		return task.Internal("%w", err)
	}
	t := &taken{Cache: c, mount: m, ready: !c.New || m.Content == nil}
	h.mu.Lock()
	h.taken = append(h.taken, t)
	h.mu.Unlock()
	if c.New {
		h.say("No existing writable directory cache '%s' - creating %s", m.cache(), c.Dir)
	}
	if t.ready {
		return nil
	}
	if err := h.unpack(ctx, m, c.Dir); err != nil {
		return err
	}
	t.ready = true
	return nil
}

// stageFile makes a copy of a content, decompressed where the mount says how.
func (h *hooks) stageFile(ctx context.Context, m *mount, path string) error {
	return h.content(ctx, m, func(file *filecache.File) error {
		if m.Format == "" {
			info, err := file.Wait(ctx)
			if err != nil {
				return err
			}
			return clone.Copy(path, info.Path)
		}
		h.say("Decompressing %s file of %s to '%s'", m.Format, m.Content.fetch(), m.place)
		return h.follow(ctx, m, file, func(r io.Reader) (err error) {
			to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, to.Close()) }()
			return archive.Decompress(ctx, to, r, m.Format)
		})
	})
}

// unpack unpacks a content into a folder of ours.
func (h *hooks) unpack(ctx context.Context, m *mount, path string) error {
	return h.content(ctx, m, func(file *filecache.File) error {
		h.say("Extracting %s file of %s to '%s'", m.Format, m.Content.fetch(), m.place)
		if archive.Streams(m.Format) {
			return h.follow(ctx, m, file, func(r io.Reader) error {
				if err := errors.Join(rmtree.Remove(path), ownFolder(path)); err != nil {
					return err
				}
				return archive.UnpackFrom(ctx, r, path, m.Format)
			})
		}
		info, err := file.Wait(ctx)
		if err != nil {
			return err
		}
		return archive.Unpack(ctx, info.Path, path, m.Format)
	})
}

// content gets the content of a mount, has it used, and tells about it in the log when it is
// complete and right.
func (h *hooks) content(ctx context.Context, m *mount, use func(*filecache.File) error) error {
	wanted := m.Content.fetch()
	if !wanted.Inline() {
		h.say("Downloading %s", wanted)
	}
	file, err := h.plugin.files.Get(ctx, wanted, fetch.Access{Credentials: h.run.Credentials, Log: h.say})
	if err != nil {
		return err
	}
	defer file.Release()
	if err := use(file); err != nil {
		return err
	}
	info, err := file.Wait(ctx)
	if err != nil {
		return err
	}
	h.tell(wanted, info)
	return nil
}

// tell says what was downloaded.
func (h *hooks) tell(wanted fetch.Content, info filecache.Info) {
	switch {
	case wanted.Inline():
		h.say("Copied %d bytes from %s", info.Size, wanted)
	case info.Hit:
		h.say("Found %s, of %d bytes with SHA256 %s, among the downloads: %s", wanted, info.Size, info.SHA256, info.Path)
	default:
		h.say("Downloaded %d bytes with SHA256 %s from %s to %s", info.Size, info.SHA256, info.Source, info.Path)
	}
	if wanted.SHA256 == "" && (wanted.TaskID != "" || wanted.URL != "") {
		h.run.Log.Warn("[mounts] Download %s of %s has SHA256 %s but task payload does not declare a required value, so content authenticity cannot be verified", info.Path, wanted, info.SHA256)
	}
}

// follow has a content used while it comes. When it becomes another one meanwhile, it is used again
// from its start, complete. Where the payload has a hash, that is what counts when the content could
// not be used.
func (h *hooks) follow(ctx context.Context, m *mount, file *filecache.File, use func(io.Reader) error) error {
	err := from(ctx, file, use)
	if errors.Is(err, fetch.ErrChanged) {
		if _, err := file.Wait(ctx); err != nil {
			return err
		}
		err = from(ctx, file, use)
	}
	if err == nil || m.Content.SHA256 == "" {
		return err
	}
	if _, wrong := file.Wait(ctx); wrong != nil {
		return wrong
	}
	return err
}

// from has a content read.
func from(ctx context.Context, file *filecache.File, use func(io.Reader) error) error {
	r, err := file.Open(ctx)
	if err != nil {
		return fmt.Errorf("read the download: %w", err)
	}
	return errors.Join(use(r), r.Close())
}
