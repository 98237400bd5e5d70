// Package images has the container images of tasks in the engine: pulled by name, or loaded from an
// artifact while that is downloaded and decompressed. What several runs want at the same time is got
// once; what is here is found again after a restart; what nobody uses goes, the least recently used
// first, when space is short.
//
// The image of an artifact gets a name of ours on its way into the engine, in place of those in the
// archive. So an artifact of one task cannot replace the image that another one asks for by name.
package images

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/filecache"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/worker/task"
)

// Images gives runs their images.
type Images interface {
	// Ensure has an image in the engine, and returns when a container can be made of it. It says in
	// the run's log what it does. Errors are a *task.Error, or the cause of ctx. It may be called
	// from any goroutine.
	Ensure(ctx context.Context, ref Ref, run *task.Run) (Image, error)
}

// Ref says which image is wanted: one in a registry by its Name, or the artifact Path of the task
// TaskID, or of the one that the index has at Namespace.
type Ref struct {
	Name            string
	Namespace, Path string
	TaskID          string // must be among the run's dependencies
}

// Image is an image in the engine. It stays there until it is released.
type Image struct {
	ID             string // "sha256:" and 64 hex digits: what containers are made of
	Name           string // for people
	ArtifactSHA256 string // in hex, of the artifact as it was downloaded; "" of one that has a name
	Release        func() // may be called again
}

// Files downloads artifacts: a *filecache.Cache.
type Files interface {
	Get(ctx context.Context, content fetch.Content, as fetch.Access) (*filecache.File, error)
}

// Artifacts asks the services about artifacts: a *fetch.Fetcher.
type Artifacts interface {
	Resolve(ctx context.Context, content fetch.Content, as fetch.Access) (fetch.Content, error)
	Allowed(ctx context.Context, content fetch.Content, as fetch.Access) error
}

// Config is what a Store is made of.
type Config struct {
	API       *client.Client // of the engine
	Files     Files
	Artifacts Artifacts
	State     string       // d2g-image-cache.json
	Pulls     retry.Policy // of pulls that fail when there is no image that would do
	// Login is the login to a registry, as the engine takes it; nil or an empty one is none.
	Login func(ctx context.Context, registry string) (secret.String, error)
	// Free is how many bytes are free on the engine's disk; nil is not known. A pull or load ends when there
	// are fewer than Floor.
	Free   func() (uint64, error)
	Floor  uint64
	Logger *slog.Logger
	Now    func() time.Time
}

// errClosed ends what goes on when the worker ends.
var errClosed = errors.New("the worker is shutting down")

// Store is the Images of one engine. It is a room.Collector as well, and safe for concurrent use. One
// process at a time may have a state file.
type Store struct {
	Config
	ctx   context.Context //nolint:containedctx // of pulls and loads, which outlive a request; Close ends it
	stop  context.CancelCauseFunc
	owned sync.WaitGroup // flights, and the writing of the state

	// busy is held for reading from the moment an image is seen in the engine until it is noted that it
	// is used, and for writing while one is removed. It is taken before mu.
	busy sync.RWMutex

	mu      sync.Mutex
	closed  bool
	records map[string]*record
	held    map[string]int // uses, by the images' ids
	flights map[string]*flight
	dirty   bool // the state has to be written
	saving  bool
}

var _ Images = (*Store)(nil)

// Open reads what is known of earlier workers. A state file that is missing or damaged is a warning.
func Open(c Config) *Store {
	s := &Store{Config: c, held: map[string]int{}, flights: map[string]*flight{}}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.records = s.load()
	return s
}

// Close ends pulls and loads, and writes the state. It returns when all has ended, or ctx has.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop(errClosed)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.owned.Wait()
		s.save()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("images: close: %w", context.Cause(ctx))
	}
}

// Ensure implements Images.
func (s *Store) Ensure(ctx context.Context, ref Ref, run *task.Run) (Image, error) {
	var image Image
	var err error
	if ref.Name != "" {
		image, err = s.named(ctx, ref.Name, run)
	} else {
		image, err = s.artifact(ctx, ref, run)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return image, err
}

// found is an image that is in the engine and has been held.
type found struct{ id, name, sha256 string }

// acquire holds an image by its name or id, when the engine has it; else the id is "".
func (s *Store) acquire(ctx context.Context, name string) (id string, err error) {
	s.busy.RLock()
	defer s.busy.RUnlock()
	id, err = s.inspect(ctx, name)
	if err == nil && id != "" {
		s.hold(id)
	}
	return id, err
}

func (s *Store) hold(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[id]++
}

func (s *Store) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[id]--; s.held[id] == 0 {
		delete(s.held, id)
	}
	s.touch(id)
}

// touch notes that an image has been used. s.mu is held.
func (s *Store) touch(id string) {
	for _, r := range s.records {
		if r.ID == id {
			r.Own.Used = s.Now()
			s.dirty = true // written with the next change, or by Close
		}
	}
}

// image is what a run gets.
func (s *Store) image(f found) Image {
	return Image{ID: f.id, Name: f.name, ArtifactSHA256: f.sha256, Release: sync.OnceFunc(func() { s.release(f.id) })}
}

// isDependency tells whether a run may name a task.
func isDependency(run *task.Run, taskID string) bool {
	return slices.Contains(run.Definition.Dependencies, taskID)
}
