package livelog

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/expose"
	"github.com/workerkit/workerkit/worker/tasklog"
)

// server serves the logs of all runs, on one listener.
type server struct {
	exposer expose.Exposer

	mu       sync.Mutex
	exposure expose.Exposure // nil: not listening
	closed   bool
	streams  []*stream
}

// stream is one log that is served.
type stream struct {
	token   string
	log     *tasklog.Log
	ctx     context.Context //nolint:containedctx // ends the viewers' requests when the log is removed
	cancel  context.CancelCauseFunc
	viewers sync.WaitGroup
}

// add serves a log and returns its URL, which is a secret of those who may read the artifact.
func (s *server) add(ctx context.Context, log *tasklog.Log) (*stream, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, "", errors.New("livelog: closed")
	}
	if s.exposure == nil {
		exposure, err := s.exposer.Expose(ctx, s)
		if err != nil {
			return nil, "", err
		}
		s.exposure = exposure
	}
	st := &stream{token: rand.Text(), log: log}
	st.ctx, st.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.streams = append(s.streams, st)
	return st, s.exposure.URL() + "/log/" + st.token, nil
}

// remove ends the requests for a log and returns when they have ended.
func (s *server) remove(st *stream) {
	s.mu.Lock()
	s.streams = slices.DeleteFunc(s.streams, func(other *stream) bool { return other == st })
	s.mu.Unlock()
	st.cancel(errGone)
	st.viewers.Wait()
}

func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	exposure := s.exposure
	s.exposure = nil
	s.mu.Unlock()
	if exposure == nil {
		return nil
	}
	return exposure.Close()
}

// find returns the log of a token and counts one more viewer. It takes the same time
// whatever part of a token is right.
func (s *server) find(token string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *stream
	for _, st := range s.streams {
		if subtle.ConstantTimeCompare([]byte(st.token), []byte(token)) == 1 {
			found = st
		}
	}
	if found != nil {
		found.viewers.Add(1)
	}
	return found
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Transfer-Encoding")
	token, isLog := strings.CutPrefix(r.URL.Path, "/log/")
	if !isLog {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	st := s.find(token)
	if st == nil {
		http.Error(w, "no log of a running task has this token", http.StatusUnauthorized)
		return
	}
	defer st.viewers.Done()
	s.serve(w, r, st)
}

// serve sends the log from its beginning until it is complete, the viewer goes, or the log does.
func (s *server) serve(w http.ResponseWriter, r *http.Request, st *stream) {
	control := http.NewResponseController(w)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	broken := make(chan struct{})
	stop := context.AfterFunc(st.ctx, func() { //nolint:contextcheck // ends with the log, not with the request
		defer close(broken)
		cancel(errGone)
		abort(control)
	})
	defer func() {
		if !stop() {
			<-broken
		}
	}()
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Connection", "close") // nothing else is asked of a connection that may have been broken
	w.WriteHeader(http.StatusOK)
	reader := st.log.NewReader(ctx, 0)
	defer reader.Close()
	if err := follow(w, control, reader); err != nil {
		abort(control)
	}
}

// abort makes all further writes fail, also one that a viewer holds up by taking nothing. The
// viewer sees a broken connection, and so that its log is not complete.
func abort(control *http.ResponseController) { _ = control.SetWriteDeadline(time.Unix(1, 0)) }

// follow copies the log and flushes whenever there is no more for now.
func follow(w io.Writer, control *http.ResponseController, reader io.Reader) error {
	buf := make([]byte, 32<<10)
	caughtUp := true // the header goes out at once
	for {
		if caughtUp {
			if err := control.Flush(); err != nil {
				return err
			}
		}
		n, err := reader.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		caughtUp = n < len(buf)
	}
}
