package livelog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/worker/tasklog"
)

// view is the part of a log that a viewer asks for.
type view struct {
	from, to int64  // to is endless when the viewer follows the log to its end
	rng      string // the value of Content-Range; empty when no range was asked for
	gzip     bool
}

const (
	endless = -1
	// farBeyond is how far beyond the end of the log a range that follows it reaches at least, as in
	// RFC 8673: one that ends nearer means what there is. No log is so long.
	farBeyond = 100_000_000_000
)

// refusal is a request that cannot be served, with its status.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// look finds out what a viewer asks for. Its errors are a *refusal or the context's.
func look(r *http.Request, log *tasklog.Log) (view, error) {
	size := log.Size()
	v := view{to: endless, gzip: acceptsGzip(r.Header)}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return v, &refusal{http.StatusBadRequest, "the query cannot be understood"}
	}
	if text := query.Get("follow"); text != "" {
		follow, err := strconv.ParseBool(text)
		if err != nil {
			return v, &refusal{http.StatusBadRequest, "follow must be true or false"}
		}
		if !follow {
			v.to = size
		}
	}
	if query.Has("tail") {
		return v.tail(r.Context(), log, query.Get("tail"))
	}
	if spec, found := strings.CutPrefix(r.Header.Get("Range"), "bytes="); found && r.Header.Get("If-Range") == "" {
		return v.ranged(spec, size)
	}
	return v, nil
}

// tail is the last so many lines, and what follows.
func (v view) tail(ctx context.Context, log *tasklog.Log, text string) (view, error) {
	lines, err := strconv.Atoi(text)
	if err != nil || lines < 0 {
		return v, &refusal{http.StatusBadRequest, "tail must be a number of lines"}
	}
	v.from, err = log.LastLines(ctx, lines)
	if v.to != endless {
		v.to = max(v.to, v.from)
	}
	return v, err
}

// ranged is one range of bytes of a log with so many for now. The representation that it is of is
// the text, not compressed. Ranges that are none are ignored, and several are as well.
func (v view) ranged(spec string, size int64) (view, error) {
	first, last, ok := parseRange(spec, size)
	if !ok {
		return v, nil
	}
	follows := v.to == endless && last >= size && last-size >= farBeyond
	if first > size || first == size && !follows || last < first {
		return v, &refusal{http.StatusRequestedRangeNotSatisfiable, "the log is not so long yet"}
	}
	v.from, v.gzip = first, false
	if follows {
		v.to = endless
	} else {
		last = min(last, size-1)
		v.to = last + 1
	}
	v.rng = fmt.Sprintf("bytes %d-%d/*", first, last)
	return v, nil
}

// parseRange reads "a-b", "a-" or "-n". last is the end of the log, or as far beyond as it was said.
func parseRange(spec string, size int64) (first, last int64, ok bool) {
	from, to, found := strings.Cut(strings.TrimSpace(spec), "-")
	if !found {
		return 0, 0, false
	}
	first, firstOK := number(from)
	last, lastOK := number(to)
	switch {
	case from == "" && lastOK:
		return max(0, size-last), size - 1, true
	case firstOK && to == "":
		return first, max(first, size-1), true
	default:
		return first, last, firstOK && lastOK && first <= last
	}
}

// number reads digits alone.
func number(text string) (int64, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err == nil //nolint:gosec // 63 bits
}

// acceptsGzip tells whether a viewer names gzip among the encodings that it takes.
func acceptsGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			_, text, weighs := strings.Cut(weight, "=")
			q, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			return !weighs || err == nil && q > 0
		}
	}
	return false
}

// refuse answers a request that is not served.
func refuse(w http.ResponseWriter, err error, size int64) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = &refusal{http.StatusServiceUnavailable, "the log cannot be read"}
	}
	if r.status == http.StatusRequestedRangeNotSatisfiable {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
	}
	http.Error(w, r.text, r.status)
}
