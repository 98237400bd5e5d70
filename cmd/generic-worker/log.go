package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// handler is the worker's log in the public program's form: one line of text a record.
type handler struct {
	sink  *sink
	attrs string
}

// Enabled implements slog.Handler.
func (*handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if r.Level >= slog.LevelWarn {
		b.WriteString(r.Level.String() + ": ")
	}
	b.WriteString(r.Message + h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(text(a))
		return true
	})
	h.sink.line(b.String())
	return nil
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.attrs += text(a)
	}
	return &with
}

// WithGroup implements slog.Handler; the worker uses no groups.
func (h *handler) WithGroup(string) slog.Handler { return h }

func text(a slog.Attr) string {
	return fmt.Sprintf("; %s: %s", a.Key, strings.ReplaceAll(a.Value.Resolve().String(), "\n", "\n  "))
}
