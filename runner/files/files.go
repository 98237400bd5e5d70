// Package files writes the files that pool config and secrets deliver to a machine.
package files

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/runner/config"
)

// Mode says who may use the files.
type Mode fs.FileMode

// The modes. Files of a pool are public and may be programs, as the public runner writes
// them; those of a secret are their owner's alone.
const (
	Public Mode = 0o777
	Owner  Mode = 0o700
)

// Write writes files in their order. An error names the file.
func Write(files []config.File, mode Mode) error {
	for _, f := range files {
		if err := write(f, fs.FileMode(mode)); err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	return nil
}

func write(f config.File, mode fs.FileMode) error {
	if f.Path == "" {
		return errors.New("it has no path")
	}
	if f.Encoding != "base64" {
		return fmt.Errorf("unknown encoding %q: use base64", f.Encoding)
	}
	data, err := base64.StdEncoding.DecodeString(f.Content.Reveal())
	if err != nil {
		return errors.New("the content is not base64")
	}
	switch f.Format {
	case "file":
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return err
		}
		if mode == fs.FileMode(Owner) {
			return putOwner(f.Path, data)
		}
		return put(f.Path, bytes.NewReader(data), mode)
	case "zip":
		return unzip(f.Path, data, mode)
	default:
		return fmt.Errorf("unknown format %q: use file or zip", f.Format)
	}
}

// putOwner writes a file, perhaps a program, that only we may use.
func putOwner(path string, data []byte) error {
	if err := private.Write(path, data); err != nil {
		return err
	}
	return makeProgram(path)
}

// put writes a file as a whole, within the umask; a link at path is replaced, not followed.
// Until then it has a name that nobody can guess and take.
func put(path string, content io.Reader, mode fs.FileMode) (err error) {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close() // the first error counts
			_ = os.Remove(temp)
		}
	}()
	if _, err = io.Copy(file, content); err != nil {
		return err
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// unzip unpacks into the folder dir, which no entry can leave: os.Root refuses names with ..,
// absolute ones, and links that lead out.
func unzip(dir string, data []byte, mode fs.FileMode) error {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("the content is no zip file: %w", err)
	}
	for _, entry := range archive.File { // before anything is written
		if err := check(entry); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, entry := range archive.File {
		if err := extract(root, entry, mode); err != nil {
			return fmt.Errorf("%s: %w", entry.Name, err)
		}
	}
	return nil
}

func check(entry *zip.File) error {
	if !filepath.IsLocal(filepath.FromSlash(entry.Name)) {
		return fmt.Errorf("the entry %q leads out of the folder", entry.Name)
	}
	if mode := entry.Mode(); !mode.IsDir() && !mode.IsRegular() {
		return fmt.Errorf("the entry %q is neither a file nor a folder", entry.Name)
	}
	return nil
}

func extract(root *os.Root, entry *zip.File, mode fs.FileMode) error {
	name := filepath.FromSlash(entry.Name)
	if entry.Mode().IsDir() {
		return root.MkdirAll(name, mode)
	}
	if err := root.MkdirAll(filepath.Dir(name), mode); err != nil {
		return err
	}
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if mode == fs.FileMode(Owner) && !modesCount {
		// The folders above are the root's own by now: MkdirAll follows no link that leads out.
		data, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		return private.Write(filepath.Join(root.Name(), name), data)
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, entry.Mode().Perm()&mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
