package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
	"github.com/workerkit/workerkit/worker/engines"
)

// files are those of a container that has ended. A path is followed step by step, here: a link leads
// to where it would in the container, from its own file system into a mount and back.
type files struct {
	api     *client.Client
	id      string
	workdir string
	mounts  []mounted
	placing placing
	ready   sync.Once // what settle does
	podman  bool

	seen seen // of the container's own file system
	// written is the folder of this machine with what the container has changed of its image, "" when
	// there is none or it is not this machine's.
	written string
	layers  []string // folders of this machine with the image's layers; nil when they are not known
}

// newFiles takes from what the engine says of the container where this has its volumes and what it has
// written. Where it has them on this machine, files are opened there: Docker sends one file of a
// container at a time, and answers nothing else about the container meanwhile.
func newFiles(b *builder, found container.InspectResponse) *files {
	f := &files{api: b.engine.api, podman: b.engine.config.Docker.Podman, id: b.id, workdir: b.workdir, mounts: slices.Clone(b.mounts)}
	for _, m := range found.Mounts {
		if info, err := os.Stat(m.Source); m.Type == mount.TypeVolume && err == nil && info.IsDir() {
			f.mounts = append(f.mounts, mounted{engines.Mount{Source: m.Source, Target: path.Clean(m.Destination)}, true})
		}
	}
	if d := found.GraphDriver; d != nil {
		if info, err := os.Stat(d.Data["UpperDir"]); err == nil && info.IsDir() {
			f.written = d.Data["UpperDir"]
			if lower := d.Data["LowerDir"]; b.engine.config.Docker.Layered && lower != "" {
				f.layers = strings.Split(lower, ":")
			}
		}
	}
	return f
}

// entry is what is at a path.
type entry struct {
	mode     fs.FileMode
	size     int64
	modified time.Time
	link     string // where a symbolic link leads
}

// mostLinks is how many links a path may have, as on Linux.
const mostLinks = 40

// pathError is the form of all errors about a path.
func pathError(p string, err error) error { return &fs.PathError{Op: "open", Path: p, Err: err} }

// resolve follows a path to a place without links and what is there.
func (f *files) resolve(ctx context.Context, p string) (string, entry, error) {
	here, at, links := "/", entry{mode: fs.ModeDir}, 0
	rest := strings.Split(p, "/")
	if !path.IsAbs(p) {
		rest = append(strings.Split(f.workdir, "/"), rest...)
	}
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		if !at.mode.IsDir() {
			return "", entry{}, pathError(p, fs.ErrNotExist) // a file is no folder
		}
		next := path.Join(here, part) // ".." as well
		e, err := f.look(ctx, next)
		if err != nil {
			return "", entry{}, err
		}
		if e.mode&fs.ModeSymlink == 0 {
			here, at = next, e
			continue
		}
		if links++; links > mostLinks {
			return "", entry{}, pathError(p, errLoop)
		}
		if path.IsAbs(e.link) {
			here, at = "/", entry{mode: fs.ModeDir}
		}
		rest = append(strings.Split(e.link, "/"), rest...)
	}
	return here, at, nil
}

var errLoop = errors.New("too many symbolic links")

// look tells what is at an absolute path whose folders are no links.
func (f *files) look(ctx context.Context, p string) (entry, error) {
	if p == "/" {
		return entry{mode: fs.ModeDir}, nil
	}
	if m, rel, ok := within(f.mounts, p); ok {
		return lookHere(m, rel)
	}
	for _, system := range []string{"/dev/", "/proc/", "/sys/"} { // whose contents are gone with the processes
		if strings.HasPrefix(p, system) {
			return entry{mode: fs.ModeDevice}, nil
		}
	}
	if e, ok := f.lookWritten(p); ok {
		return e, nil
	}
	if e, known := f.seen.find(p); known {
		return e.at(p)
	}
	f.settle(ctx) // what Podman says is not there before that may be there
	found, err := f.api.ContainerStatPath(ctx, f.id, client.ContainerStatPathOptions{Path: p})
	switch {
	case ctx.Err() != nil:
		return entry{}, context.Cause(ctx)
	case docker.Missing(err):
		return f.seen.note(p, nil).at(p)
	case err != nil && f.loops(ctx, p):
		return entry{}, pathError(p, errLoop)
	case err != nil:
		return entry{}, fmt.Errorf("container: look at %s: %w", p, explain(err))
	}
	return f.seen.note(p, &entry{mode: found.Stat.Mode, size: found.Stat.Size, modified: found.Stat.Mtime, link: found.Stat.LinkTarget}).at(p)
}

// loops tells whether the engine fails at a link that leads to itself, which it says of what it is to send alone.
func (f *files) loops(ctx context.Context, p string) bool {
	reply, err := f.api.CopyFromContainer(ctx, f.id, client.CopyFromContainerOptions{SourcePath: p})
	if err == nil {
		_ = reply.Content.Close() // it is not wanted
		return false
	}
	return strings.Contains(err.Error(), "too many links")
}

