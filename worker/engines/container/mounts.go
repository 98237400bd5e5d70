package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/workerkit/workerkit/internal/rootfs"
	"github.com/workerkit/workerkit/worker/engines"
	"github.com/workerkit/workerkit/worker/task"
)

// mounted is a mount whose Target is an absolute path in the container, without links of its text.
type mounted struct {
	engines.Mount
	dir bool // not a file
}

// Mount implements engines.Mounter. What the image has at the place is hidden. Whoever the container's
// user is may write to a folder; what it leaves there is that user's.
func (b *builder) Mount(_ context.Context, m engines.Mount) error {
	info, err := os.Lstat(m.Source)
	if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is neither a folder nor a file", m.Source)
	}
	if err != nil {
		return fmt.Errorf("container: mount: %w", err)
	}
	to := mounted{m, info.IsDir()}
	to.Target = b.absolute(m.Target)
	why := b.misread(to.Target)
	if why == "" {
		why = b.unfit(to)
	}
	if why != "" {
		return task.Failure("nothing can be mounted at %s: %s", m.Target, why)
	}
	if to.dir && !m.ReadOnly {
		const everybody = 0o777 // the folder is in one of the worker's, which only the worker may enter
		if err := os.Chmod(m.Source, everybody); err != nil {
			return fmt.Errorf("container: mount: %w", err)
		}
	}
	b.mounts = append(b.mounts, to)
	return nil
}

// absolute is a path in the container as the command sees it.
func (b *builder) absolute(p string) string { return absolute(b.workdir, p) }

func absolute(workdir, p string) string {
	p = filepath.ToSlash(p)
	if !path.IsAbs(p) {
		p = path.Join(workdir, p)
	}
	return path.Clean(p)
}

// longestPlace is how many bytes a path may have on Linux.
const longestPlace = 4095

// misread says why a place would not reach the engine as it is. Podman makes a list with commas of a
// mount, in which a place could name another source: any folder of this machine.
func (b *builder) misread(place string) string {
	switch {
	case strings.ContainsFunc(place, unicode.IsControl), !utf8.ValidString(place), len(place) > longestPlace:
		return "it has control characters, or is not UTF-8, or is too long"
	case b.engine.config.Docker.Podman && strings.ContainsAny(place, `,"`):
		return "Podman takes none with a comma or a quotation mark"
	}
	return ""
}

// unfit says why there can be no mount at a place; "" that there can.
func (b *builder) unfit(m mounted) string {
	if m.Target == "/" {
		return "it is the whole container"
	}
	for _, other := range b.mounts {
		if other.Target == m.Target {
			return "something is mounted there already"
		}
	}
	outer, rel, ok := within(b.mounts, m.Target)
	if !ok {
		return ""
	}
	if !outer.dir {
		return "a file is mounted above it"
	}
	root, err := os.OpenRoot(outer.Source)
	if err != nil {
		return err.Error()
	}
	defer root.Close()
	info, err := root.Stat(rel)
	switch {
	case err == nil && info.IsDir() == m.dir, errors.Is(err, fs.ErrNotExist):
		return ""
	case err == nil:
		return "something is there already"
	default:
		return "it cannot be made"
	}
}

// within finds the innermost mount in which a path of the container is, and the path in it.
func within(all []mounted, p string) (found mounted, rel string, ok bool) {
	for _, m := range all {
		rest, below := strings.CutPrefix(p, strings.TrimSuffix(m.Target, "/")+"/")
		if p == m.Target {
			rest, below = ".", true
		}
		if below && len(m.Target) > len(found.Target) {
			found, rel, ok = m, rest, true
		}
	}
	return found, rel, ok
}

// CanRead implements engines.Prober: a path of this machine can be read when it is in a mount.
func (b *builder) CanRead(_ context.Context, p string) (bool, error) {
	for _, m := range b.mounts {
		rel, err := filepath.Rel(m.Source, p)
		if err == nil && filepath.IsLocal(rel) {
			_, err := os.Stat(p)
			return err == nil, nil
		}
	}
	return false, nil
}

// lookHere tells what is at a path in a mount.
func lookHere(m mounted, rel string) (entry, error) {
	if rel == "." {
		info, err := os.Lstat(m.Source)
		if err != nil {
			return entry{}, err //nolint:wrapcheck // names the file
		}
		return entry{mode: info.Mode(), size: info.Size(), modified: info.ModTime()}, nil
	}
	if !m.dir {
		return entry{}, pathError(m.Target+"/"+rel, fs.ErrNotExist)
	}
	root, err := os.OpenRoot(m.Source)
	if err != nil {
		return entry{}, err //nolint:wrapcheck // names the folder
	}
	defer root.Close()
	info, err := root.Lstat(rel)
	if err != nil {
		return entry{}, err //nolint:wrapcheck // names the file
	}
	e := entry{mode: info.Mode(), size: info.Size(), modified: info.ModTime()}
	if e.mode&fs.ModeSymlink != 0 {
		e.link, err = root.Readlink(rel)
	}
	return e, err //nolint:wrapcheck // names the file
}

// openHere opens a regular file in a mount, whatever has taken its place since it was looked at.
func openHere(m mounted, rel string) (*os.File, error) {
	folder, name := m.Source, rel
	if !m.dir {
		folder, name = path.Dir(m.Source), path.Base(m.Source)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the folder
	}
	defer root.Close()
	file, err := root.OpenFile(name, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = pathError(rel, engines.ErrWrongKind)
	}
	if err != nil {
		_ = file.Close() // was not read
		return nil, err
	}
	return file, nil
}

// listHere finds the files below a folder of a mount.
func listHere(ctx context.Context, m mounted, rel string) ([]item, error) {
	root, err := os.OpenRoot(m.Source)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the folder
	}
	defer root.Close()
	top, err := root.OpenRoot(rel)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the folder
	}
	defer top.Close()
	var found []item
	err = fs.WalkDir(rootfs.FS(top), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if link := d.Type()&fs.ModeSymlink != 0; link || d.Type().IsRegular() {
			found = append(found, item{rel: p, link: link})
		}
		return nil
	})
	return found, err //nolint:wrapcheck // names the file
}
