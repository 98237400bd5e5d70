package dircache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/taskcluster/slugid-go/slugid"

	"github.com/workerkit/workerkit/internal/rmtree"
)

// aside begins the names of what is to be deleted.
const aside = ".deleted-"

func isTrash(name string) bool { return strings.HasPrefix(name, aside) }

// trash deletes directories, one after another, in the background.
type trash struct {
	dir    string
	logger *slog.Logger

	mu      sync.Mutex
	more    *sync.Cond // something was added or deleted, or it is closed
	left    []string
	deleted int
	closed  bool
	done    chan struct{}
}

func newTrash(dir string, logger *slog.Logger) *trash {
	t := &trash{dir: dir, logger: logger, done: make(chan struct{})}
	t.more = sync.NewCond(&t.mu)
	go func() {
		defer close(t.done)
		t.run()
	}()
	return t
}

// take renames a directory aside, so that its name is free at once. Nothing there is no error.
func (t *trash) take(path string) (to string, err error) {
	to = filepath.Join(t.dir, aside+slugid.Nice())
	err = os.Rename(path, to)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("set a cache aside: %w", err)
	}
	return to, nil
}

// discard deletes a directory later.
func (t *trash) discard(path string) error {
	to, err := t.take(path)
	if to != "" {
		t.add(to)
	}
	return err
}

// add deletes what nobody uses any more, later.
func (t *trash) add(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = append(t.left, path)
	t.more.Broadcast()
}

func (t *trash) run() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		for len(t.left) == 0 && !t.closed {
			t.more.Wait()
		}
		if t.closed {
			return
		}
		path := t.left[0]
		t.mu.Unlock()
		err := t.remove(path, t.isClosed)
		t.mu.Lock()
		if err != nil {
			t.logger.Warn("dircache: a cache that is not needed is left", "error", err)
		}
		t.left = t.left[1:]
		t.deleted++
		t.more.Broadcast()
	}
}

// empty waits until everything is deleted, and tells whether there was anything. It returns early
// when ctx ends or the trash is closed.
func (t *trash) empty(ctx context.Context) bool {
	stop := context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.more.Broadcast()
	})
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.deleted
	for len(t.left) > 0 && !t.closed && ctx.Err() == nil {
		t.more.Wait()
	}
	return t.deleted > before
}

// close ends the deleting soon, and waits for its end.
func (t *trash) close() {
	t.mu.Lock()
	t.closed = true
	t.more.Broadcast()
	t.mu.Unlock()
	<-t.done
}

func (t *trash) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// remove deletes a directory, what is in it piece by piece, so that whoever wants it to stop need
// not wait for all of it.
func (t *trash) remove(path string, stopped func() bool) error {
	if !isDir(path) {
		return rmtree.Remove(path)
	}
	dir, err := os.Open(path)
	if err != nil { // its rights were taken
		return rmtree.Remove(path)
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return rmtree.Remove(path)
	}
	for _, name := range names {
		if stopped() {
			return nil
		}
		if err := rmtree.Remove(filepath.Join(path, name)); err != nil {
			return err
		}
	}
	return rmtree.Remove(path)
}