// lookWritten tells what the container has written at a path. What it has removed is not known here.
func (f *files) lookWritten(p string) (entry, bool) {
	if f.written == "" {
		return entry{}, false
	}
	e, err := lookHere(mounted{engines.Mount{Source: f.written}, true}, strings.TrimPrefix(p, "/"))
	return e, err == nil && e.mode&fs.ModeDevice == 0 // which stands for something removed
}

// own tells whether a folder is the container's alone: all that is in it is what the container has
// written. Not so where one of the image's layers has something at the same place.
func (f *files) own(dir string) bool {
	rel := strings.TrimPrefix(dir, "/")
	if f.written == "" || f.layers == nil || rel == "" {
		return false
	}
	if e, ok := f.lookWritten(dir); !ok || !e.mode.IsDir() {
		return false
	}
	for _, layer := range f.layers {
		root, err := os.OpenRoot(layer)
		if err != nil {
			return false
		}
		_, err = root.Lstat(rel)
		_ = root.Close() // was only looked at
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return false
		}
	}
	return true
}

// open opens a regular file.
func (f *files) open(ctx context.Context, p string) (engines.File, error) {
	if err := f.place(ctx); err != nil {
		return nil, err
	}
	at, e, err := f.resolve(ctx, p)
	if err != nil {
		return nil, err
	}
	if !e.mode.IsRegular() {
		return nil, pathError(p, engines.ErrWrongKind)
	}
	if m, rel, ok := within(f.mounts, at); ok {
		return plain(openHere(m, rel))
	}
	if file := f.openWritten(at, e); file != nil {
		return file, nil
	}
	return &stream{files: f, ctx: context.WithoutCancel(ctx), path: at, entry: e}, nil
}

// openWritten opens a file that the container has written, on this machine; nil when it is the image's.
func (f *files) openWritten(p string, e entry) engines.File {
	if f.written == "" {
		return nil
	}
	file, err := openHere(mounted{engines.Mount{Source: f.written}, true}, strings.TrimPrefix(p, "/"))
	if err != nil {
		return nil
	}
	info, err := file.Stat()
	if err != nil || info.Size() != e.size || partial(file) {
		_ = file.Close() // was not read
		return nil
	}
	return file
}

// plain is a file, or an error and no file.
func plain(file *os.File, err error) (engines.File, error) {
	if err != nil {
		return nil, err
	}
	return file, nil
}

// walk visits the regular files below a folder.
func (f *files) walk(ctx context.Context, p string, visit func(rel string, open func() (engines.File, error)) error) error {
	if err := f.place(ctx); err != nil {
		return err
	}
	at, e, err := f.resolve(ctx, p)
	if err != nil {
		return err
	}
	if !e.mode.IsDir() {
		return pathError(p, engines.ErrWrongKind)
	}
	found, err := f.list(ctx, at)
	if err != nil {
		return err
	}
	for _, item := range found {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		open := func() (engines.File, error) {
			if item.text != nil {
				return newText(item), nil
			}
			return f.open(ctx, path.Join(at, item.rel))
		}
		if item.link {
			if _, e, err := f.resolve(ctx, path.Join(at, item.rel)); err != nil || !e.mode.IsRegular() {
				continue // it leads nowhere, or to a folder or device
			}
		}
		if err := visit(item.rel, open); err != nil {
			return err
		}
	}
	return nil
}

// item is a file, or a link, below a folder.
type item struct {
	entry
	rel  string
	link bool
	text []byte // of a small file of which the text is known; not nil then
}

// list finds all files below a folder, in the order of a walk.
func (f *files) list(ctx context.Context, dir string) ([]item, error) {
	var found []item
	var err error
	switch m, rel, ok := within(f.mounts, dir); {
	case ok:
		found, err = listHere(ctx, m, rel)
	case f.own(dir):
		found, err = listHere(ctx, mounted{engines.Mount{Source: f.written}, true}, strings.TrimPrefix(dir, "/"))
	default:
		found, err = f.listStream(ctx, dir)
	}
	if err != nil {
		return nil, err
	}
	// What is below a mount in the folder is in the mount.
	for _, m := range f.mounts {
		rel, below := strings.CutPrefix(m.Target, strings.TrimSuffix(dir, "/")+"/")
		if !below {
			continue
		}
		if inner, _, _ := within(f.mounts, path.Dir(m.Target)); inner.Target != "" && inner.Target != dir && strings.HasPrefix(inner.Target, dir+"/") {
			continue // with that one
		}
		found = slices.DeleteFunc(found, func(i item) bool { return i.rel == rel || strings.HasPrefix(i.rel, rel+"/") })
		if !m.dir {
			found = append(found, item{rel: rel})
			continue
		}
		inner, err := f.list(ctx, m.Target)
		if err != nil {
			return nil, err
		}
		for _, i := range inner {
			i.rel = path.Join(rel, i.rel)
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b item) int { return slices.Compare(strings.Split(a.rel, "/"), strings.Split(b.rel, "/")) })
	return found, nil
}
