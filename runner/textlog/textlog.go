// Package textlog writes logs in the text form of the public runner: local time, the message,
// then its attributes sorted by key.
//
//	2006/01/02 15:04:05 registered; expires: 2006-01-02T15:04:05Z; workerId: w1
package textlog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Handler is a slog.Handler. Groups become prefixes with a dot.
type Handler struct {
	out    *output
	prefix string
	attrs  map[string]any
}

// output serialises whole lines.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

// New makes a handler that writes to w, one Write a line, and drops debug records.
func New(w io.Writer) *Handler { return &Handler{out: &output{w: w}} }

var _ slog.Handler = (*Handler)(nil)

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	values := maps.Clone(h.attrs)
	if values == nil {
		values = make(map[string]any, r.NumAttrs())
	}
	r.Attrs(func(a slog.Attr) bool {
		add(values, h.prefix, a)
		return true
	})
	line := line(r.Time, r.Level, r.Message, values)
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := io.WriteString(h.out.w, line+"\n")
	return err
}

func line(at time.Time, level slog.Level, message string, values map[string]any) string {
	switch {
	case level >= slog.LevelError:
		message = "ERROR: " + message
	case level >= slog.LevelWarn:
		message = "WARNING: " + message
	}
	return at.Format("2006/01/02 15:04:05") + " " + render(message, values)
}

// Line is the line of a record, without the newline; attrs are those of its logger and its own.
func Line(r slog.Record, attrs []slog.Attr) string {
	return line(r.Time, r.Level, r.Message, values(attrs))
}

// Text is the line of a record without time and level.
func Text(message string, attrs []slog.Attr) string { return render(message, values(attrs)) }

// Value is how a value is shown in a line.
func Value(v slog.Value) string {
	const key = "v"
	return show(values([]slog.Attr{{Key: key, Value: v}})[key])
}

func values(attrs []slog.Attr) map[string]any {
	m := make(map[string]any, len(attrs))
	for _, a := range attrs {
		add(m, "", a)
	}
	return m
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	more.attrs = maps.Clone(h.attrs)
	if more.attrs == nil {
		more.attrs = map[string]any{}
	}
	for _, a := range attrs {
		add(more.attrs, h.prefix, a)
	}
	return &more
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	more := *h
	more.prefix += name + "."
	return &more
}

func add(values map[string]any, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			add(values, prefix, inner)
		}
	case a.Key == "":
	case v.Kind() == slog.KindTime:
		values[prefix+a.Key] = v.Time().Format(time.RFC3339)
	case v.Kind() == slog.KindDuration:
		values[prefix+a.Key] = v.Duration().String()
	default:
		values[prefix+a.Key] = plain(v.Any())
	}
}

// plain turns errors and the like into text.
func plain(v any) any {
	switch v := v.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	default:
		return v
	}
}

// render makes the line; text may be empty.
func render(text string, values map[string]any) string {
	var parts []string
	if text != "" {
		parts = append(parts, text)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, key+": "+show(values[key]))
	}
	return strings.Join(parts, "; ")
}

func show(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}
