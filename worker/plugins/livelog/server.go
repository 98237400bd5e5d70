package livelog

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"slices"
	"sync"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// server serves the logs of all runs, through one exposure.
type server struct {
	exposer expose.Exposer
	ctx     context.Context //nolint:containedctx // ends with close
	cancel  context.CancelFunc
	trying  sync.WaitGroup // attempts

	mu      sync.Mutex
	attempt *attempt // the newest one; nil: none, or it has failed
	closed  bool
	streams []*stream
}

// attempt is the exposure that runs wait for.
type attempt struct {
	done     chan struct{}   // closed when the following are known
	exposure expose.Exposure // nil with an error
	err      error
}

// stream is one log that is served.
type stream struct {
	token   string
	log     *tasklog.Log
	ctx     context.Context //nolint:containedctx // ends the viewers' requests when the log is removed
	cancel  context.CancelCauseFunc
	viewers sync.WaitGroup
	count   int // of viewers, protected by server.mu
}

// mostViewers bounds what the viewers of a log take: some 100 KiB of memory each.
const mostViewers = 256

var errClosed = errors.New("livelog: closed")

func newServer(exposer expose.Exposer) *server {
	s := &server{exposer: exposer}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// add serves a log. It takes no time; where the log is reached, reach tells.
func (s *server) add(log *tasklog.Log) *stream {
	st := &stream{token: rand.Text(), log: log}
	st.ctx, st.cancel = context.WithCancelCause(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = append(s.streams, st)
	return st
}

// path is where the log is served. It is a secret of those who may read the artifact.
func (st *stream) path() string { return "/log/" + st.token }

// reach waits until the server can be reached. The first run that asks has it exposed, as does the next
// one after a failure.
func (s *server) reach(ctx context.Context) (expose.Exposure, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	a := s.attempt
	if a == nil {
		a = &attempt{done: make(chan struct{})}
		s.attempt = a
		s.trying.Go(func() { s.expose(a) })
	}
	s.mu.Unlock()
	select {
	case <-a.done:
		return a.exposure, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *server) expose(a *attempt) {
	defer close(a.done)
	a.exposure, a.err = s.exposer.Expose(s.ctx, s)
	if a.err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.attempt = nil
	}
}

// remove ends the requests for a log, when ctx ends, and returns when they have ended. The log is
// complete: those who keep up come to its end before.
func (s *server) remove(ctx context.Context, st *stream) {
	s.mu.Lock()
	s.streams = slices.DeleteFunc(s.streams, func(other *stream) bool { return other == st })
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { st.cancel(errGone) })
	defer stop()
	st.viewers.Wait()
	st.cancel(errGone)
}

func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	a := s.attempt
	s.mu.Unlock()
	s.cancel()
	s.trying.Wait()
	if a == nil || a.exposure == nil {
		return nil
	}
	return a.exposure.Close()
}

// enter returns the log of a token, nil when there is none, and counts one more viewer; full says that
// there are too many. It takes the same time whatever part of a token is right.
func (s *server) enter(token string) (found *stream, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		if subtle.ConstantTimeCompare([]byte(st.token), []byte(token)) == 1 {
			found = st
		}
	}
	if found == nil || found.count == mostViewers {
		return nil, found != nil
	}
	found.count++
	found.viewers.Add(1)
	return found, false
}

// leave counts one viewer less.
func (s *server) leave(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.count--
	st.viewers.Done()
}
