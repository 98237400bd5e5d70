package service

import (
	"context"
	"log/slog"
	"strings"
)

// eventLog is the part of the system's event log that one source writes to.
type eventLog interface {
	Info(id uint32, text string) error
	Warning(id uint32, text string) error
	Error(id uint32, text string) error
}

// The ids of events. All are in the range that has a message with a single text.
const (
	eventStarted = 1
	eventEnded   = 2
	eventWarning = 3
	eventError   = 4
)

// maxEvent is how long the text of an event may be, in characters, with room for the system's own.
const maxEvent = 31000

// events is a slog.Handler that writes warnings and errors to the event log, which other users of the
// machine can read. So the attributes panic and stack, whose text nobody has looked at for secrets, are
// in the program's own log alone.
type events struct {
	log   eventLog
	attrs string
}

// Enabled implements slog.Handler.
func (*events) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (e *events) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message + e.attrs)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "panic" && a.Key != "stack" {
			b.WriteString(line(a))
		}
		return true
	})
	if r.Level >= slog.LevelError {
		return e.log.Error(eventError, eventText(b.String()))
	}
	return e.log.Warning(eventWarning, eventText(b.String()))
}

// WithAttrs implements slog.Handler.
func (e *events) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *e
	for _, a := range attrs {
		with.attrs += line(a)
	}
	return &with
}

// WithGroup implements slog.Handler; groups are not shown.
func (e *events) WithGroup(string) slog.Handler { return e }

func line(a slog.Attr) string { return "\r\n" + a.Key + ": " + a.Value.Resolve().String() }

// eventText is a text that the event log takes.
func eventText(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", " ")
	if len(text) > maxEvent {
		text = strings.ToValidUTF8(text[:maxEvent], "") + "…"
	}
	return text
}
