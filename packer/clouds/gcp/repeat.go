package gcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/workerkit/workerkit/internal/retry"
)

// repeater makes calls again that Google cannot answer at the moment, because its library for
// Compute Engine does not. None of our calls has a body, and each can be made twice.
type repeater struct {
	base http.RoundTripper
	log  *slog.Logger
}

var errMoment = errors.New("not now")

// RoundTrip implements http.RoundTripper. When patience ends it returns the last answer.
func (r repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	const attempts, patience = 5, time.Minute
	var answer *http.Response
	policy := retry.Policy{Attempts: attempts, Total: patience, Factor: 2, Notify: func(err error, wait time.Duration) {
		r.log.Debug("call Google again", slog.String("path", req.URL.Path), slog.Duration("wait", wait), slog.Any("error", err))
	}}
	err := retry.Do(req.Context(), policy, func(context.Context) error {
		discard(answer)
		var err error
		if answer, err = r.base.RoundTrip(req); err != nil { //nolint:bodyclose // by discard, or by the library
			return err
		}
		return momentary(answer)
	})
	if ended := req.Context().Err(); ended != nil {
		discard(answer)
		return nil, ended
	}
	if answer != nil { // whatever it says: the library makes an error of it
		return answer, nil
	}
	return nil, err
}

// momentary is an error when the same call may do better later.
func momentary(answer *http.Response) error {
	switch code := answer.StatusCode; {
	case code == http.StatusTooManyRequests, code >= http.StatusInternalServerError && code != http.StatusNotImplemented:
	case code == http.StatusForbidden && strings.Contains(peek(answer), "ateLimitExceeded"): // rate…, userRate…
	default:
		return nil
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		return backoff.RetryAfter(seconds)
	}
	return errMoment
}

// peek reads a body of an error, and puts it back.
func peek(answer *http.Response) string {
	const most = 1 << 20
	text, _ := io.ReadAll(io.LimitReader(answer.Body, most)) // what is missing is missing for the library too
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return string(text)
}

func discard(answer *http.Response) {
	if answer != nil {
		_ = answer.Body.Close()
	}
}
