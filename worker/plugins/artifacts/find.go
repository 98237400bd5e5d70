package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// Reasons of error artifacts.
const (
	missing    = "file-missing-on-worker"
	invalid    = "invalid-resource-on-worker"
	unreadable = "file-not-readable-on-worker"
)

// found is one artifact to make: of a file, or of what kept us from reading one.
type found struct {
	entry
	open    func() (engines.File, error)
	failure *failure
	err     error // of making it
}

// failure is why a file cannot be uploaded. Its text is what the task's log says.
type failure struct{ reason, message string }

func (f *failure) Error() string { return f.reason + ": " + f.message }

// find lists the artifacts in the order of the payload, the files of a directory by name.
func (h *hooks) find(ctx context.Context, result engines.Result) ([]found, error) {
	var all []found
	for _, e := range h.entries {
		some, err := h.expand(ctx, result, e)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return h.distinct(all)
}

// distinct leaves one artifact of each name, the first. A file may be listed by itself and with its
// folder; where it is wanted once it is not optional.
func (h *hooks) distinct(all []found) ([]found, error) {
	kept := all[:0]
	at := map[string]int{}
	for _, f := range all {
		i, again := at[f.Name]
		if !again {
			at[f.Name] = len(kept)
			kept = append(kept, f)
			continue
		}
		if first := kept[i]; h.uploaded(first.entry) != h.uploaded(f.entry) {
			return nil, task.Malformed("artifact %s: two entries that differ make it, with the paths %s and %s", f.Name, first.Path, f.Path)
		}
		kept[i].Optional = kept[i].Optional && f.Optional
	}
	return kept, nil
}

// agree finds two files of one name before the task has run; what its directories have is not known yet.
func (h *hooks) agree() error {
	var files []found
	for _, e := range h.entries {
		if e.Type == "file" {
			files = append(files, found{entry: e})
		}
	}
	_, err := h.distinct(files)
	return err
}

// made is what of an entry decides what is uploaded.
type made struct {
	kind, path, contentType, encoding string
	expires                           time.Time
}

func (h *hooks) uploaded(e entry) made {
	return made{e.Type, filepath.Clean(h.where(e)), e.ContentType, e.ContentEncoding, e.Expires.UTC()}
}

// expand lists the artifacts of one entry.
func (h *hooks) expand(ctx context.Context, result engines.Result, e entry) ([]found, error) {
	if e.Type == "file" {
		open := func() (engines.File, error) { return result.OpenFile(ctx, e.Path) }
		return []found{{entry: e, open: open}}, nil
	}
	var all []found
	err := result.WalkDir(ctx, e.Path, func(rel string, open func() (engines.File, error)) error {
		if !e.wants(rel) {
			return nil
		}
		file := e
		file.Type, file.Include, file.Exclude = "file", nil, nil
		file.Path = filepath.Join(e.Path, filepath.FromSlash(rel))
		file.Name = path.Join(e.Name, rel)
		all = append(all, found{entry: file, open: open})
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		all = append(all, found{entry: e, failure: h.explain(e, err)})
	case len(all) == 0 && len(e.Include) > 0 && !e.Optional:
		h.run.Log.Warn("Artifact %s: no file of the directory %s is included", e.Name, e.Path)
	}
	return all, nil
}

// where is an entry's absolute path.
func (h *hooks) where(e entry) string {
	if filepath.IsAbs(e.Path) {
		return e.Path
	}
	return filepath.Join(h.run.Dir, e.Path)
}

// explain says why an entry cannot be read.
func (h *hooks) explain(e entry, err error) *failure {
	where := h.where(e)
	switch {
	case errors.Is(err, engines.ErrWrongKind):
		return &failure{invalid, fmt.Sprintf("'%s' is not a %s", where, e.Type)}
	case errors.Is(err, fs.ErrPermission):
		return &failure{unreadable, fmt.Sprintf("The task may not read '%s'", where)}
	case e.Type == "file" || errors.Is(err, fs.ErrNotExist):
		return &failure{missing, fmt.Sprintf("Could not read %s '%s'", e.Type, where)}
	default:
		return &failure{invalid, fmt.Sprintf("Could not read all of directory '%s'", where)}
	}
}

// permitted leaves out what would overwrite the artifacts of other features.
func (h *hooks) permitted(all []found) []found {
	reserved := h.run.Reserved()
	return slices.DeleteFunc(all, func(f found) bool {
		use, taken := reserved[f.Name]
		if taken {
			h.run.Log.Warn("Artifact %s is not uploaded: that name is reserved for %s", f.Name, use)
		}
		return taken
	})
}
