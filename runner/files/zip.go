package files

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/private"
)

// limits bound what a zip file, which can be much smaller, makes of a disk.
type limits struct {
	bytes   int64
	entries int
}

func most() limits { return limits{1 << 30, 100_000} }

// unzip unpacks into the folder dir, which no entry can leave: os.Root refuses names with ..,
// absolute ones, and links that lead out.
func unzip(dir string, data []byte, mode fs.FileMode, who ids, l limits) error {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("the content is no zip file: %w", err)
	}
	if err := check(archive, l); err != nil { // before anything is written
		return err
	}
	_, statErr := os.Lstat(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if errors.Is(statErr, fs.ErrNotExist) { // a folder that was there keeps its owner
		if err := who.give(func(uid, gid int) error { return root.Chown(".", uid, gid) }); err != nil {
			return err
		}
	}
	u := &unpacker{root: root, mode: mode, who: who, most: l.bytes, left: l.bytes}
	for _, entry := range archive.File {
		if err := u.extract(entry); err != nil {
			return fmt.Errorf("%s: %w", entry.Name, err)
		}
	}
	return nil
}

func check(archive *zip.Reader, l limits) error {
	if len(archive.File) > l.entries {
		return fmt.Errorf("the zip file has %d entries, more than %d", len(archive.File), l.entries)
	}
	total := uint64(0)
	for _, entry := range archive.File {
		if !filepath.IsLocal(filepath.FromSlash(entry.Name)) {
			return fmt.Errorf("the entry %q leads out of the folder", entry.Name)
		}
		if mode := entry.Mode(); !mode.IsDir() && !mode.IsRegular() {
			return fmt.Errorf("the entry %q is neither a file nor a folder", entry.Name)
		}
		if total += entry.UncompressedSize64; total > uint64(l.bytes) || entry.UncompressedSize64 > uint64(l.bytes) {
			return tooLarge(l.bytes)
		}
	}
	return nil
}

func tooLarge(most int64) error {
	return fmt.Errorf("unpacked, the zip file has more than %d bytes", most)
}

// unpacker unpacks the entries of one zip file.
type unpacker struct {
	root *os.Root
	mode fs.FileMode
	who  ids
	most int64 // bytes that may be written
	left int64 // of them: the sizes that entries tell may be wrong
}

func (u *unpacker) extract(entry *zip.File) error {
	name := filepath.FromSlash(strings.TrimSuffix(entry.Name, "/"))
	if entry.Mode().IsDir() {
		return u.folders(name)
	}
	if err := u.folders(filepath.Dir(name)); err != nil {
		return err
	}
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	bounded := &io.LimitedReader{R: content, N: u.left + 1}
	if u.mode == fs.FileMode(Owner) && !modesCount {
		err = u.alone(name, bounded)
	} else {
		err = u.file(name, entry.Mode().Perm()&u.mode, bounded)
	}
	if u.left = bounded.N - 1; err == nil && u.left < 0 {
		return errors.Join(tooLarge(u.most), u.root.Remove(name))
	}
	return err
}

// folders makes a folder and those above it.
func (u *unpacker) folders(name string) error {
	if name == "." {
		return nil
	}
	if err := u.folders(filepath.Dir(name)); err != nil {
		return err
	}
	err := u.root.Mkdir(name, u.mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return u.who.give(func(uid, gid int) error { return u.root.Lchown(name, uid, gid) })
}

func (u *unpacker) file(name string, mode fs.FileMode, content io.Reader) error {
	file, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err == nil {
		err = u.who.give(file.Chown)
	}
	return errors.Join(err, file.Close())
}

// alone writes a file that only we may use where modes do not say so.
func (u *unpacker) alone(name string, content io.Reader) error {
	data, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	// The folders above are the root's own by now: no link that leads out was followed.
	return private.Write(filepath.Join(u.root.Name(), name), data)
}
