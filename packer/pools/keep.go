package pools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/replace"
)

// ErrNothingKept is for a pool of which no former definition is kept.
var ErrNothingKept = errors.New("no former definition is kept")

// Folder is where definitions are kept that were replaced: FOLDER/POOL/TIME.json, as
// updateWorkerPool takes them, and beside it TIME.left: the digest of what took its place. They
// may hold secrets, and only their owner may read them.
type Folder string

const (
	timeForm = "20060102T150405.000Z"
	fullEnd  = ".json"
	leftEnd  = ".left"
)

func (f Folder) of(pool string) string { return filepath.Join(string(f), filepath.FromSlash(pool)) }

// alone runs change while no other alone for the same pool does.
func (f Folder) alone(ctx context.Context, pool string, change func() error) error {
	if !ValidID(pool) { // it becomes a path
		return fmt.Errorf("%q is no id of a worker pool", pool)
	}
	if err := os.MkdirAll(f.of(pool), 0o700); err != nil {
		return fmt.Errorf("keep the former definition: %w", err)
	}
	return replace.Alone(ctx, filepath.Join(f.of(pool), "pool"), change)
}

// save keeps a definition in the folder that alone has made, and returns its file.
func (f Folder) save(d Definition, at time.Time) (string, error) {
	data, err := d.MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("keep the former definition: %w", err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, append(data, '\n'), "", "  "); err != nil {
		return "", fmt.Errorf("keep the former definition: %w", err)
	}
	path := ""
	for { // two in one millisecond are two
		path = filepath.Join(f.of(d.Pool), at.UTC().Format(timeForm)+fullEnd)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		}
		at = at.Add(time.Millisecond)
	}
	if err := private.Write(path, text.Bytes()); err != nil {
		return "", fmt.Errorf("keep the former definition: %w", err)
	}
	return path, nil
}

// discard removes a definition that was not replaced after all.
func (f Folder) discard(path string) { _ = os.Remove(path) }

// note keeps how a pool was left.
func (f Folder) note(kept string, left Definition) error {
	return private.Write(strings.TrimSuffix(kept, fullEnd)+leftEnd, []byte(left.Digest()+"\n"))
}

// Kept is a definition that was replaced.
type Kept struct {
	File       string
	Definition Definition
	Note       string // a warning about the file; "" when there is none
}

// Newest returns the last definition of a pool that was replaced, or ErrNothingKept.
func (f Folder) Newest(pool string) (Kept, error) {
	file, err := f.newest(pool)
	if err != nil {
		return Kept{}, err
	}
	return Open(file, pool)
}

// Left is the digest of what the pool became when it was last changed from here; "" when that is
// not known.
func (f Folder) Left(pool string) (string, error) {
	file, err := f.newest(pool)
	if err != nil {
		return "", err
	}
	data, _, err := private.Read(strings.TrimSuffix(file, fullEnd) + leftEnd)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

func (f Folder) newest(pool string) (string, error) {
	entries, err := os.ReadDir(f.of(pool))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("former definitions: %w", err)
	}
	for _, e := range slices.Backward(entries) { // they are sorted by name, which is the time
		if strings.HasSuffix(e.Name(), fullEnd) {
			return filepath.Join(f.of(pool), e.Name()), nil
		}
	}
	return "", fmt.Errorf("%w in %s", ErrNothingKept, f.of(pool))
}

// Open reads a kept definition, which must be of that pool.
func Open(file, pool string) (Kept, error) {
	data, note, err := private.Read(file)
	if err != nil {
		return Kept{}, fmt.Errorf("read the former definition: %w", err)
	}
	d, err := Decode(data)
	if err != nil {
		return Kept{}, fmt.Errorf("%s: %w", file, err)
	}
	if d.Pool != pool {
		return Kept{}, fmt.Errorf("%s is of the pool %s", file, d.Pool)
	}
	return Kept{file, d, note}, nil
}
