package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	maxName     = 4096      // bytes of a path or of what a link leads to; no system takes more
	maxRemember = 256 << 20 // bytes for the names of folders
	copySize    = 256 << 10
)

// tree is the folder that an archive is unpacked into. Two things keep all in it: root follows
// no link out of it, and no entry is made below a symbolic link, so that the place which a link
// leads to can be told from its name alone.
type tree struct {
	ctx        context.Context
	root       *os.Root
	folders    map[string]fs.FileMode // real folders, with the mode that they get at the end; 0 is as it is
	remembered int                    // bytes that folders takes, about
	entries    int64                  // that may still come
	most       int64
	space      *space
	here       folder // the last one that a file was made in
	buf        []byte
}

// folder is one that is open.
type folder struct {
	name string
	*os.Root
}

func newTree(ctx context.Context, dst string, limits Limits) (*tree, error) {
	root, err := os.OpenRoot(dst)
	if err != nil {
		return nil, err
	}
	return &tree{
		ctx: ctx, root: root, folders: map[string]fs.FileMode{".": 0},
		entries: limits.MaxEntries, most: limits.MaxEntries, space: newSpace(dst, limits.MinFree),
		here: folder{".", root}, buf: make([]byte, copySize),
	}, nil
}

// place counts an entry, checks its name and makes the folders above it.
func (t *tree) place(name string) (string, error) {
	if t.ctx.Err() != nil {
		return "", context.Cause(t.ctx)
	}
	if t.entries--; t.entries < 0 {
		return "", fmt.Errorf("%w: it has more than %d entries", ErrLimit, t.most)
	}
	if err := t.space.take(entryBytes); err != nil {
		return "", err
	}
	name, err := local(name)
	if err != nil {
		return "", err
	}
	return name, t.above(path.Dir(name))
}

// local checks a name, and makes it the one that the tree knows the entry by.
func local(name string) (string, error) {
	if len(name) > maxName {
		return "", fmt.Errorf("%w: the name has more than %d bytes", ErrEntry, maxName)
	}
	name = path.Clean(name)
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%w: the entry is outside the folder", ErrEntry)
	}
	if runtime.GOOS == "windows" && !windowsHas(name) {
		return "", fmt.Errorf("%w: Windows has no such names", ErrEntry)
	}
	return name, nil
}

// windowsHas tells whether Windows makes what it is asked to make by this name. It drops dots and
// spaces at the end, so that two names may be one, and takes \ for a slash.
func windowsHas(name string) bool {
	if name == "." {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.TrimRight(part, ". ") != part || strings.ContainsAny(part, `<>:"\|?*`) || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' }) {
			return false
		}
	}
	return true
}

// above makes sure that dir and all above it are real folders.
func (t *tree) above(dir string) error {
	if _, known := t.folders[dir]; known {
		return nil
	}
	if err := t.above(path.Dir(dir)); err != nil {
		return err
	}
	info, err := t.root.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = t.root.Mkdir(dir, 0o755)
	case err == nil && !info.IsDir():
		err = fmt.Errorf("%w: %q is no folder, and the entry is below it", ErrEntry, dir)
	}
	if err != nil {
		return err
	}
	if t.remembered += len(dir) + 64; t.remembered > maxRemember {
		return fmt.Errorf("%w: it has %d folders", ErrLimit, len(t.folders))
	}
	t.folders[dir] = 0
	return nil
}

// enter opens a folder that above has made sure of.
func (t *tree) enter(dir string) error {
	if t.here.name == dir {
		return nil
	}
	to := folder{dir, t.root}
	if dir != "." {
		var err error
		if to.Root, err = t.root.OpenRoot(dir); err != nil {
			return err
		}
	}
	err := t.leave()
	t.here = to
	return err
}

func (t *tree) leave() error {
	if t.here.Root == t.root {
		return nil
	}
	err := t.here.Close()
	t.here = folder{".", t.root}
	return err
}

// clear removes what has the name, unless it is a folder.
func (t *tree) clear(name string) error {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%w: there is a folder of that name", ErrEntry)
	}
	return t.root.Remove(name)
}

// folder makes a folder. It stays writable to us until the end.
func (t *tree) folder(name string, mode fs.FileMode) error {
	name, err := t.place(name)
	if err != nil {
		return err
	}
	if err := t.above(name); err != nil {
		return err
	}
	if name != "." { // its mode is not the archive's to say
		t.folders[name] = mode.Perm()
	}
	return nil
}

// file makes a file with the data.
func (t *tree) file(name string, mode fs.FileMode, modified time.Time, data io.Reader) error {
	name, err := t.place(name)
	if err != nil {
		return err
	}
	if err := t.enter(path.Dir(name)); err != nil {
		return err
	}
	base := path.Base(name)
	file, err := t.here.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err := t.clear(name); err != nil {
			return err
		}
		file, err = t.here.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return err
	}
	err = copyData(t.ctx, file, data, t.buf, t.space)
	err = errors.Join(err, file.Chmod(mode.Perm()), file.Close())
	if err == nil && !modified.IsZero() {
		err = t.here.Chtimes(base, modified, modified)
	}
	return err
}

// copyData writes what it reads, until ctx or the space ends. An end where more was promised is
// the reader's to report.
func copyData(ctx context.Context, w io.Writer, r io.Reader, buf []byte, space *space) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := fill(r, buf)
		if n > 0 {
			if err := space.take(n); err != nil {
				return err
			}
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// finish gives the folders their modes, those inside first, and closes the tree.
func (t *tree) finish() error {
	all := []error{t.leave()}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(t.folders))) {
		if mode := t.folders[name]; mode != 0 {
			all = append(all, t.root.Chmod(name, mode))
		}
	}
	return errors.Join(append(all, t.root.Close())...)
}
