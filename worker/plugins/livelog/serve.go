package livelog

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Transfer-Encoding")
	token, isLog := strings.CutPrefix(r.URL.Path, "/log/")
	if !isLog {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions: // a browser asks whether it may ask for a range
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
		w.Header().Set("Access-Control-Allow-Headers", "Range")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	st, full := s.enter(token)
	switch {
	case full:
		http.Error(w, "too many read this log: try again later", http.StatusServiceUnavailable)
		return
	case st == nil:
		http.Error(w, "no log of a running task has this token", http.StatusUnauthorized)
		return
	}
	defer s.leave(st)
	st.serve(w, r)
}

// serve sends what the viewer asks for until that is complete, the viewer goes, or the log does.
func (st *stream) serve(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(st.ctx, func() { cancel(errGone) })() //nolint:contextcheck // ends with the log, not with the request
	v, err := look(r.WithContext(ctx), st.log)
	if err != nil {
		refuse(w, err, st.log.Size())
		return
	}
	if r.Method == http.MethodHead {
		v.header(w)
		return
	}
	// A viewer that takes nothing, or has gone behind a proxy, holds up a write for ever.
	broken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(broken)
		abort(control)
	})
	defer func() {
		if !stop() {
			<-broken
		}
	}()
	v.header(w)
	if err := follow(w, control, st.read(ctx, v)); err != nil {
		abort(control)
	}
}

// header says what will come.
func (v view) header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close") // nothing else is asked of a connection that may have been broken
	h.Set("Accept-Ranges", "bytes")
	h.Set("Vary", "Accept-Encoding")
	status := http.StatusOK
	if v.rng != "" {
		status = http.StatusPartialContent
		h.Set("Content-Range", v.rng)
		h.Set("Access-Control-Expose-Headers", "Transfer-Encoding, Content-Range")
	}
	switch {
	case v.gzip:
		h.Set("Content-Encoding", "gzip")
	case v.to != endless:
		h.Set("Content-Length", strconv.FormatInt(v.to-v.from, 10))
	}
	w.WriteHeader(status)
}

// read reads the part of the log that a viewer sees. ctx ends it.
func (st *stream) read(ctx context.Context, v view) io.Reader {
	to := v.to
	if to == endless {
		to = math.MaxInt64
	}
	if v.gzip {
		return st.log.NewGzipReader(ctx, v.from, to)
	}
	return io.LimitReader(st.log.NewReader(ctx, v.from), to-v.from)
}

// abort makes all further writes fail, also one that a viewer holds up by taking nothing. The
// viewer sees a broken connection, and so that its log is not complete.
func abort(control *http.ResponseController) { _ = control.SetWriteDeadline(time.Unix(1, 0)) }

// follow copies the log; each piece goes out at once.
func follow(w io.Writer, control *http.ResponseController, reader io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		if err := control.Flush(); err != nil {
			return err
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
	}
}
