package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
)

// target is where data is PUT. Its URL is a secret.
type target struct {
	url     string
	headers map[string]string
	expires time.Time
}

// errRefused says that the URL was refused and that a fresh one may do.
var errRefused = errors.New("the upload URL was refused")

// errStale says that the URL may be the reason of the failure.
var errStale = errors.New("the upload URL may be no longer good")

const (
	// patience and slowest bound one attempt: so long, and longer the more data there is. It ends as well
	// when nothing of the data has been taken for as long as patience, or no reply has come.
	patience = 2 * time.Minute
	slowest  = 64 << 10 // bytes per second
)

var errStuck = fmt.Errorf("nothing went on for %v", patience)

// watched is a body that ends an attempt when it is not read for as long as patience.
type watched struct {
	io.ReadCloser
	timer *time.Timer
}

// Read implements io.Reader.
func (w watched) Read(p []byte) (int, error) {
	w.timer.Reset(patience)
	return w.ReadCloser.Read(p)
}

// needed is how long sending the data may take.
func needed(d Data) time.Duration { return time.Duration(d.Length/slowest) * time.Second }

// put makes one attempt. sums, when not nil, takes the hashes of what is sent.
func (u *Uploader) put(ctx context.Context, to target, d Data, sums *sums) error {
	ctx, done := context.WithTimeout(ctx, patience+needed(d))
	defer done()
	body, err := open(d)
	if err != nil {
		return retry.Permanent(wrap(d, err))
	}
	if sums != nil {
		body = sums.through(body)
	}
	ctx, stuck := context.WithCancelCause(ctx)
	timer := time.AfterFunc(patience, func() { stuck(errStuck) })
	defer timer.Stop()
	request, err := newRequest(ctx, to, d, watched{body, timer})
	if err != nil {
		_ = body.Close()
		return retry.Permanent(wrap(d, err))
	}
	reply, err := u.HTTP.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errStuck) {
			err = cause
		}
		return wrap(d, withoutURL(err))
	}
	defer reply.Body.Close()
	_, _ = io.CopyN(io.Discard, reply.Body, 64<<10) // so that the connection can be used again
	return judge(d, reply.StatusCode)
}

// open opens exactly d.Length bytes. A file that has grown, or grows, is cut; one that is shorter is an
// error, here or, when it shrinks while it is sent, in the next attempt.
func open(d Data) (io.ReadCloser, error) {
	body, err := d.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChanged, err)
	}
	file, ok := body.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return body, nil
	}
	info, err := file.Stat()
	if err == nil && info.Size() < d.Length {
		err = ErrChanged
	}
	if err != nil {
		_ = body.Close()
		return nil, err
	}
	return cut{io.LimitReader(body, d.Length), body}, nil
}

// cut is the beginning of what Closer closes.
type cut struct {
	io.Reader
	io.Closer
}

func newRequest(ctx context.Context, to target, d Data, body io.ReadCloser) (*http.Request, error) {
	if d.Length == 0 {
		_ = body.Close()
		body = http.NoBody // else net/http would not say that the length is 0
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, to.url, body)
	if err != nil {
		return nil, errors.New("the service gave an upload URL that is none")
	}
	request.ContentLength = d.Length
	for name, value := range to.headers {
		if !strings.EqualFold(name, "Content-Length") {
			request.Header.Set(name, value)
		}
	}
	return request, nil
}

// judge says what a reply's status means.
func judge(d Data, status int) error {
	err := fmt.Errorf("%d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return wrap(d, fmt.Errorf("%w: %w", errRefused, err))
	case status == http.StatusBadRequest:
		// S3's word for a connection that was idle for too long, and for a URL whose credentials
		// have expired before it did.
		return wrap(d, fmt.Errorf("%w: %w", errStale, err))
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return wrap(d, err)
	default:
		return retry.Permanent(wrap(d, fmt.Errorf("%w: %w", ErrRefused, err)))
	}
}

// withoutURL drops the method and URL that net/http puts in front of an error.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
