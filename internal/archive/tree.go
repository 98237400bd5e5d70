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
	"slices"
	"strings"
	"time"
)

// tree is the folder that an archive is unpacked into. Two things keep all in it: root follows
// no link out of it, and no entry is made below a symbolic link, so that the place which a link
// leads to can be told from its name alone.
type tree struct {
	ctx     context.Context
	root    *os.Root
	folders map[string]fs.FileMode // real folders, with the mode that they get at the end; 0 is as it is
}

// place checks the name of an entry and makes the folders above it.
func (t *tree) place(name string) (string, error) {
	if err := t.ctx.Err(); err != nil {
		return "", context.Cause(t.ctx)
	}
	name = path.Clean(name)
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%w: the entry is outside the folder", ErrEntry)
	}
	return name, t.above(path.Dir(name))
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
	if err == nil {
		t.folders[dir] = 0
	}
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

func (t *tree) file(name string, mode fs.FileMode, modified time.Time, data io.Reader) (err error) {
	name, err = t.place(name)
	if err != nil {
		return err
	}
	if err := t.clear(name); err != nil {
		return err
	}
	file, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, cancelled{t.ctx, data})
	err = errors.Join(err, file.Chmod(mode.Perm()), file.Close())
	if err == nil && !modified.IsZero() {
		err = t.root.Chtimes(name, modified, modified)
	}
	return err
}

// symlink makes a symbolic link that leads to a place in the folder.
func (t *tree) symlink(name, target string) error {
	name, err := t.place(name)
	if err != nil {
		return err
	}
	slashed := filepath.ToSlash(target)
	if path.IsAbs(slashed) || filepath.IsAbs(target) || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), slashed))) {
		return fmt.Errorf("%w: the symbolic link leads outside the folder", ErrEntry)
	}
	if winds(slashed) {
		return fmt.Errorf("%w: the symbolic link goes up after it went down", ErrEntry)
	}
	if err := t.clear(name); err != nil {
		return err
	}
	return t.root.Symlink(target, name)
}

// winds tells whether a link's way goes up after it went down. What it goes down through may be a
// symbolic link, now or later, and up from there is elsewhere than the name says.
func winds(target string) bool {
	down := false
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if down {
				return true
			}
		default:
			down = true
		}
	}
	return false
}

// link makes a further name of a file that was unpacked before.
func (t *tree) link(name, target string) error {
	name, err := t.place(name)
	if err != nil {
		return err
	}
	target = path.Clean(target)
	if !filepath.IsLocal(filepath.FromSlash(target)) {
		return fmt.Errorf("%w: the hard link leads outside the folder", ErrEntry)
	}
	if target == name {
		return nil
	}
	if err := t.above(path.Dir(target)); err != nil {
		return err
	}
	info, err := t.root.Lstat(target)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: the hard link does not lead to a file", ErrEntry)
	}
	if err := t.clear(name); err != nil {
		return err
	}
	return t.root.Link(target, name)
}

// finish gives the folders their modes, those inside first.
func (t *tree) finish() error {
	var all []error
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(t.folders))) {
		if mode := t.folders[name]; mode != 0 {
			all = append(all, t.root.Chmod(name, mode))
		}
	}
	return errors.Join(all...)
}

// cancelled is a reader that fails when the context has ended.
type cancelled struct {
	ctx context.Context
	io.Reader
}

func (c cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.Reader.Read(p)
}
