package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
)

// errRestarted ends the reading of a transfer that could not go on where it was: what is read next
// begins with the first byte again.
var errRestarted = errors.New("the transfer begins anew")

// primed is how much of a reply must have come before a request has succeeded. A server that cuts
// every connection sooner is waited for as one that fails.
const primed = 64 << 10

// restarts is how often a transfer may begin anew.
const restarts = 10

// transfer reads the bytes of a content as they are sent, that is, encoded, whatever connections
// are cut meanwhile. It is used by one goroutine.
type transfer struct {
	fetcher *Fetcher
	ctx     context.Context //nolint:containedctx // of the download, which a Reader has no parameter for
	content Content
	as      Access

	at        location
	body      io.ReadCloser // nil: a request has to be made
	head      []byte        // came before body
	came      int64         // bytes so far, with head
	total     int64         // -1: not known
	validator string        // for If-Range; "" when the server cannot go on in the middle
	encoding  string
	again     bool // what comes next is the beginning, and a part has been read before
	restarted int
	failed    error
}

// Read gives the next bytes. After errRestarted they are from the beginning.
func (t *transfer) Read(p []byte) (int, error) {
	for {
		if t.again {
			return 0, errRestarted
		}
		if len(t.head) > 0 {
			n := copy(p, t.head)
			t.head = t.head[n:]
			return n, nil
		}
		if t.body == nil {
			if t.failed = t.connect(); t.failed != nil {
				return 0, t.failed
			}
			continue
		}
		n, err := t.body.Read(p)
		t.came += int64(n)
		if n > 0 {
			return n, nil
		}
		if err == nil {
			continue
		}
		if err = t.end(err); err == io.EOF { //nolint:errorlint // a Reader's end is the very value
			return 0, io.EOF
		}
		t.close()
		t.as.log("%s", fmt.Sprintf("The download of %s was interrupted after %d bytes: %v", t.content, t.came, withoutURL(err)))
	}
}

// end is io.EOF when an error of the body is only that nothing is missing. A server may well give less
// than the rest that it was asked for.
func (t *transfer) end(err error) error {
	switch {
	case t.came == t.total:
		return io.EOF
	case err == io.EOF && t.total >= 0: //nolint:errorlint // a Reader's end is the very value
		return io.ErrUnexpectedEOF
	}
	return err
}

// open implements source.
func (t *transfer) open() (plain io.Reader, done func(), err error) {
	if t.body == nil {
		if t.failed = t.connect(); t.failed != nil {
			return nil, nil, t.failed
		}
	}
	t.again = false
	return decoded(t, t.encoding)
}

// explain implements source.
func (t *transfer) explain(err error) error {
	switch {
	case t.failed != nil: // and nothing else counts, even where the last attempt began anew
		return t.failed
	case t.again:
		return nil
	default:
		return fmt.Errorf("%s: what the server sends cannot be decoded as %q: %w", t.content, t.encoding, err)
	}
}

// close implements source.
func (t *transfer) close() {
	if t.body != nil {
		_ = t.body.Close()
		t.body = nil
	}
}

// connect makes requests until one gives bytes that come next, or those from the beginning.
func (t *transfer) connect() error {
	policy := t.fetcher.policy
	policy.Notify = func(err error, wait time.Duration) {
		t.as.log("%s", fmt.Sprintf("Fetching %s failed and is tried again in %v: %v", t.content, wait.Round(100*time.Millisecond), err))
	}
	err := retry.Do(t.ctx, policy, t.attempt)
	if err != nil {
		t.close()
		return reason(t.ctx, fmt.Errorf("%s: %w%s", t.content, err, advice(err)))
	}
	return nil
}

// attempt makes one request.
func (t *transfer) attempt(ctx context.Context) error {
	if now := t.fetcher.Now(); t.at.url == "" || !t.at.expires.IsZero() && now.After(t.at.expires) {
		at, err := t.fetcher.locate(ctx, t.content, t.as)
		if err != nil {
			return retry.Permanent(err)
		}
		t.at = at
	}
	reply, err := t.request(ctx)
	if err != nil {
		return err
	}
	if err := t.accept(reply); err != nil {
		_ = reply.Body.Close()
		return err
	}
	t.body = reply.Body
	return t.prime()
}

