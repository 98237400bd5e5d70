package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// ErrBusy means that another start-worker of this machine answers on the socket.
var ErrBusy = errors.New("somebody else answers there")

const (
	// asking is how long a request may take to arrive, answering how long its answer may take
	// to be read: who hangs on the socket must not hold anything up.
	asking, answering = 5 * time.Second, 30 * time.Second
	// heard is how long a drain waits for the worker: before its hello it cannot be asked.
	heard = 5 * time.Second
	// largestHead and largestBody bound what a request can make us keep.
	largestHead, largestBody = 8 << 10, 4 << 10
)

// Serve answers for r on a Unix socket at path until ctx ends. A socket there that nobody
// listens on is replaced; one that somebody listens on is left alone, which is ErrBusy.
func Serve(ctx context.Context, path string, r Runner) error {
	listener, err := open(ctx, path)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	ours, err := os.Lstat(path)
	if err != nil {
		return errors.Join(fmt.Errorf("control socket: %w", err), listener.Close())
	}
	server := &http.Server{
		Handler: handler(r), MaxHeaderBytes: largestHead,
		ReadTimeout: asking, ReadHeaderTimeout: asking, WriteTimeout: answering, IdleTimeout: asking,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// Whoever asked for a drain is told of it before the program ends.
		last, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		if server.Shutdown(last) != nil {
			_ = server.Close() // the program is about to end anyhow
		}
	})
	err = server.Serve(listener)
	if !stop() {
		<-stopped
	}
	remove(path, ours)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control socket: %w", err)
}

// open listens at path, unless somebody else does.
func open(ctx context.Context, path string) (net.Listener, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return listen(path)
	case err != nil:
		return nil, err
	case !isSocket(info):
		return nil, fmt.Errorf("%s is there and is no socket", path)
	}
	if other, err := dial(ctx, path); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrBusy), other.Close())
	}
	return listen(path)
}

// remove removes the socket, unless it is another's by now.
func remove(path string, ours fs.FileInfo) {
	if now, err := os.Lstat(path); err == nil && os.SameFile(now, ours) {
		_ = os.Remove(path) // the next start replaces what is left
	}
}

func handler(r Runner) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, r.Status())
	})
	mux.HandleFunc("POST /v1/drain", func(w http.ResponseWriter, q *http.Request) {
		var wish drainRequest
		d := json.NewDecoder(http.MaxBytesReader(w, q.Body, largestBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&wish); err != nil {
			answer(w, http.StatusBadRequest, failure{"the request is no {\"finishTasks\": true or false}"})
			return
		}
		ctx, done := context.WithTimeout(q.Context(), heard)
		defer done()
		switch err := r.Drain(ctx, wish.FinishTasks); {
		case err == nil:
			answer(w, http.StatusOK, drainReply{Asked: true})
		case errors.Is(err, context.DeadlineExceeded):
			answer(w, http.StatusAccepted, drainReply{})
		default:
			answer(w, http.StatusConflict, failure{err.Error()})
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		writeMetrics(w, r.Status())
	})
	return mux
}

// drainRequest is the body of a drain.
type drainRequest struct {
	FinishTasks bool `json:"finishTasks"`
}

// drainReply is the answer to it.
type drainReply struct {
	Asked bool `json:"asked"` // the worker knows already
}

// failure is the body of an answer that is no success.
type failure struct {
	Message string `json:"message"`
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who has gone misses nothing
}
