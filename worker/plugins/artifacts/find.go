package artifacts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

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
}

// failure is why a file cannot be uploaded. Its text is what the task's log says.
type failure struct{ reason, message string }

func (f *failure) Error() string { return f.reason + ": " + f.message }

// find lists the artifacts, sorted by name.
func (h *hooks) find(ctx context.Context, result engines.Result) ([]found, error) {
	var all []found
	for _, e := range h.entries {
		some, err := h.expand(ctx, result, e)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b found) int { return strings.Compare(a.Name, b.Name) })
	return h.distinct(all)
}

// distinct leaves one artifact of each name in all, which is sorted by name. A file may be listed
// by itself and with its folder; where it is wanted once it is not optional.
func (h *hooks) distinct(all []found) ([]found, error) {
	var kept []found
	for _, f := range all {
		if len(kept) == 0 || kept[len(kept)-1].Name != f.Name {
			kept = append(kept, f)
			continue
		}
		last := &kept[len(kept)-1]
		if h.uploaded(last.entry) != h.uploaded(f.entry) {
			return nil, task.Malformed("artifact %s: two entries that differ make it, with the paths %s and %s", f.Name, last.Path, f.Path)
		}
		last.Optional = last.Optional && f.Optional
	}
	return kept, nil
}

// uploaded is what of an entry decides what is uploaded.
func (h *hooks) uploaded(e entry) entry {
	e.Optional, e.Expires = false, e.Expires.UTC()
	e.Path = filepath.Clean(h.where(e))
	return e
}

// expand lists the artifacts of one entry.
func (h *hooks) expand(ctx context.Context, result engines.Result, e entry) ([]found, error) {
	if e.Type == "file" {
		open := func() (engines.File, error) { return result.OpenFile(ctx, e.Path) }
		return []found{{entry: e, open: open}}, nil
	}
	var all []found
	err := result.WalkDir(ctx, e.Path, func(rel string, open func() (engines.File, error)) error {
		file := e
		file.Type = "file"
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

// permitted leaves out what would overwrite a log.
func (h *hooks) permitted(all []found) []found {
	names := h.run.LogNames()
	reserved := map[string]bool{
		names.Live:    h.run.Feature("liveLog", true),
		names.Backing: h.run.Feature("backingLog", true),
	}
	return slices.DeleteFunc(all, func(f found) bool {
		if reserved[f.Name] {
			h.run.Log.Warn("Artifact %s is not uploaded: the task's log has that name", f.Name)
		}
		return reserved[f.Name]
	})
}