// prime waits for the first bytes of a reply.
func (t *transfer) prime() error {
	head := make([]byte, primed)
	n, err := fill(t.body, head)
	t.came += int64(n)
	t.head = append(t.head, head[:n]...)
	if err == nil {
		return nil
	}
	if err = t.end(err); err == io.EOF { //nolint:errorlint // a Reader's end is the very value
		return nil
	}
	t.close()
	return t.located(withoutURL(err))
}

// located adds to an error where the bytes are, unless that is how the content is called anyway.
func (t *transfer) located(err error) error {
	if where := shown(t.at.url); where != t.content.String() {
		return fmt.Errorf("%s: %w", where, err)
	}
	return err
}

// request asks for the bytes that come next if the server can give them, else for all.
func (t *transfer) request(ctx context.Context) (*http.Response, error) {
	ctx, watch := watched(ctx, t.fetcher.Stall)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.at.url, nil)
	if err != nil {
		watch.end()
		return nil, retry.Permanent(errors.New("the url cannot be read"))
	}
	r.Header.Set("Accept-Encoding", "gzip, zstd, identity")
	if t.came > 0 && t.validator != "" {
		r.Header.Set("Range", "bytes="+strconv.FormatInt(t.came, 10)+"-")
		r.Header.Set("If-Range", t.validator)
	}
	reply, err := t.fetcher.http.Do(r)
	if err != nil {
		err = t.located(watch.why(withoutURL(err)))
		watch.end()
		if errors.Is(err, errMetadata) {
			return nil, retry.Permanent(err)
		}
		return nil, err
	}
	watch.body, reply.Body = reply.Body, watch
	return reply, nil
}

// accept takes what the head of a reply says.
func (t *transfer) accept(reply *http.Response) error {
	refused := t.located(&statusError{reply.StatusCode, t.at.signed})
	switch status := reply.StatusCode; {
	case status == http.StatusOK && t.came > 0 && t.restarted == restarts:
		return retry.Permanent(t.located(errCut))
	case status == http.StatusOK:
		t.begin(reply)
		return nil
	case status == http.StatusPartialContent:
		if t.follows(reply) {
			return nil
		}
		t.validator = "" // the next request is for all
		return t.located(ErrChanged)
	case status == http.StatusRequestedRangeNotSatisfiable && t.validator != "":
		t.validator = ""
		return t.located(ErrChanged)
	case t.stale(status):
		t.at = location{}
		return refused
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		return refused
	default:
		return retry.Permanent(refused)
	}
}

// stale tells whether a URL was refused that may have been good before.
func (t *transfer) stale(status int) bool {
	const fresh = time.Minute
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return t.at.signed && (t.fetcher.Now().Sub(t.at.found) > fresh)
	}
	return false
}

// begin notes a reply that has all bytes.
func (t *transfer) begin(reply *http.Response) {
	if t.came > 0 {
		t.again = true
		t.restarted++
	}
	t.came, t.head = 0, nil
	t.total = reply.ContentLength
	t.encoding = strings.ToLower(strings.TrimSpace(reply.Header.Get("Content-Encoding")))
	t.validator = validator(reply.Header)
}

// follows tells whether a reply has the bytes that come next, of the same content.
func (t *transfer) follows(reply *http.Response) bool {
	var first, last int64
	var total string
	_, err := fmt.Sscanf(reply.Header.Get("Content-Range"), "bytes %d-%d/%s", &first, &last, &total)
	if err != nil || first != t.came || t.validator == "" {
		return false
	}
	whole, err := strconv.ParseInt(total, 10, 64)
	if err == nil && t.total >= 0 && whole != t.total {
		return false
	}
	if encoding := reply.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, t.encoding) {
		return false
	}
	tag := reply.Header.Get("ETag")
	if tag != "" && strings.HasPrefix(t.validator, `"`) && tag != t.validator {
		return false
	}
	if err == nil {
		t.total = whole // which the first reply may not have said
	}
	return true
}

// validator is what tells later that the content is still the same: only strong ones do for a
// part of it. The time of its last change is strong when it was well before the reply.
func validator(h http.Header) string {
	if strings.EqualFold(h.Get("Accept-Ranges"), "none") {
		return ""
	}
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	changed, err1 := http.ParseTime(h.Get("Last-Modified"))
	sent, err2 := http.ParseTime(h.Get("Date"))
	if err1 != nil || err2 != nil || sent.Sub(changed) < time.Minute {
		return ""
	}
	return h.Get("Last-Modified")
}
