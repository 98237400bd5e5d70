package mounts

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

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
	case m.isEmpty():
		h.say("Creating writable directory for '%s'", m.place)
		return ownFolder(path)
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
		h.begun(m)
		return broken(m, archive.Unpack(ctx, info.Path, path, m.Format))
	})
}

// content gets the content of a mount, has it used, and tells about it in the log when it is
// complete and right: before it is used where it is here already.
func (h *hooks) content(ctx context.Context, m *mount, use func(*filecache.File) error) error {
	wanted := m.Content.fetch()
	file, err := h.plugin.files.Get(ctx, wanted, fetch.Access{Credentials: h.run.Credentials, Log: h.say})
	if err != nil {
		return err
	}
	defer file.Release()
	if file.Here() {
		if err := h.told(ctx, wanted, file); err != nil {
			return err
		}
		return use(file)
	}
	if !wanted.Inline() {
		h.say("Downloading %s", wanted)
	}
	if err := use(file); err != nil {
		return err
	}
	return h.told(ctx, wanted, file)
}

// told tells about a content when it is complete and right.
func (h *hooks) told(ctx context.Context, wanted fetch.Content, file *filecache.File) error {
	info, err := file.Wait(ctx)
	if err == nil {
		h.tell(wanted, info)
	}
	return err
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
	begun := sync.OnceFunc(func() { h.begun(m) })
	err := from(ctx, m, file, begun, use)
	if errors.Is(err, fetch.ErrChanged) {
		if _, err := file.Wait(ctx); err != nil {
			return err
		}
		err = from(ctx, m, file, begun, use)
	}
	if err == nil || m.Content.SHA256 == "" {
		return err
	}
	if _, wrong := file.Wait(ctx); wrong != nil {
		return wrong
	}
	return err
}

// from has a content read; begun is called when there is something. When the content does not come
// whole, that is the error, and not what its user makes of it.
func from(ctx context.Context, m *mount, file *filecache.File, begun func(), use func(io.Reader) error) error {
	r, err := file.Open(ctx)
	if err != nil {
		return err
	}
	source := &source{Reader: r, begun: begun}
	err = use(source)
	if failed := source.failed(); failed != nil {
		err = failed
	} else {
		err = broken(m, err)
	}
	return errors.Join(err, r.Close())
}

// begun says that a content is being unpacked.
func (h *hooks) begun(m *mount) {
	verb := "Extracting"
	if m.File != "" {
		verb = "Decompressing"
	}
	h.say("%s %s file of %s to '%s'", verb, m.Format, m.Content.fetch(), m.place)
}
