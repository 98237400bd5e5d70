// Package logs has the forms of the runner's log: the text of the public runner, JSON, and the
// journal of systemd. The worker's lines and records go the same way as the runner's own.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/workerkit/workerkit/runner/textlog"
)

// The forms.
const (
	Text     = "text"     // lines as the public runner writes them
	JSON     = "json"     // objects with time, level and msg, one a line
	Journald = "journald" // records for systemd's journal
)

// Socket is where systemd's journal takes records.
const Socket = "/run/systemd/journal/socket"

// sink writes records that have all their attributes, none of them a group.
type sink interface {
	Handle(ctx context.Context, r slog.Record) error
}

// Handler is a slog.Handler that drops debug records. It is safe for concurrent use.
type Handler struct {
	sink     sink
	scope    scope
	identity *atomic.Pointer[[]slog.Attr] // nil where it is not in each record
	close    func() error
}

var _ slog.Handler = (*Handler)(nil)

// New makes the handler of a form. Lines are written to w; records for the journal are sent to
// the socket at journal, and written to w while they cannot be sent. An error says why there
// is no such form here.
func New(form string, w io.Writer, journal string) (*Handler, error) {
	h := &Handler{close: func() error { return nil }}
	switch form {
	case Text:
		// as the public runner: who it is stands in one line
		h.sink = textlog.New(w)
		return h, nil
	case JSON:
		h.sink = newJSON(w)
	case Journald:
		j, err := dialJournal(journal, textlog.New(w))
		if err != nil {
			return nil, err
		}
		h.sink, h.close = j, j.close
	default:
		return nil, fmt.Errorf("logs: there is no form %q: use %s, %s or %s", form, Text, JSON, Journald)
	}
	h.identity = &atomic.Pointer[[]slog.Attr]{}
	return h, nil
}

// Identify puts attributes, such as the worker's ID, into each record from now on, also those
// of loggers that were made before. The form Text leaves them out.
func (h *Handler) Identify(attrs ...slog.Attr) {
	if h.identity == nil {
		return
	}
	flat := scope{}.with(attrs).attrs
	h.identity.Store(&flat)
}

// Close ends the connection to the journal, if there is one. Nothing may be logged after it.
func (h *Handler) Close() error { return h.close() }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	var front []slog.Attr
	if h.identity != nil {
		if identity := h.identity.Load(); identity != nil {
			front = *identity
		}
	}
	whole := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	whole.AddAttrs(h.scope.all(front, r)...)
	return h.sink.Handle(ctx, whole)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	more.scope = h.scope.with(attrs)
	return &more
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	more := *h
	more.scope = h.scope.group(name)
	return &more
}

// newJSON writes JSON. An attribute with the name of one of the record's own members, as a
// worker may send it, gets another one.
func newJSON(w io.Writer) sink {
	inner := slog.NewJSONHandler(w, nil)
	return sinkFunc(func(ctx context.Context, r slog.Record) error {
		renamed := slog.NewRecord(r.Time, r.Level, r.Message, 0)
		r.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case slog.TimeKey, slog.LevelKey, slog.MessageKey:
				a.Key += "_"
			}
			renamed.AddAttrs(a)
			return true
		})
		return inner.Handle(ctx, renamed)
	})
}

type sinkFunc func(context.Context, slog.Record) error

// Handle implements sink.
func (f sinkFunc) Handle(ctx context.Context, r slog.Record) error { return f(ctx, r) }
