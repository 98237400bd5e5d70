package signproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/workerkit/workerkit/internal/retry"
)

// smallBody is up to which size a body is kept, so that its call can be repeated.
const smallBody = 64 << 10

// transport signs each attempt anew, and repeats those calls that can be.
type transport struct {
	signer signer
	next   http.RoundTripper
	retry  retry.Policy
}

var errServer = errors.New("the service answered with a fault of its own")

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !repeatable(r) {
		return t.once(r, r.Body)
	}
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	var reply *http.Response
	err = retry.Do(r.Context(), t.retry, func(context.Context) error {
		if reply != nil {
			_ = reply.Body.Close() // of the attempt before
		}
		var err error
		reply, err = t.once(r, reader(body)) //nolint:bodyclose // the caller's, or closed above
		if err == nil && reply.StatusCode >= http.StatusInternalServerError {
			return errServer
		}
		return err
	})
	if reply != nil {
		return reply, nil // of the last attempt, also if it is a fault
	}
	return nil, err
}

// once makes one attempt.
func (t *transport) once(r *http.Request, body io.ReadCloser) (*http.Response, error) {
	attempt := r.Clone(r.Context())
	if body != nil && r.ContentLength > 0 {
		body = &whole{body, r.ContentLength}
	}
	attempt.Body, attempt.GetBody = body, nil
	if err := t.signer.sign(attempt); err != nil {
		if body != nil {
			_ = body.Close() // a transport closes it whatever happens
		}
		return nil, retry.Permanent(err)
	}
	return t.next.RoundTrip(attempt)
}

// whole is a body that knows its end. The transport looks for it once more after the last byte, when
// the service may have answered already, and the server that the body is of has closed it: taken for
// an error, that would end the reply.
type whole struct {
	io.ReadCloser
	left int64
}

func (w *whole) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, io.EOF
	}
	n, err := w.ReadCloser.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	return n, err //nolint:wrapcheck // as it is
}

// repeatable tells whether a call does the same when it comes twice, and can be kept.
func repeatable(r *http.Request) bool {
	idempotent := []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete}
	return slices.Contains(idempotent, r.Method) && r.ContentLength >= 0 && r.ContentLength <= smallBody
}

// read takes a small body; nil is none.
func read(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller's own connection broke
	}
	return body, nil
}

func reader(body []byte) io.ReadCloser {
	if body == nil {
		return nil
	}
	return io.NopCloser(bytes.NewReader(body))
}
