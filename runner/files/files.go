// Package files writes the files that pool config and secrets deliver to a machine.
package files

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/replace"
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

// Write writes files in their order. mode is that of files that do not have their own. An
// error names the file.
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
	who, err := find(f.Owner, f.Group)
	if err != nil {
		return err
	}
	switch f.Format {
	case "file":
		exact, err := parseMode(f.Mode)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return err
		}
		return put(f.Path, data, mode, exact, who)
	case "zip":
		if f.Mode != "" {
			return errors.New("a zip has no mode: its entries have their own")
		}
		return unzip(f.Path, data, mode, who, most())
	default:
		return fmt.Errorf("unknown format %q: use file or zip", f.Format)
	}
}

// parseMode reads a mode such as 0640. It is nil when there is none.
func parseMode(text string) (*fs.FileMode, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return nil, fmt.Errorf("the mode %q is none: use three or four octal digits, up to 0777", text)
	}
	mode := fs.FileMode(n)
	return &mode, nil
}

// put writes a file as a whole. It has the exact mode when there is one, and mode within the
// umask otherwise.
func put(path string, data []byte, mode fs.FileMode, exact *fs.FileMode, who ids) error {
	alone := mode == fs.FileMode(Owner)
	if exact != nil {
		alone, mode = *exact&0o077 == 0, *exact
	}
	if alone && !modesCount {
		return private.Write(path, data)
	}
	return swap(path, data, mode, alone || exact != nil, who)
}

// swap makes a new file take the place of the one at path; a link there is replaced, not
// followed. Until then the new one has a name that nobody can guess and take. With exact its
// mode does not depend on the umask, and nobody else opens it before it has the right owner.
func swap(path string, data []byte, mode fs.FileMode, exact bool, who ids) (err error) {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	first := mode
	if exact {
		first = 0o600
	}
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, first)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close() // the first error counts
			_ = os.Remove(temp)
		}
	}()
	if _, err = bytes.NewReader(data).WriteTo(file); err != nil {
		return err
	}
	if err = who.give(file.Chown); err != nil {
		return err
	}
	if exact {
		if err = file.Chmod(mode); err != nil {
			return err
		}
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	return replace.Rename(temp, path)
}
