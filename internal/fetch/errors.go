package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/workerkit/workerkit/internal/tc"
)

var (
	// ErrMismatch means that the content is complete and its hash is not the expected one.
	ErrMismatch = errors.New("the content is not the expected one")
	// ErrNoSpace means that the file does not fit on the worker's disk.
	ErrNoSpace = errors.New("the worker's disk is full")
	// ErrChanged means to a reader that the content has become another one at its source, after a
	// part of it was read.
	ErrChanged = errors.New("the content changed at its source while it was downloaded")

	errStalled  = errors.New("the server sent nothing for too long")
	errCut      = errors.New("every transfer is cut, and the server cannot go on in the middle")
	errMetadata = errors.New("that is an address of the machine's own network, where tasks may not have the worker look")
)

// statusError is a reply that is not the content.
type statusError struct {
	status int
	signed bool
}

// Error implements error.
func (e *statusError) Error() string {
	return fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
}

// deniedError says what is needed in place of the queue's own text, which is long and about the worker.
type deniedError struct {
	text  string
	cause error // the queue's
}

// Error implements error.
func (e *deniedError) Error() string { return e.text }

// Unwrap gives the queue's error.
func (e *deniedError) Unwrap() error { return e.cause }

// advice says what can be done about the last error of a download; "" when the error says so itself.
func advice(err error) string {
	e, ok := errors.AsType[*statusError](err)
	switch {
	case tc.Status(err) != 0 || errors.Is(err, errMetadata):
		return ""
	case !ok:
		return ": the server cannot be reached or does not send all: check the address, or run the task again later"
	case e.status == http.StatusTooManyRequests || e.status >= 500:
		return ": the server has trouble: run the task again later"
	case e.signed:
		return ": the storage does not give the artifact's data: run the task that makes it again, or ask whoever runs the deployment's storage"
	case e.status == http.StatusNotFound || e.status == http.StatusGone:
		return ": nothing is there: check the url"
	case e.status == http.StatusForbidden || e.status == http.StatusUnauthorized:
		return ": the worker sends no credentials with a url: use one that everybody may read, or an artifact"
	default:
		return ": the server does not accept the request: check the url"
	}
}

// withoutURL drops the URL, which may be secret, that net/http puts in front of an error.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// reason is err or, when that is only that ctx has ended, why.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
