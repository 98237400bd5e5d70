package images

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/fetch"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/worker/task"
)

// errLeft ends a pull or load that nobody waits for.
var errLeft = errors.New("nobody waits for the image any more")

// quiet is the time between lines about the progress.
const quiet = 30 * time.Second

// flight is a pull or load that several runs wait for.
type flight struct {
	key   string
	stop  context.CancelCauseFunc
	ended chan struct{} // closed when found or err is set, and found is held for each of members

	found found
	err   error

	mu      sync.Mutex // guards what follows; taken after Store.mu
	members []*task.Run
	said    time.Time
}

// share begins to get an image, or joins those who wait for it. What it returns is held.
func (s *Store) share(ctx context.Context, key string, run *task.Run, get func(context.Context, *flight) (found, error)) (found, error) {
	f, err := s.admit(key, run, get) //nolint:contextcheck // it outlives the one who asks first
	if err != nil {
		return found{}, err
	}
	select {
	case <-f.ended:
		return f.found, f.err
	case <-ctx.Done():
		if s.leave(f, run) {
			return found{}, context.Cause(ctx)
		}
		return f.found, f.err
	}
}

func (s *Store) admit(key string, run *task.Run, get func(context.Context, *flight) (found, error)) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, task.Shutdown("the image: %w", errClosed)
	}
	if f := s.flights[key]; f != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.members = append(f.members, run)
		return f, nil
	}
	ctx, stop := context.WithCancelCause(s.ctx)
	f := &flight{key: key, stop: stop, ended: make(chan struct{}), members: []*task.Run{run}, said: s.Now()}
	s.flights[key] = f
	s.owned.Go(func() {
		defer stop(nil)
		got, err := get(ctx, f)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if errors.Is(err, errClosed) {
			err = task.Shutdown("the image: %w", errClosed)
		}
		s.land(f, got, err)
	})
	return f, nil
}

// land gives those who wait what there is.
func (s *Store) land(f *flight, got found, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.flights[f.key] == f {
		delete(s.flights, f.key)
	}
	f.found, f.err = got, err
	if err == nil {
		// The flight's own hold becomes that of the members.
		if s.held[got.id] += len(f.members) - 1; s.held[got.id] == 0 {
			delete(s.held, got.id)
		}
		s.touch(got.id)
	}
	close(f.ended)
}

// leave removes one who waits; the last one ends the flight. It is false when it has landed, and the
// image is held.
func (s *Store) leave(f *flight, run *task.Run) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-f.ended:
		return false
	default:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(f.members, run); i >= 0 {
		f.members = slices.Delete(f.members, i, i+1)
	}
	if len(f.members) == 0 {
		f.stop(errLeft)
		if s.flights[f.key] == f {
			delete(s.flights, f.key)
		}
	}
	return true
}

// access acts for those who wait: any of them may leave.
func (f *flight) access() fetch.Access {
	credentials := func() tc.Credentials {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.members) == 0 || f.members[0].Credentials == nil {
			return tc.Credentials{}
		}
		return f.members[0].Credentials()
	}
	return fetch.Access{Credentials: credentials, Log: f.info}
}

// info writes a line to the logs of those who wait.
func (f *flight) info(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, run := range f.members {
		run.Log.Info("[d2g] "+format, args...)
	}
}

// warn is info for what somebody should look at.
func (f *flight) warn(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, run := range f.members {
		run.Log.Warn("[d2g] "+format, args...)
	}
}

// progress is info now and then, so that a log gets few lines of what takes long.
func (f *flight) progress(now time.Time, format string, args ...any) {
	f.mu.Lock()
	due := now.Sub(f.said) >= quiet
	if due {
		f.said = now
	}
	f.mu.Unlock()
	if due {
		f.info(format, args...)
	}
}
