package archive

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// symlink makes a symbolic link that leads to a place in the folder.
func (t *tree) symlink(name, target string) error {
	name, err := t.place(name)
	if err != nil {
		return err
	}
	slashed := filepath.ToSlash(target)
	if len(target) > maxName || path.IsAbs(slashed) || filepath.IsAbs(target) || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), slashed))) {
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

// symlinkFrom is symlink for formats that have the target in the entry's data.
func (t *tree) symlinkFrom(name string, data io.Reader) error {
	target, err := io.ReadAll(io.LimitReader(data, maxName+1))
	if err != nil {
		return err
	}
	return t.symlink(name, string(target))
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
	target, err = t.earlier(target)
	if err != nil || target == name {
		return err
	}
	if err := t.clear(name); err != nil {
		return err
	}
	return t.root.Link(target, name)
}

// earlier checks what a hard link leads to: a file in the folder, not below a symbolic link.
func (t *tree) earlier(target string) (string, error) {
	target, err := local(target)
	if err != nil {
		return "", fmt.Errorf("%w: the hard link leads outside the folder", ErrEntry)
	}
	if err := t.above(path.Dir(target)); err != nil {
		return "", err
	}
	info, err := t.root.Lstat(target)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%w: the hard link does not lead to a file", ErrEntry)
	}
	return target, nil
}

// again makes a copy of a file that was unpacked before.
func (t *tree) again(name, target string, mode fs.FileMode, modified time.Time) error {
	target, err := t.earlier(target)
	if err != nil {
		return err
	}
	file, err := t.root.Open(target)
	if err != nil {
		return err
	}
	defer file.Close()
	return t.file(name, mode, modified, file)
}
