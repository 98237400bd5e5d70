// Package private reads and writes files that hold secrets or state: only their owner may read
// them, and they are replaced as a whole, so that a crash leaves the old or the new content. It
// makes folders for such files too.
//
// On Windows the system and its administrators may read them as well, as they may everything, and
// theirs are ours: whatever an elevated administrator or a program of the system's account makes in
// the ordinary way belongs to the group of the administrators.
package private

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/replace"
)

// ErrExposed means that somebody else may read (or change) the file, and that we may not or
// should not put that right ourselves.
var ErrExposed = errors.New("not private")

// ErrSymlink means that the path is a symbolic link that is not root's.
var ErrSymlink = errors.New("a symbolic link")

// Read returns the content of a file that only its owner may read. Where others may read it
// and the file is ours, it makes it owner-only first and says so in note, a warning for the
// log; where it is not ours, it fails with ErrExposed. The last part of path must not be a
// symbolic link, unless root made it.
func Read(path string) (data []byte, note string, err error) {
	file, err := open(path)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() {
		return nil, "", fmt.Errorf("%s: it is a %s, not a regular file", path, kindOf(info.Mode()))
	}
	note, err = tighten(file, info)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	data, err = io.ReadAll(file)
	if err != nil {
		return nil, "", err
	}
	return data, note, nil
}

// MkdirAll makes the folder at path, which only we may enter, and those above it where they are
// missing. One that is there is closed to others. On Windows the system and its administrators may
// enter it too, what is in it has the same rights, and a link at path is refused unless they or we made it.
func MkdirAll(path string) error {
	path = filepath.Clean(path)
	const usual = 0o755
	if err := os.MkdirAll(filepath.Dir(path), usual); err != nil { //nolint:gosec // those above are not ours alone
		return err
	}
	return closed(path)
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeDevice != 0:
		return "device"
	default:
		return "special file"
	}
}

// Write replaces the file at path by one with the content data that only we may read. The new
// file is complete on disk before it takes the name, and Write returns when the name is on
// disk too. A symbolic link at path is replaced, not followed. The folder must exist.
func Write(path string, data []byte) error {
	if err := write(path, data, (*os.File).Sync); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// WriteFast is Write without waiting for the disk, which takes milliseconds. It is for a file
// that whoever writes it will write again after a crash.
func WriteFast(path string, data []byte) error {
	return write(path, data, func(*os.File) error { return nil })
}

func write(path string, data []byte, sync func(*os.File) error) (err error) {
	file, err := create(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
			_ = file.Close() // the first error counts
			_ = os.Remove(file.Name())
		}
	}()
	if _, err = file.Write(data); err != nil {
		return err
	}
	if err = sync(file); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	return replace.Rename(file.Name(), path)
}
