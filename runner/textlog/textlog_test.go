package textlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/runner/textlog"
)

func TestLines(t *testing.T) {
	for want, write := range map[string]func(*slog.Logger){
		"hello":                  func(l *slog.Logger) { l.Info("hello") },
		"WARNING: careful":       func(l *slog.Logger) { l.Warn("careful") },
		"ERROR: bad; error: why": func(l *slog.Logger) { l.Error("bad", "error", errors.New("why")) },
		"m; a: text; b: 1; c: true; d: [1,\"x\"]; e: 1m30s": func(l *slog.Logger) {
			l.Info("m", "e", 90*time.Second, "d", []any{1, "x"}, "c", true, "b", 1, "a", "text")
		},
		"m; t: 2026-01-02T03:04:05Z":  func(l *slog.Logger) { l.Info("m", "t", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) },
		"m; s: [redacted]":            func(l *slog.Logger) { l.Info("m", "s", secret.New("hunter2")) },
		`m; s: {"in":"[redacted]"}`:   func(l *slog.Logger) { l.Info("m", "s", map[string]any{"in": secret.New("hunter2")}) },
		"m; id: w; more: 1":           func(l *slog.Logger) { l.With("id", "w").Info("m", "more", 1) },
		"m; g.a: 1; g.h.b: 2; top: 0": func(l *slog.Logger) { l.With("top", 0).WithGroup("g").Info("m", "a", 1, slog.Group("h", "b", 2)) },
		"":                            func(l *slog.Logger) { l.Debug("not seen") },
		"WARNING: with; newer: 2":     func(l *slog.Logger) { l.With("newer", 1).Warn("with", "newer", 2) },
	} {
		var b bytes.Buffer
		write(slog.New(textlog.New(&b)))
		if want == "" {
			if b.Len() != 0 {
				t.Errorf("wrote %q", b.String())
			}
			continue
		}
		if !regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ` + regexp.QuoteMeta(want) + "\n$").MatchString(b.String()) {
			t.Errorf("wrote %q, want %q", b.String(), want)
		}
	}
}

// whole fails when a write is not one line.
type whole struct {
	t  *testing.T
	mu sync.Mutex
	n  int
}

func (w *whole) Write(p []byte) (int, error) {
	if !w.mu.TryLock() {
		w.t.Error("two lines at once")
		return len(p), nil
	}
	defer w.mu.Unlock()
	if w.n++; strings.Count(string(p), "\n") != 1 || p[len(p)-1] != '\n' {
		w.t.Errorf("wrote %q", p)
	}
	return len(p), nil
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	w := &whole{t: t}
	l := slog.New(textlog.New(w))
	var wg sync.WaitGroup
	for range 8 {
		own := l.With("a", 1)
		wg.Go(func() {
			for range 100 {
				own.Info("line")
			}
		})
	}
	wg.Wait()
	if w.n != 800 {
		t.Errorf("%d lines", w.n)
	}
}

// TestPartsOfALine: other forms of the log show a record as the lines do.
func TestPartsOfALine(t *testing.T) {
	attrs := []slog.Attr{slog.Int("b", 2), slog.Group("g", slog.Any("a", secret.New("hunter2"))), slog.Int("b", 3)}
	r := slog.NewRecord(time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), slog.LevelError, "m", 0)
	for want, got := range map[string]string{
		"2026/01/02 03:04:05 ERROR: m; b: 3; g.a: [redacted]": textlog.Line(r, attrs),
		"m; b: 3; g.a: [redacted]":                            textlog.Text("m", attrs),
		"1m30s":                                               textlog.Value(slog.DurationValue(90 * time.Second)),
		`{"x":1}`:                                             textlog.Value(slog.AnyValue(map[string]int{"x": 1})),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
