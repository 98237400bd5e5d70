package tc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/taskcluster/httpbackoff/v3"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
)

// Error is a call that failed. It holds nothing of the request or of the reply but the
// service's own code and the first paragraph of its message.
type Error struct {
	Op      string // the call, as in the API reference: queue.claimWork
	Status  int    // HTTP status; 0 when no reply came
	Code    string // Taskcluster's code: InputError, InsufficientScopes, …
	Message string
	Err     error // the transport's error when no reply came
}

// Error implements error in one line.
func (e *Error) Error() string {
	switch {
	case e.Status == 0:
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	case e.Code == "":
		return fmt.Sprintf("%s: %d %s", e.Op, e.Status, http.StatusText(e.Status))
	default:
		return fmt.Sprintf("%s: %d %s: %s", e.Op, e.Status, e.Code, e.Message)
	}
}

// Unwrap gives the transport's error, if that is what failed.
func (e *Error) Unwrap() error { return e.Err }

// Status is the HTTP status of the reply in err's chain, 0 when there was none.
func Status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// Temporary tells whether the same call may succeed later: no reply, 429, or 5xx.
func Temporary(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Status == 0 || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// clean turns an error of the public client, which may hold whole replies, into an *Error.
func clean(op string, err error) error {
	if err == nil {
		return nil
	}
	var exception *tcclient.APICallException
	if !errors.As(err, &exception) {
		return &Error{Op: op, Err: withoutURL(err)}
	}
	var bad httpbackoff.BadHttpResponseCode
	if !errors.As(exception.RootCause, &bad) {
		if s := exception.CallSummary; s != nil && s.HTTPResponse != nil {
			// a reply that does not decode: its text may hold credentials
			return &Error{Op: op, Status: s.HTTPResponse.StatusCode, Code: "BadReply", Message: "the reply is not the JSON that the API promises"}
		}
		return &Error{Op: op, Err: withoutURL(exception.RootCause)}
	}
	e := &Error{Op: op, Status: bad.HttpResponseCode}
	var body struct{ Code, Message string }
	if s := exception.CallSummary; s != nil && json.Unmarshal([]byte(s.HTTPResponseBody), &body) == nil {
		e.Code, e.Message = body.Code, firstParagraph(body.Message)
	}
	return e
}

// withoutURL drops the method and URL that net/http puts in front of an error.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func firstParagraph(message string) string {
	message, _, _ = strings.Cut(message, "\n\n---\n")
	message = strings.Join(strings.Fields(message), " ")
	const most = 600
	if len(message) > most {
		message = message[:most] + "…"
	}
	return message
}
